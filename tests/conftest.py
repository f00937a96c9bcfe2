"""What several test files share."""

import difflib

import pytest

from loaders import files
from tests import beside
from tests.self.baselines import sessions

ORIGIN, BESIDE = pytest.StashKey(), pytest.StashKey()


def pytest_collection_modifyitems(items):
    """Last what is told of tests that run beside the others, and then what is timed, which has all processors to itself."""
    items.sort(key=lambda item: (not {"run", "quiet"}.isdisjoint(item.fixturenames), beside.chosen(item)))


@pytest.hookimpl(tryfirst=True)  # in an xdist worker, xdist's own answers before a later one
def pytest_runtestloop(session):
    """What takes long is begun beside the first tests: those that run in a fork, and what whole sessions are forked from."""
    config = session.config
    if config.option.collectonly:
        return
    items = [item for item in session.items if beside.chosen(item)]
    others = len(session.items) - len(items)
    if min(len(items), others) > 50 and beside.idle(config):  # of fewer, the import of a backend takes longer
        config.stash[BESIDE] = set(items), beside.begin(config, items)
    if any("origin" in item.fixturenames for item in session.items):
        process = config.stash[ORIGIN] = sessions.start()
        config.add_cleanup(process.communicate)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """Of a test that has run beside the others, its reports; it runs here after all if there are none."""
    items, done = item.config.stash.get(BESIDE, ((), None))
    if item not in items or (reports := done(item)) is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session")
def origin(pytestconfig):
    """What whole sessions are forked from: the process, and a set of the modules that it had when every test was collected."""
    process = pytestconfig.stash[ORIGIN]
    return process, set(sessions.answer(process))


@pytest.fixture
def quiet():
    """Asked for by a test that looks at a clock: it comes when no other test runs beside it."""


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
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    monkeypatch.delenv(files.VARIABLE, raising=False)
    return home
