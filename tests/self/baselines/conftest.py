"""Fixtures for tests of whole sessions."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from baselines import __main__ as command
from baselines import child, machine, roofline, session, store, trials
from baselines.cells import cells
from baselines.options import Options
from baselines.results import Results
from baselines.schedule import Schedule
from tests.self.baselines import fake_training
from tests.self.baselines.two_sides import CELL, Children, git
from zoo import project

ROOT = Path(__file__).parents[3]
# Ignored in the background of a shell, or below nohup: tests send these signals, and children inherit what is ignored.
for number, handler in (signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL), (signal.SIGHUP, signal.SIG_DFL):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-n0")
FAKE = ("-p", "tests.self.baselines.fake_training")


@pytest.fixture(scope="session")
def compiled_modules():
    """Import what a session may import first: it forgets its imports afterwards, and NumPy cannot be loaded twice."""
    import numpy  # noqa: F401
    import scipy.special  # noqa: F401


@pytest.fixture
def suite(compiled_modules, pytester, tmp_path, monkeypatch):
    """A function that runs pytest as typed, with a training that takes no time and its storage in tmp_path / 'storage'.

    pytest runs in this process, which takes a tenth of the time of a new one; with ``fresh`` in a process of its own,
    which imports from the folder ``path``, too. The function returns returncode, stdout, stderr, and output: both texts.
    """

    def run(*args, cwd=ROOT, storage=True, fresh=False, path="", **orders):
        args = [*PLUGINS, *map(str, args), *([f"--benchmark-storage={tmp_path / 'storage'}"] if storage else [])]
        with monkeypatch.context() as patch:
            patch.setenv("FAKE_TRAINING", json.dumps({"log": str(tmp_path / "log"), **orders}))
            patch.setenv(project.VARIABLE, os.environ.get(project.VARIABLE, ""))  # --project sets it: afterwards it is as it was
            patch.setenv("PYTHONPATH", f"{ROOT}:{path}")
            patch.chdir(cwd)
            for name in [name for name in os.environ if name.startswith("PYTEST_")]:
                patch.delenv(name)
            if fresh or "-n" in args:
                done = subprocess.run([sys.executable, "-m", "pytest", *FAKE, *args], capture_output=True, text=True, timeout=120)
                return SimpleNamespace(**vars(done), output=done.stdout + done.stderr)
            patch.setattr(child, "start", fake_training.start)
            done = pytester.runpytest_inprocess(*args)
        stdout, stderr = done.stdout.str(), done.stderr.str()
        return SimpleNamespace(returncode=int(done.ret), stdout=stdout, stderr=stderr, output=stdout + stderr)

    return run


@pytest.fixture
def trained(tmp_path):
    """A function: the trainings that took place, in order."""
    return lambda: (tmp_path / "log").read_text().split()


@pytest.fixture
def files(tmp_path):
    """A function: the files that were stored."""
    return lambda: sorted((tmp_path / "storage").glob("*/*.json"))


@pytest.fixture
def plugin(pytester, tmp_path):
    """A function: source of a plugin -> the options that load it."""

    def load(source, name="another_plugin"):
        (tmp_path / f"{name}.py").write_text(source)
        pytester.syspathinsert(tmp_path)
        return "-p", name

    return load


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A function: options and stored records -> a Session of three cells on the made-up machine, whose trainings have ids."""
    monkeypatch.setattr(machine, "folder_and_info", lambda precision: (fake_training.MACHINE, {"gpu": None}))
    monkeypatch.setattr(machine, "accelerated", lambda: False)
    monkeypatch.setattr(machine, "backend", lambda: "tensorflow")
    monkeypatch.setattr(roofline, "load", lambda folder: None)
    monkeypatch.setattr(roofline, "known", lambda *args: None)
    monkeypatch.setattr(trials, "untried", lambda chosen, *args: [])
    monkeypatch.setattr(session, "progress", SimpleNamespace(line=lambda *args: None, fetching=lambda *args: None))

    def begin(stored=(), names=fake_training.DIGITS, planned=True, **given):
        options = {
            **dict.fromkeys(("seeds", "epochs", "root", "save_models", "figures", "budget", "timeout", "name")),
            **{"precision": "float32", "storage": tmp_path, "resume": False, "strict": False},
            **{"cells": [cells()[name] for name in names], **given},
        }
        benchmarks = SimpleNamespace(storage=SimpleNamespace(stored=None, failed=None), benchmarks=[])
        option = SimpleNamespace(collectonly=False, data_dir=None)
        plugins = SimpleNamespace(get_plugin=lambda name: None)
        config = SimpleNamespace(_benchmarksession=benchmarks, option=option, pluginmanager=plugins)
        chosen, stored = Options(**options), list(stored)
        made = session.Session(config, chosen, Results(config, chosen.name, stored), Schedule(chosen, stored))
        made.schedule.choose(quick=False)
        made.schedule.machine = fake_training.MACHINE if planned else None
        made.results.info = {"gpu": None} if planned else None
        return made

    return begin


@pytest.fixture
def put(tmp_path):
    """A function that stores records and returns every one there is; ``accepted`` ones are accepted."""

    def write(*records, name="x", accepted=False, **where):
        number = len(list(tmp_path.glob("*/*.json"))) + 1
        fake_training.stored(tmp_path, number, name, records, **where)
        found = store.records(tmp_path)
        return fake_training.accept(tmp_path, [each for each in found if each.accepted or each.name == name]) if accepted else found

    return write


@pytest.fixture
def five(tmp_path):
    """A function: accepted records with seeds 1 to 5 on a machine, and those that were accepted before."""

    def accepted(machine=fake_training.MACHINE, accuracies=(0.982, 0.984, 0.981, 0.983, 0.9825), each=None, **values):
        number = len(list(tmp_path.glob("*/*.json"))) + 1
        records = [
            fake_training.record(
                **{"cell": "lenet5-mnist-afif", "seed": seed, "accuracy": accuracy, **values, **(each or {}).get(seed, {})}
            )
            for seed, accuracy in enumerate(accuracies, 1)
        ]
        fake_training.stored(tmp_path, number, "good", records, machine=machine)
        return fake_training.accept(tmp_path)

    return accepted


@pytest.fixture
def children(monkeypatch):
    made = Children()
    monkeypatch.setattr(child, "start", made.start)
    return made


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A project in a repository, whose only commit says how its trainings go."""
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.joinpath("side.json").write_text("{}")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    monkeypatch.setenv(project.VARIABLE, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return folder


@pytest.fixture
def ab(repository, children, tmp_path, capsys):
    """A function that compares the commit with what the files say now: exit code and what was printed."""
    storage = tmp_path / "storage"
    storage.mkdir()

    def run(*args, revision="HEAD", cells=(CELL,), **now):
        repository.joinpath("side.json").write_text(json.dumps(now))
        code = command.main(["ab", revision, *cells, f"--storage={storage}", *args])
        assert [] == os.listdir(tmp_path / "temporary"), "the copies are removed"
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    run.storage = storage
    return run
