"""Every path that a user gives to a session or a command may begin with ~; a path or a terminal need not know every character."""

import io
import sys

import pytest

from baselines import __main__ as command
from tests.self.baselines import fake_training
from tests.self.baselines.conftest import ROOT

pytestmark = pytest.mark.self


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder in "home/runs", "home/nets", "home/data", "home/mine":
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path / "home"


def test_a_session_takes_a_home_in_every_option(suite, home):
    for storage in "~/runs", "file://~/runs":
        paths = [f"--benchmark-storage={storage}", "--save-models=~/nets", "--data-dir=~/data", "--project=~/mine"]
        done = suite("-m", "full", "--model=lenet5", "--dataset=digits", "--benchmark-save=x", *paths, storage=False, accuracy=0.95)
        assert 0 == done.returncode, done.output
    assert (2, 1) == (len(list(home.glob("runs/*/*_x_*.json"))), len(list(home.glob("nets/*.keras"))))
    assert not (ROOT / "~").exists()


def test_a_session_without_the_home_that_an_option_names_is_one_line(suite, homeless):
    for option in "--benchmark-storage", "--save-models", "--figures", "--data-dir", "--project":
        done = suite("-m", "full", f"{option}=~/runs", storage=False)
        assert (4, True) == (done.returncode, "~/runs: there is no home directory for its ~" in done.stderr), done.output


def test_the_commands_take_a_home_in_every_path(home, capsys):
    for seed in range(3):
        fake_training.stored(home / "runs", seed + 1, "x", [fake_training.record(seed=seed)])
    (home / "page.md").write_text("<!-- results -->\n<!-- end of results -->\n")
    assert 0 == command.main(["compare", "--storage=~/runs", "--into=~/page.md"])
    assert "lenet5" in (home / "page.md").read_text(encoding="utf-8")
    assert 0 == command.main(["accept", "--storage=~/runs", "--reason=first"])


def test_compare_and_accept_print_on_every_terminal(tmp_path, monkeypatch):
    storage = tmp_path / "d\udcff"
    for seed in range(3):
        records = [fake_training.record("lenet5-mnist-afif", seed=seed, accuracy=0.98 + seed / 1000)]
        fake_training.stored(storage, seed + 1, "x", records, machine="box\udcff")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii", write_through=True))
    assert 0 == command.main(["accept", f"--storage={storage}", "--reason=ü"])
    for form in "text", "github", "csv":
        assert 0 == command.main(["compare", "--all", f"--storage={storage}", f"--format={form}"])
    (page := tmp_path / "page.md").write_text("<!-- results -->\n<!-- end of results -->\n")
    assert 0 == command.main(["compare", f"--storage={storage}", f"--into={page}"])
    assert "box\\udcff" in page.read_text(encoding="utf-8")
    printed = written.getvalue().decode("ascii")
    assert 2 == printed.count("0.9810 +- 0.0010 (n=3)"), "text and Markdown"
    assert "box\\udcff,tensorflow,float32,measured" in printed, "CSV"
    assert "accepted: lenet5-mnist-afif, 3 records" in printed
    assert "A = box\\udcff" in printed


def test_a_summary_is_printed_on_an_ascii_terminal(suite, tmp_path, monkeypatch):
    for name, value in {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    storage = tmp_path / "café"
    storage.mkdir()
    args = "-m", "full", "--model=lenet5", "--dataset=digits", "--benchmark-save=x", f"--benchmark-storage={storage}"
    done = suite(*args, fresh=True, storage=False, accuracy=0.95)
    assert 0 == done.returncode, done.output
    assert f"stored in {tmp_path}/caf" in done.stdout
