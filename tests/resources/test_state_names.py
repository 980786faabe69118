"""The guard on state: a logical name that changes destroys what it stands for and makes another."""


def text_of(records):
    lines = (f"{record.type}  {record.name}{'  [protect]' if record.protect else ''}" for record in records)
    return "".join(f"{line}\n" for line in sorted(lines))


def test_logical_names_and_protection_are_as_agreed(case, records_of, golden):
    golden(f"resources/{case}.txt", text_of(records_of(case)))


def test_no_name_tells_tier_domain_size_or_region(case, records_of, plan_of):
    plan = plan_of(case)
    words = {plan.tier.value, plan.slug, plan.region.name, plan.mastodon.version.value, plan.nodes[0].machine.name}

    names = [record.name for record in records_of(case)]

    assert not [name for name in names for word in words if word in name]


def test_every_record_but_providers_and_the_instance_has_a_parent(case, records_of):
    rootless = {record.name for record in records_of(case) if not record.parent}

    assert rootless == {"linode", "mastodon"}


def test_aws_and_linode_resources_name_their_provider(case, records_of):
    clouds = [record for record in records_of(case) if record.type.startswith(("aws:", "linode:"))]

    assert clouds
    assert not [record.name for record in clouds if not record.provider]


def test_each_kind_of_resource_stays_in_its_component(every_case, records_of, golden):
    """A component's type is part of its children's URNs: a child that moves is deleted and made again."""
    lines = set()
    for case in every_case:
        types = {record.name: record.type for record in records_of(case) if not record.is_custom}
        lines |= {f"{record.type}  in  {types.get(record.parent, 'the stack')}" for record in records_of(case)}

    golden("resources/components.txt", "".join(f"{line}\n" for line in sorted(lines)))
