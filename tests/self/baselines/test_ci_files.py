"""Files of a session, as the tools read them that read those of pytest-benchmark; and the example of a workflow."""

import functools
import itertools
import json
import math
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from baselines import store
from baselines.__main__ import _parser as baselines_parser
from baselines.cells import cells
from baselines.record import timed
from loaders.__main__ import _parser as loaders_parser
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


# The example of a workflow

WORKFLOW = Path(__file__).parents[3] / ".ci" / "github-example.yml"
SHELL = {"code=0", "exit", "if", "mkdir"}  # words that other lines begin with
TOOLS = {"pip": ["install"], "python3": ["-m", "venv"]}


def scripts():
    """The scripts of the workflow's ``run:`` keys: a list of texts, without a library for YAML, which the suite does not need."""
    lines, found = WORKFLOW.read_text().splitlines(), []
    for i, line in enumerate(lines):
        if match := re.match(r"( *)(?:- )?run: (.*)", line):
            block = itertools.takewhile(functools.partial(re.match, " " * (len(match[1]) + 2)), lines[i + 1 :])
            found.append("\n".join(each.strip() for each in block) if match[2] == "|" else match[2])
    return found


def commands():
    """The words of each line of the scripts, without what follows || and without the folder of the environment."""
    for script in scripts():
        for line in script.splitlines():
            words = shlex.split(line.partition("||")[0].replace('"$(git merge-base origin/main HEAD)"', "HEAD~1").replace('"$CELL"', CELL))
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def test_every_command_of_the_workflow_is_one_of_ours_or_a_known_tool(suite, tmp_path):
    (tmp_path / "storage").mkdir()
    parsed = []
    for first, *rest in commands():
        if rest[:2] == ["-m", "baselines"]:
            parsed.append(baselines_parser().parse_args(rest[2:]).command)
        elif rest[:2] == ["-m", "loaders"]:
            parsed.append(loaders_parser().parse_args(rest[2:]).command)
        elif first == "pytest":
            done = suite(*(word.replace("report.xml", str(tmp_path / "report.xml")) for word in rest), "--collect-only", "-q")
            assert 0 == done.returncode, done.output
            parsed.append(rest[1])
        else:
            assert first in SHELL or rest[: len(TOOLS[first])] == TOOLS[first]
    assert ["get", "quick", "get", "ab", "full", "compare"] == parsed


def test_the_groups_that_the_workflow_installs_are_the_projects():
    groups = tomllib.loads((WORKFLOW.parents[1] / "pyproject.toml").read_text())["dependency-groups"]
    installed = {name for _, *rest in commands() for option, name in itertools.pairwise(rest) if option == "--group"}
    assert {"tensorflow", "gpu"} == installed
    assert installed <= groups.keys()


def test_the_cell_of_the_workflow_is_a_quick_one_that_is_downloaded():
    (cell,) = re.findall(r"^  CELL: (\S+)", WORKFLOW.read_text(), re.MULTILINE)
    assert cells()[cell].quick
    assert ["get", cells()[cell].data] in [rest[2:] for _, *rest in commands()]


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (125, 0), (128, 128)])
def test_the_job_ab_fails_where_something_is_slower_and_not_where_it_is_open(code, expected, tmp_path):
    done = run_script("baselines ab ", code, tmp_path)
    assert expected == done.returncode
    assert (code == 125) == done.stdout.startswith("::warning title=ab::not decided")
    assert ["-m", "baselines", "ab", "c0ffee", "a-cell", "--budget", "30m"] == (tmp_path / "args").read_text().split()


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_the_page_is_published_where_something_regressed_and_not_where_there_is_none(code, expected, tmp_path):
    assert expected == run_script("--html", code, tmp_path).returncode


def run_script(part, code, folder):
    """Run the one script that holds ``part`` as GitHub does, with a Python that ends with that code."""
    (script,) = (script for script in scripts() if part in script)
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name, text in ("python", f'echo "$@" > {folder}/args; exit {code}'), ("git", "echo c0ffee"):
        (folder / ".venv" / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / ".venv" / "bin" / name).chmod(0o755)
    environment = {"PATH": f"{folder}/.venv/bin:{os.environ['PATH']}", "CELL": "a-cell"}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=30)
