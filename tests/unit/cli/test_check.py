import json


def test_check_of_a_sound_file_says_what_it_is(cli, stack):
    stack("social")

    outcome = cli("check", "social")

    assert outcome.code == 0
    first, second, third = outcome.out.splitlines()
    assert first == "ok: stacks/Pulumi.social.yaml"
    assert second == "  social.example: 1,000 people, 1 machine in Melbourne, size small"
    assert third.endswith("notes; to read them: mastodon-infra plan social")


def test_check_names_every_problem_with_its_line(cli, stack, golden):
    stack("social", "sise: small", region="au-melb", more="storage: {provider: minio}\nsearch: true")

    outcome = cli("check", "social")

    assert (outcome.code, outcome.out) == (1, "")
    golden("cli/check-problems.txt", outcome.err)


def test_check_as_data_gives_the_same_problems_on_standard_output(cli, stack):
    stack("social", "sise: small", region="au-melb")

    outcome = cli("check", "social", "--json")

    problems = json.loads(outcome.out)["problems"]
    assert (outcome.code, outcome.err) == (1, "")
    assert {problem["where"] for problem in problems} >= {"stacks/Pulumi.social.yaml:4"}
    assert all(set(problem) == {"where", "path", "message", "hint"} for problem in problems)


def test_check_as_data_of_a_sound_file_has_no_problems(cli, stack):
    stack("social")

    data = json.loads(cli("check", "social", "--json").out)

    assert data["problems"] == []
    assert data["file"] == "stacks/Pulumi.social.yaml"


def test_check_annotated_marks_the_lines_that_are_wrong(cli, stack):
    stack("social", "sise: small")

    outcome = cli("check", "social", "--annotate")

    assert (outcome.code, outcome.err) == (1, "")
    assert "    sise: small  # E2\n" in outcome.out
    assert "# E2: sise: the key sise is not known here\n#     hint: did you mean size?\n" in outcome.out
    stack("social")
    assert cli("check", "social", "--annotate").out == cli("check", "social").out


def test_check_finds_a_plan_that_does_not_fit(cli, stack):
    stack("social", "size: large", more="nodes: {redis: {machine_type: g6-nanode-1}}")

    outcome = cli("check", "social")

    assert outcome.code == 1
    assert outcome.err.startswith("stacks/Pulumi.social.yaml:14: nodes.redis.machine_type\n")


def test_stack_is_found_from_a_folder_below(cli, stack, folder, monkeypatch):
    stack("social")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")

    assert cli("check", "social").out.startswith("ok: ../../stacks/Pulumi.social.yaml\n")


def test_stack_is_found_by_the_path_of_its_file(cli, stack):
    path = stack("social")

    assert cli("check", str(path)).code == 0


def test_stack_is_found_in_the_folder_that_is_given(cli, stack, folder, monkeypatch, tmp_path_factory):
    stack("social")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert cli("check", "social", "--stacks-dir", str(folder / "stacks")).code == 0


def test_unknown_stack_names_those_that_there_are(cli, stack):
    stack("aus")
    stack("demo")

    outcome = cli("check", "dmo")

    assert outcome.code == 1
    assert outcome.err == (
        "no stack 'dmo'; known in stacks: aus, demo\n"
        "  hint: did you mean demo? mastodon-infra new dmo writes a new one\n"
    )


def test_without_any_stacks_the_first_step_is_named(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    outcome = cli("check", "demo")

    assert outcome.code == 1
    assert "mastodon-infra new demo writes a first one" in outcome.err


def test_a_name_that_no_file_can_have_is_refused(cli, folder):
    assert cli("check", "-- x").code in {1, 2}
    assert "is not a stack's name" in cli("check", "a b").err


def test_a_folder_in_place_of_a_file_is_named(cli, folder):
    outcome = cli("check", "stacks/")

    assert (outcome.code, outcome.err) == (1, "stacks\n  this is a folder, not a stack file\n")
