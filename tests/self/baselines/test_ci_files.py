"""Files of a session, as the tools read them that read those of pytest-benchmark; and the example of a workflow."""

import json
import math

import pytest

from baselines import store
from baselines.record import timed
from tests.self.baselines import fake_training
from tests.self.baselines.sessions import CELL, FULL, MEAN, ONE, accept

pytestmark = pytest.mark.self


def strict(text):
    """A JSON text as JavaScript reads it: NaN and Infinity are mistakes."""

    def refused(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refused)


def github_action_benchmark(content):
    """Name -> value of what benchmark-action/github-action-benchmark's tool 'pytest' reads; a value is divided by, so that 0 is no value."""
    assert content["benchmarks"], "No benchmark result was found"
    found = {}
    for entry in content["benchmarks"]:
        stats = entry["stats"]
        numbers = [stats[key] for key in ("ops", "stddev", "mean", "rounds")]
        assert all(type(number) in (int, float) and math.isfinite(number) for number in numbers)
        assert stats["ops"] > 0
        found[entry["fullname"]] = stats["ops"]
    assert len(found) == len(content["benchmarks"]), "a name that two entries have is one series"
    return found


def bencher(content):
    """Name -> (median, mean) of what Bencher's adapter python_pytest reads; its names have 1 to 1024 bytes, its numbers 28 digits."""
    assert (dict, dict) == (type(content["machine_info"]), type(content["commit_info"]))
    found = {}
    for entry in content["benchmarks"]:
        assert 1 <= len(entry["fullname"].encode()) <= 1024
        numbers = [entry["stats"][key] for key in ("median", "iqr", "mean", "stddev")]
        assert all(type(number) in (int, float) and abs(number) < 7e28 for number in numbers)
        found[entry["fullname"]] = (entry["stats"]["median"], entry["stats"]["mean"])
    return found


def made(files):
    """The file that a session named x has stored."""
    (path,) = (path for path in files() if "_x_" in path.name)
    return path


def test_what_a_session_stores_is_read_by_the_tools_that_read_pytest_benchmark(suite, files, tmp_path):
    (tmp_path / "storage").mkdir()
    accept(tmp_path / "storage")
    done = suite(
        *ONE, "--seeds=1-2", "--benchmark-save=x", f"--benchmark-json={tmp_path / 'out.json'}", accuracy=MEAN, seconds=[2.0, 1.5, 1.0]
    )
    assert 0 == done.returncode
    names = [f"tests/test_epoch_time.py::test_epoch_time[{CELL}-seed{seed}]" for seed in (1, 2)]
    for path in made(files), tmp_path / "out.json":
        content = strict(path.read_text())
        assert dict.fromkeys(names, pytest.approx(3 / 4.5)) == github_action_benchmark(content)
        assert dict.fromkeys(names, (1.5, 1.5)) == bencher(content)


def test_a_training_without_times_is_no_measurement_of_zero_seconds(suite, files, tmp_path):
    (tmp_path / "storage").mkdir()
    suite(*FULL, "--dataset=digits", "--model=lenet5,vgg_like", "--benchmark-save=x", cells={fake_training.DIGITS[0]: {"seconds": []}})
    content = strict(made(files).read_text())
    assert 2 == len(content["records"])
    assert [f"tests/test_epoch_time.py::test_epoch_time[{fake_training.DIGITS[1]}]"] == list(github_action_benchmark(content))


def test_the_stored_files_are_read_by_those_tools():
    """But for trainings without times, which the first sessions stored as 0 seconds."""
    untimed = {(each.machine, each.file) for each in store.records() if not timed(each.record)}
    read = 0
    for path in sorted(store.FOLDER.glob("*/*.json")):
        content = strict(path.read_text())
        bencher(content)
        if (path.parent.name, path.name) in untimed and (not content["benchmarks"] or "records" not in content):
            assert not any(entry["stats"]["ops"] for entry in content["benchmarks"])
        else:
            read += len(github_action_benchmark(content))
    assert 60 < read
