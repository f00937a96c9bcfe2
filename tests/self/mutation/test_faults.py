"""The faults that ``tox -e faults`` plants: each fits its file, and a seed always gives the same random edits."""

import tokenize
from io import StringIO
from pathlib import Path

import pytest

from tests.self.mutation import __main__ as faults
from tests.self.mutation import edits, selection

pytestmark = pytest.mark.self
FILES = sorted(path.relative_to(faults.ROOT).as_posix() for path in (faults.ROOT / "zoo").rglob("*.py"))


def test_every_planted_fault_fits_its_file_once_and_compiles():
    planted = edits.planted()
    assert 40 <= len({(fault.file, fault.find, fault.replace) for fault in planted}) == len(planted)
    for fault in planted:
        compile(fault.text(), fault.file, "exec")
        assert fault.text() != Path(faults.ROOT / fault.file).read_text()


@pytest.mark.parametrize(("find", "times"), [("nothing of the kind", 0), ("import", 2)])
def test_a_text_that_is_not_there_exactly_once_is_refused(find, times, tmp_path, monkeypatch):
    table = tmp_path / "faults.toml"
    table.write_text(f'fault = [{{ file = "zoo/lenet.py", find = "{find}", replace = "", why = "" }}]')
    monkeypatch.setattr(edits, "TABLE", table)
    with pytest.raises(ValueError, match=f"is {times} times in zoo/lenet.py"):
        edits.planted()


def test_random_edits_change_one_token_and_follow_from_the_seed():
    drawn = edits.edits(30, 1, FILES)
    assert drawn == edits.edits(30, 1, FILES) != edits.edits(30, 2, FILES)
    assert 5 < len({fault.file for fault in drawn})
    for fault in drawn:
        sound = Path(faults.ROOT / fault.file).read_text()
        before, after = sound[: fault.start], sound[fault.start + len(fault.find) :]
        assert (before + fault.find + after, before + fault.replace + after) == (sound, fault.text())
        assert [fault.find] == [token.string for token in tokenize.generate_tokens(StringIO(fault.find).readline) if token.string.strip()]


def test_the_tests_of_a_file_import_it_directly_or_indirectly():
    assert {"tests/test_goldens.py", "tests/test_parameters.py", "tests/test_shapes.py"} < set(selection.test_files("zoo/vgg.py"))
    assert "tests/self/loaders/test_loaders.py" not in selection.test_files("zoo/vgg.py")
    assert "tests/self/mutation/test_faults.py" not in selection.test_files("zoo/vgg.py")
    assert "tests/self/zoo/test_training.py" in selection.test_files("zoo/training/train.py")
    assert "tests/test_parameters.py" not in selection.test_files("zoo/training/train.py")
    assert "tests/self/baselines/test_record.py" in selection.test_files("baselines/record.py")
    assert "tests/self/baselines/test_session.py" in selection.test_files("baselines/session.py")


def test_a_fault_is_tried_on_the_tests_of_its_own_file_first_and_on_whole_sessions_last():
    names = {file: [Path(test).name for test in selection.test_files(file)] for file in ("baselines/session.py", "baselines/judge.py")}
    assert ["test_session_plan.py", "test_session_trainings.py", "test_session_end.py"] == names["baselines/session.py"][:3]
    assert set(selection.LAST) == set(names["baselines/session.py"][3:])
    assert "test_judge.py" == names["baselines/judge.py"][0]
    every = {path.name for path in (faults.ROOT / "tests").rglob("test_*.py")}
    assert {test for tests in selection.OWN.values() for test in tests} | {*selection.FIRST, *selection.LAST, *selection.NEVER} <= every


def test_every_file_with_a_planted_fault_has_tests_of_its_own():
    assert all(selection.test_files(fault.file) for fault in edits.planted())
