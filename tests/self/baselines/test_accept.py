"""What becomes a baseline: only what may, by hand, with a reason, and read back before success is reported."""

import tomllib

import pytest

from baselines import __main__ as command
from baselines import accepted, store
from baselines.cells import cells
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
MACHINE = fake_training.MACHINE
OTHER = "other-chip_tensorflow_float32"


@pytest.fixture
def accept(tmp_path, capsys):
    """A function: ``accept --reason r`` with arguments -> (exit code, what it printed)."""

    def run(*args, reason="r"):
        code = command.main(["accept", f"--storage={tmp_path}", "--reason", reason, *args])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def add(tmp_path, number, name="new", machine=MACHINE, cell="lenet5-mnist-gate", commit=None, **values):
    return fake_training.stored(tmp_path, number, name, [fake_training.record(cell, **{"seed": number, **values})], machine, commit=commit)


def seeds(tmp_path):
    return sorted(each.record["seed"] for each in store.records(tmp_path) if each.accepted)


def table(tmp_path, machine=MACHINE):
    return tomllib.loads((tmp_path / machine / accepted.NAME).read_text())


def test_accept_takes_the_newest_name_and_stores_date_reason_and_digests(tmp_path, accept):
    for number in (1, 2, 3):
        add(tmp_path, number, "old" if number == 1 else "new")
    code, output = accept(reason='the "first" five\\six')
    assert (0, [2, 3]) == (code, seeds(tmp_path)), output
    entry = table(tmp_path)["lenet5-mnist-gate"]
    assert ["0002_new_00000002.json", "0003_new_00000003.json"] == list(entry["records"])
    assert 'the "first" five\\six' == entry["reason"]
    assert "accuracy mean 0.9890 (n=2, 1 machine); one training is suspicious under 0.98" in output


def test_accept_adds_and_never_lowers_n_and_only_replace_removes_the_former_records_on_every_machine(tmp_path, accept):
    add(tmp_path, 1, "old")
    add(tmp_path, 2, "old", OTHER)
    assert 0 == accept("--name=old")[0]
    add(tmp_path, 3)
    code, output = accept()
    assert (0, [1, 2, 3]) == (code, seeds(tmp_path)), output
    assert "mean 0.9890 (n=2) -> 0.9890 (n=3, 2 machines)" in output
    add(tmp_path, 4, "third", accuracy=0.999)
    code, output = accept("--replace")
    assert (0, [4]) == (code, seeds(tmp_path)), output
    assert "mean 0.9890 (n=3) -> 0.9990 (n=1, 1 machine)" in output
    assert "since the first baseline of " in output
    assert "+0.0100" in output
    assert {} == table(tmp_path, OTHER)


def test_any_text_can_be_a_reason(tmp_path, accept):
    add(tmp_path, 1)
    for reason in ('"""', "a\x7fb", "a\nb\t\\u0041", "\udcff", "😀 ö"):
        (tmp_path / MACHINE / accepted.NAME).unlink(missing_ok=True)
        assert 0 == accept(reason=reason)[0]
        assert reason.replace("\udcff", "?") == table(tmp_path)["lenet5-mnist-gate"]["reason"]


def test_accept_leaves_out_records_with_the_epochs_option_and_those_that_are_accepted(tmp_path, accept):
    add(tmp_path, 1, epochs_option=2)
    add(tmp_path, 2)
    assert 0 == accept()[0]
    add(tmp_path, 3)
    code, output = accept()
    assert (0, [2, 3]) == (code, seeds(tmp_path)), output
    assert f"left out: {MACHINE}/0001_new_00000001.json: lenet5-mnist-gate was trained with --epochs" in output
    assert f"left out, accepted already: 1 record of {MACHINE}/0002_new_00000002.json" in output


WRONG = "every test image is taken for class 0"


@pytest.mark.parametrize(
    ("values", "args", "complaint"),
    [
        ({"accuracy": 0.97}, [], "under its floor 0.98"),
        ({"epochs_option": 2}, [], "no new record of a whole recipe is named 'new'"),
        ({}, ["--name", "y"], "no new record of a whole recipe is named 'y' and fits --cell and --machine; stored names: good, new"),
        ({}, ["--cell", "y"], "no new record of a whole recipe"),
        ({"divergence": WRONG}, [], f"with seed 9 diverged: {WRONG}; find the cause, or accept it with --diverged"),
        ({"loss": None}, [], "diverged: its loss is not a finite number"),
        ({"commit": {"uncommitted": ["zoo/lenet.py"]}}, [], "trained while zoo/lenet.py had uncommitted changes; commit them"),
        ({"commit": {"dirty": True}}, [], "trained while some files had uncommitted changes"),
        ({"cell": "lenet5-mnist-afif", "accuracy": 0.985}, [], "is SUSPECT, so that it cannot be added to its baseline"),
        ({"cell": "lenet5-mnist-afif", "accuracy": 0.999}, [], "is IMPROVED, so that it cannot be added"),
        ({"cell": "lenet5-mnist-afif", "former": True}, [], "two recipes cannot be one baseline; replace the former"),
    ],
    ids=["floor", "epochs", "name", "cell", "diverged", "no loss", "uncommitted", "dirty", "suspect", "improved", "recipe"],
)
def test_accept_refuses_what_must_not_become_a_baseline_and_changes_nothing(tmp_path, accept, values, args, complaint):
    fake_training.stored(tmp_path, 1, "good", [fake_training.record("lenet5-mnist-afif", seed=seed, accuracy=0.9875) for seed in range(5)])
    fake_training.accept(tmp_path)
    before = table(tmp_path)
    add(tmp_path, 9, **values)
    code, output = accept(*args)
    assert (2, True, before) == (code, complaint in output, table(tmp_path)), output


def test_a_diverged_training_and_another_recipe_are_accepted_on_request(tmp_path, accept):
    add(tmp_path, 1, divergence=WRONG)
    assert (0, [1]) == (accept("--diverged")[0], seeds(tmp_path))
    add(tmp_path, 2, former=True)
    assert (0, [2]) == (accept("--replace")[0], seeds(tmp_path))


def test_two_recipes_of_one_name_are_never_accepted_together(tmp_path, accept):
    add(tmp_path, 1)
    add(tmp_path, 2, former=True)
    code, output = accept("--replace")
    assert (2, True) == (code, "two recipes cannot be one baseline; accept them one by one" in output), output


def test_an_empty_reason_is_refused(tmp_path, accept):
    add(tmp_path, 1)
    assert (2, True) == ((found := accept(reason=" "))[0], "--reason is empty" in found[1])


def test_accept_reports_success_only_after_it_has_read_back_what_it_wrote(tmp_path, accept, monkeypatch):
    add(tmp_path, 1)
    monkeypatch.setattr(accepted, "write", lambda *args, **options: None)
    code, output = accept()
    assert (2, True) == (code, "was written to accepted.toml but is not read back" in output), output


def test_records_without_times_are_said_to_count_for_accuracy_only(tmp_path, accept):
    add(tmp_path, 1, seconds=(), others=0.9)
    assert "1 of them without times" in accept()[1]


def test_a_stored_verdict_counts_while_its_baseline_is_the_same(tmp_path, accept):
    cell = cells()["lenet5-mnist-gate"]
    path = add(tmp_path, 1)
    found = store.records(tmp_path)[0]
    assert {} == found.verdicts
    kept = {"word": "SUSPECT", "line": "", "details": "", "more": 2, "carried": "", "baseline": fake_training.records.digest([])}
    text = path.read_text()
    path.write_text(text[:-1] + f', "verdicts": {{"{found.record["id"]}": {{"accuracy": {fake_training.json.dumps(kept)}}}}}}}')
    assert "SUSPECT" == store.records(tmp_path)[0].verdicts["accuracy"]["word"]
    code, output = accept()
    assert (2, True) == (code, f"{cell.id} with seed 1 is SUSPECT" in output), output


def test_the_first_baseline_is_known_from_lists_that_do_not_name_it(tmp_path, accept):
    add(tmp_path, 1, "old", accuracy=0.985)
    assert 0 == accept()[0]
    path = tmp_path / MACHINE / accepted.NAME
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("first =")))
    add(tmp_path, 2, accuracy=0.987)
    code, output = accept()
    assert (0, 0.985, 1) == (code, (first := table(tmp_path)["lenet5-mnist-gate"]["first"])["accuracy"], first["n"]), output
    assert "since the first baseline of" in output
    assert "(n=1): +0.0010" in output


def test_each_precision_has_a_baseline_of_its_own_which_replace_leaves_alone(tmp_path, accept):
    for number, precision in (1, "float32"), (2, "mixed_bfloat16"), (3, "mixed_bfloat16"):
        add(tmp_path, number, "old", f"chip_{precision}", precision=precision)
    code, output = accept()
    assert (0, [1, 2, 3], 2) == (code, seeds(tmp_path), output.count("accepted: lenet5-mnist-gate")), output
    assert "1 record: accuracy mean 0.9890 (n=1, 1 machine)" in output
    assert "2 records: accuracy mean 0.9890 (n=2, 1 machine)" in output
    add(tmp_path, 4)
    assert 0 == accept("--replace")[0]
    assert [2, 3, 4] == seeds(tmp_path)


def test_only_records_of_the_machine_that_is_named_are_accepted(tmp_path, accept):
    add(tmp_path, 1)
    add(tmp_path, 2, machine=OTHER)
    assert (0, [2]) == (accept(f"--machine={OTHER}")[0], seeds(tmp_path))


def test_a_projects_command_accepts_the_projects_own_records_only(tmp_path, accept, monkeypatch):
    suites = tmp_path / "suite"
    add(suites, 1)
    add(tmp_path, 2)
    monkeypatch.setattr(store, "folders", lambda: [tmp_path, suites])
    code, output = accept()
    assert (0, [2], []) == (code, seeds(tmp_path), seeds(suites)), output


def test_a_cell_that_is_in_no_table_is_refused(tmp_path, accept, monkeypatch):
    add(tmp_path, 1)
    others = {name: cell for name, cell in cells().items() if name != "lenet5-mnist-gate"}
    monkeypatch.setattr("baselines.accept.cells", lambda: others)
    code, output = accept()
    assert (2, True) == (code, "with seed 1 is not a cell of the tables; put its row back, or leave it out with --cell" in output), output


def test_a_floor_does_not_hold_for_a_sample_and_a_value_at_the_floor_is_not_under_it(tmp_path, accept):
    add(tmp_path, 1, accuracy=0.5, kind="sample", fingerprint="beef")
    add(tmp_path, 2, accuracy=0.98)
    assert (0, [1, 2]) == ((found := accept())[0], seeds(tmp_path)), found[1]


@pytest.mark.parametrize(
    ("kept", "complaint"),
    [
        ({"word": "SUSPECT", "carried": "", "baseline": "older"}, None),
        ({"word": "SAME", "carried": "PASS"}, None),
        ({"word": "SAME", "carried": "REGRESSED"}, "is REGRESSED, so that it cannot be added"),
    ],
    ids=["of another baseline", "same as a good one", "same as a bad one"],
)
def test_the_stored_verdict_of_todays_baseline_decides(tmp_path, accept, kept, complaint):
    path = add(tmp_path, 1)
    found = store.records(tmp_path)[0]
    kept = {"line": "", "details": "", "more": 2, "baseline": fake_training.records.digest([]), **kept}
    content = fake_training.json.loads(path.read_text())
    path.write_text(fake_training.json.dumps({**content, "verdicts": {found.record["id"]: {"accuracy": kept}}}))
    code, output = accept()
    assert (2 if complaint else 0, True) == (code, (complaint or "accepted: ") in output), output


def test_drift_is_counted_from_the_oldest_first_baseline_of_any_machine(tmp_path, accept):
    for number, (machine, accuracy, date) in enumerate([(MACHINE, 0.981, "2026-02-02"), (OTHER, 0.982, "2026-01-01")], 1):
        add(tmp_path, number, machine=machine, accuracy=accuracy)
        assert "since the first baseline" not in accept(f"--machine={machine}")[1].splitlines()[:1]
        path = tmp_path / machine / accepted.NAME
        today = table(tmp_path, machine)["lenet5-mnist-gate"]["since"]
        path.write_text(path.read_text().replace(today, date))
    add(tmp_path, 3, accuracy=0.983)
    code, output = accept()
    assert (0, True) == (code, "since the first baseline of 2026-01-01 (n=1): +0.0000" in output), output
    first = {"since": "2026-02-02", "accuracy": 0.981, "n": 1}
    assert first == table(tmp_path)["lenet5-mnist-gate"]["first"]
    add(tmp_path, 4, accuracy=0.99)
    assert "of 2026-02-02 (n=1): +0.0090" in accept("--replace")[1]
    assert first == table(tmp_path)["lenet5-mnist-gate"]["first"]


def test_a_baseline_that_moves_to_another_machine_keeps_its_first_one(tmp_path, accept):
    add(tmp_path, 1, "old", accuracy=0.985)
    assert 0 == accept()[0]
    add(tmp_path, 2, machine=OTHER, accuracy=0.987)
    code, output = accept("--replace")
    assert (0, {}) == (code, table(tmp_path)), output
    assert ("+0.0020" in output, 0.985) == (True, table(tmp_path, OTHER)["lenet5-mnist-gate"]["first"]["accuracy"]), output
