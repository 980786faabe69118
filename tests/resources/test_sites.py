"""Where machines stand, the addresses that outlive them, and the key of the public names."""

LARGE, BY_HAND = "large-melbourne", "solo-aws-manual-dns"


def test_machines_that_do_the_same_work_are_kept_apart(records_of, plan_of, one, kind):
    plan = plan_of(LARGE)
    for group in plan.apart:
        made = one(records_of(LARGE), "PlacementGroup", group.name).inputs
        assert (made["placementGroupType"], made["placementGroupPolicy"]) == ("anti_affinity:local", "flexible")
        assert 3 <= len(made["label"]) <= 32
        for member in group.members:
            machine = one(records_of(LARGE), "Instance", member).inputs
            assert machine["placementGroup"] == {"id": f"<<id of {group.name}>>"}
    placed = {record.name for record in kind(records_of(LARGE), "Instance") if "placementGroup" in record.inputs}
    assert placed == {member for group in plan.apart for member in group.members}


def test_placement_is_compared_for_it_changes_in_place(records_of, kind):
    assert not [one.name for one in kind(records_of(LARGE), "Instance") if "placementGroup" in one.ignore_changes]


def test_records_set_by_hand_point_at_an_address_that_outlives_the_machine(records_of, one):
    records = records_of(BY_HAND)
    (public, _) = one(records, "Instance", "web-1").inputs["linodeInterfaces"]

    assert one(records, "ReservedIp", "address-web-1").inputs == {"region": "au-mel"}
    assert public["public"]["ipv4"]["addresses"] == [{"address": "<<address-web-1>>", "primary": True}]


def test_vlan_machine_is_made_with_its_reserved_address(record_parts, one):
    parts = {"size": "solo", "region": "ap-southeast", "storage": {"provider": "wasabi"}, "edge": {"dns": "manual"}}

    machine = one(record_parts(parts), "Instance", "web-1").inputs

    assert machine["ipv4s"] == ["<<address-web-1>>"]
    assert "linodeInterfaces" not in machine


def test_machine_without_a_reserved_address_takes_what_it_gets(records_of, kind):
    for machine in kind(records_of(LARGE), "Instance"):
        assert "ipv4s" not in machine.inputs
        assert machine.inputs["linodeInterfaces"][0]["public"]["ipv4"]["addresses"][0]["address"] == "auto"


def test_public_names_have_one_key_and_a_request_that_names_them_all(records_of, plan_of, one):
    request = one(records_of(LARGE), "CertRequest", "site").inputs

    assert request["dnsNames"] == list(plan_of(LARGE).tls.names)
    key = one(records_of(LARGE), "PrivateKey", "site").inputs
    assert (key["algorithm"], key["ecdsaCurve"]) == ("ECDSA", "P256")


def test_name_too_long_for_a_subject_is_still_asked_for(record_parts, one):
    domain = f"{'a' * 40}.{'b' * 40}.example"

    request = one(record_parts({"size": "solo", "domain": domain}), "CertRequest", "site").inputs

    assert "subject" not in request
    assert domain in request["dnsNames"]


def test_behind_cloudflare_there_is_no_key_to_ask_a_public_authority_with(records_of):
    assert not [one for one in records_of("small-cloudflare-ses") if one.name in {"site", "site-key"}]
