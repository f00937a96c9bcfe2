"""Paths as users write them, users without a home or a name, and terminals that show ASCII only."""

import contextlib
import io
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import loaders
from baselines import __main__ as baselines_command
from baselines import machine
from loaders import __main__ as command
from loaders import files, user
from zoo import project

ROOT = Path(__file__).parents[3]
NOBODY = 12345  # a user id without an entry in /etc/passwd


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def other_user():
    """A function that runs Python as a user without a name or a home, who can write to the folder ``other_user.folder`` alone."""
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # where the interpreter is in root's home
    names = ("HOME", "XDG_CACHE_HOME", "KERAS_HOME", "ZOOBENCH_DATA", "ZOOBENCH_PROJECT")
    names += tuple(name for name in os.environ if name.startswith("PYTEST_"))  # of the workers of pytest-xdist
    clean = ["env", *(f"--unset={name}" for name in names), "PYTHONDONTWRITEBYTECODE=1"]
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("another user needs root and setpriv")
    for prefix in [*as_nobody, *reading], as_nobody:
        if subprocess.run([*prefix, sys.executable, "-c", "import loaders"], cwd=ROOT, capture_output=True).returncode == 0:
            break
    else:
        pytest.skip("another user cannot read this Python or this checkout")

    def run(*args, **variables):
        variables = [f"{name}={value}" for name, value in variables.items()]
        args = [*prefix, *clean, *variables, sys.executable, *map(str, args)]
        return subprocess.run(args, cwd=ROOT, capture_output=True, text=True, timeout=120)

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        run.folder = Path(folder)
        yield run


@pytest.mark.self
def test_a_users_path_is_expanded_as_a_shell_expands_it(home):
    first = pwd.getpwall()[0]
    expected = {
        "~": home,
        "~/runs": home / "runs",
        f"~{first.pw_name}/x": Path(first.pw_dir, "x"),
        "./~": "~",
        "a/~": "a/~",
        "a~": "a~",
        "/x": "/x",
    }
    assert {text: Path(path) for text, path in expected.items()} == {text: user.expanded(text) for text in expected}
    assert home / "runs" == user.path(Path("~/runs"))


@pytest.mark.self
def test_a_path_whose_home_does_not_exist_is_refused(homeless, monkeypatch, tmp_path):
    for text in "~/runs", "~no-such-user/runs":
        with pytest.raises(user.PathError, match=rf"^{text}: there is no home directory for its ~; write the whole path"):
            user.path(text)
    for variable, used in (files.VARIABLE, loaders.root_folder), (project.VARIABLE, project.folder):
        monkeypatch.setenv(variable, "~/mine")
        with pytest.raises((loaders.DataError, ValueError), match=rf"{variable}.*~/mine: there is no home directory"):
            used()
    with pytest.raises(ValueError, match="path = '~/pets' cannot be followed .*no home"):
        loaders.own.from_table({"loader": "arrays", "path": "~/pets", "input": [1, 1, 1], "classes": 1}, tmp_path)


@pytest.mark.self
def test_a_path_that_nobody_can_follow_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, why in (tmp_path / "loop" / "x", "Too many levels of symbolic links"), (tmp_path / ("x" * 300), "File name too long"):
        expected = f"{path}: {why}; name another"
        for main, args in (command.main, ["show", str(path), "x.png"]), (baselines_command.main, ["compare", f"--storage={path}"]):
            with contextlib.suppress(SystemExit):
                assert main(args) in (1, 2)
            assert capsys.readouterr().err.splitlines()[-1].endswith(expected)
        for variable, used in (files.VARIABLE, loaders.root_folder), (project.VARIABLE, project.folder):
            monkeypatch.setenv(variable, str(path))
            with pytest.raises((loaders.DataError, ValueError), match=f"^{variable}: {expected}$"):
                used()
            monkeypatch.delenv(variable)


@pytest.mark.self
def test_variables_and_tables_may_name_the_home(home, monkeypatch):
    for folder in "data", "mine":
        (home / folder).mkdir()
    monkeypatch.setenv(files.VARIABLE, "~/data")
    monkeypatch.setenv(project.VARIABLE, "~/mine")
    assert (home / "data", home / "mine") == (loaders.root_folder(), project.folder())
    assert home / "mine" == loaders.root_folder("~/mine")
    entry = {"loader": "arrays", "path": "~/x.npz", "input": [1, 1, 1], "classes": 1}
    assert str(home / "x.npz") == loaders.own.from_table(entry, Path("/elsewhere")).path


@pytest.mark.self
def test_the_command_takes_a_home_in_every_path(home, capsys):
    arrays = {f"{kind}_{part}": np.zeros((3, 2, 2)[: 3 if kind == "x" else 1], "uint8") for kind in "xy" for part in ("train", "test")}
    np.savez(home / "mine.npz", **arrays)
    assert 0 == command.main(["show", "~/mine.npz", "~/grid.png", "--data-dir=~"])
    assert capsys.readouterr().out.startswith(f"{home / 'grid.png'}: ")


@pytest.mark.self
def test_without_a_home_keras_folder_is_where_keras_looks(homeless, monkeypatch, tmp_path):
    assert Path("/tmp/.keras") == user.keras_home()
    assert machine.backend() in ("tensorflow", "jax", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert tmp_path == user.keras_home()
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".keras" == user.keras_home()
    monkeypatch.setenv("HOME", "/nonexistent")
    assert Path("/tmp/.keras") == user.keras_home()


@pytest.mark.self
def test_without_a_home_data_that_needs_no_file_is_there_and_other_data_is_missing(homeless, tmp_path, capsys):
    assert None is loaders.root_folder()
    assert 1437 == len(loaders.load("digits", loaders.root_folder()).x_train)
    assert 0 == command.main(["show", "digits", str(tmp_path / "grid.png")])
    with pytest.raises(loaders.DataMissing, match="no home directory to keep data in; name a data directory with --data-dir"):
        loaders.load("mnist", loaders.root_folder())
    capsys.readouterr()
    assert (1, 1) == (command.main([]), len(capsys.readouterr().err.splitlines()))


@pytest.mark.self
def test_a_user_without_a_home_sees_the_data_and_the_records(other_user):
    (other_user.folder / "data").mkdir()
    for args in ("loaders", f"--data-dir={other_user.folder / 'data'}"), ("baselines", "compare"):
        done = other_user("-m", *args)
        assert (0, "") == (done.returncode, done.stderr)
    for args in ("loaders", "--data-dir=~"), ("baselines", "compare", "--storage=~/runs"):
        done = other_user("-m", *args)
        assert (True, True) == (done.returncode in (1, 2), "there is no home directory for its ~" in done.stderr.splitlines()[-1]), (
            done.stderr
        )


@pytest.mark.self
def test_a_user_without_a_home_trains_and_stores(other_user):
    fake = ["-p", "no:cacheprovider", "-p", "tests.self.baselines.fake_training", "-n0"]
    args = ["-m", "full", "--model=lenet5", "--dataset=digits", "--benchmark-save=x", f"--benchmark-storage={other_user.folder}"]
    done = other_user("-m", "pytest", *fake, *args)
    assert (0, 1) == (done.returncode, len(list(other_user.folder.glob("*/0001_x_*.json")))), done.stdout + done.stderr


@pytest.mark.slow
def test_properties_are_tried_by_a_user_who_cannot_write_to_the_checkout(other_user):
    args = ["-p", "no:cacheprovider", "-n0", "-m", "quick", "tests/test_shapes.py", "-k", "follow_from_the_input and lenet5_report"]
    done = other_user("-m", "pytest", *args, HOME="/nonexistent")
    assert (0, True) == (done.returncode, "1 passed" in done.stdout), done.stdout + done.stderr


@pytest.mark.self
@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "x\\udcff 1 +- 2 \\xe9\\u4e2d"), ("latin-1", "x\\udcff 1 ± 2 é\\u4e2d"), ("utf-8", "x\\udcff 1 ± 2 é中")],
)
def test_any_text_can_be_printed_on_any_terminal(monkeypatch, encoding, shown):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    user.print_any_text()
    print("x\udcff 1 ± 2 é中", flush=True)
    assert shown == written.getvalue().decode(encoding).strip()
