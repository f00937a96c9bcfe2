"""What several test files share."""

import difflib
import pwd

import pytest

from loaders import files


@pytest.fixture
def update(pytestconfig):
    """A function (golden's path, new text) that writes the golden, shows the difference and fails; None without --update-goldens."""

    def write(path, text):
        old = path.read_text() if path.exists() else ""
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text)
        part.replace(path)
        pytest.fail(
            f"{path} is written; check the difference, then start pytest without --update-goldens\n{changes(old, text)}", pytrace=False
        )

    return write if pytestconfig.option.update_goldens else None


def changes(old, new):
    return "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), "the golden", "now", lineterm=""))


@pytest.fixture(autouse=True)
def outside_github(monkeypatch):
    """What a test's own sessions tell is not GitHub's to know, where the tests themselves run there."""
    for variable in "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE":
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home, as in a container that is started with any user id."""

    def unknown(uid):
        raise KeyError(uid)

    for variable in "HOME", "XDG_CACHE_HOME", "KERAS_HOME", files.VARIABLE:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def bare_home(tmp_path_factory, monkeypatch):
    """An empty folder instead of the user's cache and of Keras's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    monkeypatch.setenv(files.VARIABLE, "")  # so that what a test sets is undone
    monkeypatch.delenv(files.VARIABLE)
    return home
