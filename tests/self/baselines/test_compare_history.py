"""`compare --by`: groups in the order of their versions, each against the oldest of equal cell, machine, data and recipe."""

import json

import pytest

from baselines import __main__ as command
from baselines.report import history, measure
from baselines.report.select import ChoiceError
from tests.self.baselines import fake_training
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


def test_all_cells_together_have_the_geometric_mean_of_the_ratios_to_the_oldest_group():
    stored = [made(cell, versions=keras("3.9.0"), seconds=(2.0, 3.0), accuracy=0.9) for cell in (CELL, OTHER)]
    stored += [
        made(cell, versions=keras("3.14.0"), seconds=(2.0 * ratio, 999.0), accuracy=0.9 + change)
        for cell, ratio, change in ((CELL, 0.5, 0.01), (OTHER, 2.0, 0.03), (THIRD, 50.0, 0.0))
    ]
    stored += [made(THIRD, versions=keras("3.15.0"), seconds=(1.0, 3.0))]
    old, new, newest = by(stored, "keras")[:3]
    assert (2, None, None) == (old.cells, old.ratio, old.accuracy_change)
    assert (2, 1.0, 2) == (new.cells, pytest.approx(new.ratio.value), new.ratio.n)
    assert pytest.approx(0.02) == new.accuracy_change.value
    assert (0, None) == (newest.cells, newest.ratio), "no cell in common with the oldest"
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
    assert ["all cells", "keras cells ratio change"] == [" ".join(line.split()) for line in found[:2]]
    assert f"{CELL}, made-up-chip, tensorflow float32" in found
    assert "  3.14.0   0.9890 1       2  0.50 +0.0000" in found
    assert "3.14.0 also differs in: numpy 1 -> 2" in found
    assert "1 more have records of one keras only; --format json has them." in found
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
