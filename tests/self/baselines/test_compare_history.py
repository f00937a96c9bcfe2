"""`compare --by`: groups in the order of their versions, each against the one before it of equal cell, machine, data and recipe."""

import json

import pytest

from baselines import __main__ as command
from baselines.report import charts, drawing, history, measure
from baselines.report.select import ChoiceError
from tests.self.baselines import fake_training, pages
from tests.self.baselines.comparisons import CELL, OTHER, THIRD, A, B, made, several

pytestmark = pytest.mark.self


def by(stored, what):
    return history.groups(measure.measured(stored, {}), what)


def keras(version, **more):
    return {"keras": version, "tensorflow-cpu": "2.21.0", **more}


def test_versions_are_ordered_as_versions_whatever_their_dates():
    dates = ("2026-01-03", "2026-01-01", "2026-01-02", "2026-01-04")
    stored = [
        made(when=f"{date}T00:00:00+00:00", versions=keras(version))
        for date, version in zip(dates, ("3.14.0", "3.9.2", "3.15.0rc1", "3.15.0"), strict=True)
    ]
    assert ["3.9.2", "3.14.0", "3.15.0rc1", "3.15.0"] == [each.name for each in by(stored, "keras") if each.cell == history.ALL]
    pythons = [made(python=version) for version in ("3.14.1", "3.9.3", "a build of mine")]
    assert ["a build of mine", "3.9.3", "3.14.1"] == [each.name for each in by(pythons, "python")[:3]]


def test_commits_and_machines_are_ordered_by_their_first_record():
    stored = [made(when=f"2026-01-0{day}T00:00:00+00:00", commit={"id": name * 40}) for day, name in ((3, "a"), (1, "b"), (2, "c"))]
    assert ["b" * 8, "c" * 8, "a" * 8] == [each.name for each in by(stored, "commit")[:3]]
    stored = [made(machine=A), made(machine=B, when="2025-01-01T00:00:00+00:00")]
    assert ["chip-b, tensorflow float32", "chip-a, tensorflow float32"] == [each.name for each in by(stored, "machine")[:2]]


def test_uncommitted_code_is_a_group_apart_from_its_commit(tmp_path, capsys):
    clean, dirty, later = ({"id": "a" * 40, "dirty": False}, {"id": "a" * 40, "dirty": True}, {"id": "b" * 40})
    code = {"graph": "z", "recipes": "b", "training": "c", "loader": "d"}
    stored = [
        *several(3, accuracies=(0.98, 0.981, 0.982), seconds=(2.0, 2.01, 2.02), commit=clean),
        *several(3, accuracies=(0.88, 0.881, 0.882), seconds=(4.0, 4.02, 4.04), commit=dirty, when="2026-01-02T00:00:00+00:00", code=code),
        *several(3, accuracies=(0.98, 0.981, 0.982), seconds=(2.0, 2.01, 2.02), commit=later, when="2026-01-03T00:00:00+00:00"),
    ]
    found = [each for each in by(stored, "commit") if each.cell == CELL]
    expected = [("a" * 8, 0.981, None, None), (f"{'a' * 8}+", 0.881, -0.1, 2.0), ("b" * 8, 0.981, 0.1, 0.5)]
    figures = [(each.name, each.accuracy, each.accuracy_change, each.ratio) for each in found]
    assert expected == [(name, *(value and pytest.approx(value.value) for value in values)) for name, *values in figures]
    assert "+: with uncommitted code" in history.text(by(stored, "commit"), "commit")
    assert "uncommitted" not in history.text(by(stored, "keras"), "keras")
    assert "uncommitted" not in history.text(by(stored[:3] + stored[6:], "commit"), "commit")


def test_the_history_of_the_page_keeps_uncommitted_code_apart_too(monkeypatch):
    monkeypatch.setattr(drawing, "svg", lambda *args: "")
    here = pages.row(history=[pages.trained(1, (0.9,)), pages.trained(2, (0.5,), dirty=True)])
    chart = charts.history(CELL, [here], {here.place: "A"})
    assert [("c0ffee1", "0.9000"), ("c0ffee1+", "0.5000")] == [(line[1], line[3]) for line in chart.rows]
    assert chart.note.endswith("+: with uncommitted code.")


def test_a_cell_has_one_value_in_the_mean_of_all_cells_and_short_trainings_none():
    """A cell on two machines, and its short trainings there, are not four cells."""
    stored = []
    for version, seconds, short in ("3.9.0", 2.0, 0.9), ("3.14.0", 4.0, 0.5):
        for machine, cell, factor in (A, CELL, 1), (B, CELL, 1), (A, OTHER, 2):
            packages = {"machine": machine, "versions": keras(version)}
            factor = factor if version == "3.14.0" else 1
            stored += several(2, cell, accuracies=(0.9, 0.91), seconds=(seconds * factor, seconds * factor), **packages)
            stored += [made(cell, seed=9, epochs_option=2, accuracy=short, seconds=(9.0, 9.0), **packages)]
    _, new = by(stored, "keras")[:2]
    assert (2, 2, 2) == (new.compared, new.ratio.n, new.accuracy_change.n)
    assert (pytest.approx(8**0.5), pytest.approx(0.0)) == (new.ratio.value, new.accuracy_change.value)
    _, alone = by([each for each in stored if each.cell == CELL], "keras")[:2]
    assert (1, 1, None, pytest.approx(2.0)) == (alone.compared, alone.ratio.n, alone.ratio.low, alone.ratio.value)
    _, short = by([each for each in stored if each.record["epochs_option"]], "keras")[:2]
    assert (None, pytest.approx(1.0)) == (short.accuracy_change, short.ratio.value), "its epochs are whole, but not its training"


def test_each_version_is_held_against_the_one_before_it_of_each_cell():
    """A cell that the first version had not; and one that was twice as fast in the second, and did not change in the third."""
    stored = [made(CELL, versions=keras("3.9.0"), seconds=(2.0, 3.0), accuracy=0.9)]
    stored += [made(CELL, versions=keras(version), seconds=(1.0, 3.0), accuracy=0.92) for version in ("3.14.0", "3.15.0")]
    stored += [made(OTHER, versions=keras(version), seconds=(5.0, 6.0)) for version in ("3.14.0", "3.15.0")]
    stored += [made(THIRD, versions=keras("3.9.0"))]
    old, new, newest = by(stored, "keras")[:3]
    assert [(2, 0), (2, 1), (2, 2)] == [(each.cells, each.compared) for each in (old, new, newest)]
    assert (None, pytest.approx(0.5), pytest.approx(1.0)) == (old.ratio, new.ratio.value, newest.ratio.value)
    assert (pytest.approx(0.02), pytest.approx(0.0)) == (new.accuracy_change.value, newest.accuracy_change.value)
    assert ["3.9.0", "3.9.0", "3.14.0"] == [each.base for each in by(stored, "keras") if each.cell == CELL]
    assert ["3.9.0", "3.9.0", "3.14.0"] == [each.base for each in (old, new, newest)]


def test_machines_and_precisions_are_held_against_the_first_one():
    folders = (A, B, "chip-d_tensorflow_float32")
    stored = [
        made(machine=folder, seconds=(seconds, 9.0), seed=i)
        for i, (folder, seconds) in enumerate(zip(folders, (2.0, 4.0, 8.0), strict=True))
    ]
    stored += [made(OTHER, machine=folder) for folder in folders[1:]]
    *_, third = by(stored, "machine")[:3]
    assert (2, 1, pytest.approx(4.0)) == (third.cells, third.compared, third.ratio.value), "the first has not run the other cell"


def test_all_cells_together_have_the_geometric_mean_of_the_ratios():
    stored = [made(cell, versions=keras("3.9.0"), seconds=(2.0, 3.0), accuracy=0.9) for cell in (CELL, OTHER)]
    stored += [
        made(cell, versions=keras("3.14.0"), seconds=(2.0 * ratio, 999.0), accuracy=0.9 + change)
        for cell, ratio, change in ((CELL, 0.5, 0.01), (OTHER, 2.0, 0.03), (THIRD, 50.0, 0.0))
    ]
    stored += [made(THIRD, versions=keras("3.15.0"), seconds=(1.0, 3.0))]
    old, new, newest = by(stored, "keras")[:3]
    assert (2, None, None) == (old.cells, old.ratio, old.accuracy_change)
    assert (3, 2, 1.0, 2) == (new.cells, new.compared, pytest.approx(new.ratio.value), new.ratio.n)
    assert pytest.approx(0.02) == new.accuracy_change.value
    assert (1, 1, pytest.approx(0.01)) == (newest.cells, newest.compared, newest.ratio.value)
    third = [each for each in by(stored, "keras") if each.cell == THIRD]
    assert [("3.14.0", None), ("3.15.0", pytest.approx(0.01))] == [(each.name, each.ratio and each.ratio.value) for each in third]


def test_what_else_changed_is_named():
    stored = [made(versions=keras("3.9.0")), made(versions=keras("3.14.0", **{"tensorflow-cpu": "2.22.0"}), python="3.12.0")]
    _, new = by(stored, "keras")[:2]
    assert ("tensorflow-cpu 2.21.0 -> 2.22.0", "python 3.11.7 -> 3.12.0") == new.also


def test_a_backend_is_grouped_by_its_own_version_only():
    stored = [made(versions=keras("3.9.0", jax="0.10.2")), made(machine="chip-c_jax_float32", versions={"keras": "3.9.0", "jax": "0.9"})]
    assert ["0.9"] == [each.name for each in by(stored, "jax") if each.cell == history.ALL]
    with pytest.raises(ChoiceError, match="--by=jax: no record has one; its backends: tensorflow"):
        by(stored[:1], "jax")
    with pytest.raises(ChoiceError, match="--by=machine: no stored record was chosen"):
        by([], "machine")


def test_data_recipes_and_precisions_are_apart_unless_they_are_what_is_asked_for():
    stored = [
        made(),
        made(fingerprint="beef", seed=1),
        made(epochs_option=1),
        made(machine="chip-a_tensorflow_mixed_bfloat16", seconds=(1.0, 9.0)),
    ]
    assert [1, 1, 1, 1] == [each.accuracy.n for each in by(stored, "keras") if each.cell == CELL]
    half = next(each for each in by(stored, "precision") if each.name == "mixed_bfloat16" and each.cell == CELL)
    assert (pytest.approx(1.0 / 1.5), "chip-a, tensorflow") == (half.ratio.value, half.place)


@pytest.fixture
def printed(tmp_path, capsys):
    """A function: options of `compare` -> what it prints of two versions of Keras."""
    for number, version in enumerate(("3.9.0", "3.14.0", "3.14.0"), 1):
        cell, packages = (CELL if number < 3 else OTHER), {"keras": version, "numpy": "1" if number == 1 else "2"}
        record = fake_training.record(cell, versions=packages, seconds=(4.0 / number, 9.0))
        fake_training.stored(tmp_path, number, "x", [record])

    def run(*args):
        assert 0 == command.main(["compare", f"--storage={tmp_path}", *args])
        return capsys.readouterr().out

    return run


def test_text_shows_the_cells_with_several_groups_and_says_of_how_many_there_is_one(printed):
    found = printed("--by=keras").splitlines()
    assert ["all cells", "keras cells compared ratio change"] == [" ".join(line.split()) for line in found[:2]]
    assert f"{CELL}, made-up-chip, tensorflow float32" in found
    assert "  3.14.0   0.9890 1       2  0.50 +0.0000" in found
    assert "3.14.0 also differs in: numpy 1 -> 2" in found
    assert "1 more table is of one version of keras only; --format json has it." in found
    assert "| 3.14.0" in printed("--by=keras", "--format=github")


def test_json_and_csv_have_every_group(printed):
    found = json.loads(printed("--by=keras", "--format=json"))
    assert [0.5, 0.5] == [each["ratio"]["value"] for each in found if each["name"] == "3.14.0" and each["ratio"]]
    assert 1 + len(found) == len(printed("--by=keras", "--format=csv").splitlines())


def test_machines_have_letters_in_text_and_no_line_is_too_wide(tmp_path, capsys):
    for number in range(1, 4):
        fake_training.stored(tmp_path, number, "x", [fake_training.record()], machine=f"{'long' * 20}{number}_tensorflow_float32")
    assert 0 == command.main(["compare", f"--storage={tmp_path}", "--by=machine"])
    lines = capsys.readouterr().out.splitlines()
    assert f"A = {'long' * 20}1, tensorflow float32" in lines
    assert 100 >= max(map(len, lines[:8]))


def test_several_seeds_of_a_version_have_an_interval():
    stored = [*several(3, versions=keras("3.9.0")), *several(3, versions=keras("3.14.0"), seconds=(1.0, 1.1, 1.2))]
    new = by(stored, "keras")[1]
    assert new.ratio.low < new.ratio.value < new.ratio.high < 1
