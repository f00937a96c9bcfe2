"""What several test files share."""

import difflib
import os
import sys
from pathlib import Path

import pytest

from loaders import files, tiny_imagenet
from tests import children, examination, formats, sessions

ORIGIN, SPECIMENS = pytest.StashKey(), pytest.StashKey()


def pytest_collection_modifyitems(items):
    """A training comes last, when nothing is left that is done beside it: it has all processors to itself."""
    items.sort(key=lambda item: "run" in item.fixturenames)


@pytest.hookimpl(tryfirst=True)  # in an xdist worker, xdist's own answers before a later one
def pytest_runtestloop(session):
    """What takes long, and waits for no test, is begun in other processes beside the first tests."""
    config, items = session.config, session.items
    if config.option.collectonly:
        return
    if any("origin" in item.fixturenames for item in items):
        process = config.stash[ORIGIN] = sessions.start()
        config.add_cleanup(process.communicate)
    names = list(dict.fromkeys(item.callspec.params["specimen"] for item in items if "specimen" in item.fixturenames))
    if len(names) > 4 and _second_processor(config):  # of fewer, the import of a backend takes longer than the examination
        pool = children.processes(1)
        config.add_cleanup(lambda: pool.shutdown(cancel_futures=True))
        config.stash[SPECIMENS] = {name: pool.submit(examination.examined, name) for name in names}


def _second_processor(config):
    """Whether one stands idle: an xdist worker is beside others, one that has Keras already is one of the faults', a GPU serves one process."""
    alone = not hasattr(config, "workerinput") and "keras" not in sys.modules
    return alone and os.cpu_count() > 1 and not list(Path("/dev").glob("nvidia[0-9]*"))


@pytest.fixture(scope="session")
def origin(pytestconfig):
    """What whole sessions are forked from: the process, and a set of the modules that it had when every test was collected."""
    process = pytestconfig.stash[ORIGIN]
    return process, set(sessions.answer(process))


@pytest.fixture(scope="session")
def examined(pytestconfig):
    """A function of a specimen's name that returns what it did, an examination.Seen."""
    begun = pytestconfig.stash.get(SPECIMENS, {})
    return lambda name: begun[name].result() if name in begun else examination.examined(name)


@pytest.fixture
def update(pytestconfig):
    """A function of a golden's path and its new text that writes it, shows what it changes and fails; None unless asked for."""

    def write(path, text):
        old = path.read_text() if path.exists() else ""
        part = path.with_suffix(".part")
        part.write_text(text)
        part.replace(path)
        pytest.fail(f"{path} is written; look at it, and run again without --update-goldens\n{changes(old, text)}", pytrace=False)

    return write if pytestconfig.option.update_goldens else None


def changes(old, new):
    return "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), "the golden", "now", lineterm=""))


@pytest.fixture
def bare_home(tmp_path_factory, monkeypatch):
    """Neither the user's own cache nor Keras's: the folder that stands in for both."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setattr(files, "DEFAULT", str(home / "zoobench"))
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    monkeypatch.delenv(files.VARIABLE, raising=False)
    return home


@pytest.fixture
def three_classes(monkeypatch):
    monkeypatch.setattr(tiny_imagenet, "CLASSES", len(formats.WNIDS))
