"""The tour: every step ends in time, what was stored is packed whatever happens, and one line says what to do next."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import namedtuple
from pathlib import Path

import pytest

from baselines import bounded, child, first_look, machine, pack, record, store, tour, trials
from baselines.__main__ import main
from tests.self.baselines import fake_training
from tests.self.baselines.test_roofline import measured

pytestmark = pytest.mark.self
ROOT = Path(__file__).parents[3]
MACHINE = fake_training.MACHINE
LENET, VGG = "lenet5-digits-digits_lenet", "vgg_like-digits-digits_vgg"
DEVICE = {"folder": MACHINE, "info": {}, "lines": ["jax computes on a chip"], "problem": None, "next": None}
JUNIT = "<testsuites><testsuite>{}</testsuite></testsuites>"


@pytest.fixture
def storage(tmp_path, bare_home):
    (tmp_path / "storage").mkdir()
    return tmp_path / "storage"


def members(archive):
    """The names in an archive, without its folder."""
    with tarfile.open(archive) as opened:
        return [name.partition("/")[2] for name in opened.getnames()]


@pytest.fixture
def toured(storage, tmp_path, monkeypatch, capsys):
    """A function that makes a tour whose steps take no time: (exit code, what it said, names in its archive, steps that ran).

    ``device`` is what the child answers with, or its error; ``during`` maps a step to a function that is called in its place.
    """

    def make(*args, device=DEVICE, during=(), budget="20m"):
        ran = []

        def run(command, seconds, log):
            step = {"pytest": command[2]}.get(command[0], command[1])
            ran.append(step)
            if step in dict(during):
                return during[step](command)
            junit = next((arg.partition("=")[2] for arg in command if arg.startswith("--junitxml=")), None)
            if junit:
                Path(junit).write_text(JUNIT.format('<testcase name="a"/><testcase name="b"><skipped/></testcase>'))
            if step == "roofline":
                (storage / MACHINE).mkdir(exist_ok=True)
                (storage / MACHINE / "roofline").write_text(json.dumps(measured()))
            if step == "full":
                ids = [arg.partition("[")[2][:-1] for arg in command if "test_accuracy[" in arg]
                made = [fake_training.record(cell, id=record.digest([cell, len(ran)]), machine=MACHINE) for cell in ids]
                fake_training.stored(storage, len(ran), "tour", made)
            return 1 if step == "get" else 0

        def answer(*command, timeout=None):
            if isinstance(device, Exception):
                raise device
            return device

        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        monkeypatch.chdir(home)
        monkeypatch.setattr(bounded, "run", run)
        monkeypatch.setattr(child, "answer", answer)
        monkeypatch.setattr(trials, "same", lambda made, cell: made["cell"] == cell.id)
        monkeypatch.setenv("ZOOBENCH_DATA", str(tmp_path))
        code = main(["tour", "--budget", budget, "--storage", str(storage), *args])
        told = capsys.readouterr()
        archives = sorted(home.glob("*.tar.gz"), key=os.path.getmtime)
        names = members(archives[-1]) if archives else []
        assert [] == [path for path in home.iterdir() if path not in archives]
        return code, told.out + told.err, names, ran

    return make


def test_a_tour_runs_every_step_and_packs_what_was_stored(toured, storage, tmp_path):
    code, told, names, ran = toured()
    assert 0 == code, told
    assert ["roofline", "quick"] == ran[:2]
    assert "full" == ran[2]  # before anything is fetched
    assert "get" in ran
    stored = sorted(path.name for path in (storage / MACHINE).iterdir())
    assert {f"records/{MACHINE}/{name}" for name in stored} | {"summary.txt", "quick.xml"} <= set(names)
    for line in (
        "jax computes on a chip",
        "1 passed, 0 failed",
        f"{LENET}: accuracy 0.9890",
        "float32 0.4 TFLOP/s",
        "no data, and it cannot be fetched",
    ):
        assert line in " ".join(told.split()), told
    archive = next((tmp_path / "home").glob(f"tour-{MACHINE}-20*.tar.gz"))
    assert f"next: on the machine that keeps the records: python -m baselines add {archive.name}" in told
    (tmp_path / "other").mkdir()
    pack.add(archive, tmp_path / "other")
    assert [each.record["id"] for each in store.records(storage)] == [each.record["id"] for each in store.records(tmp_path / "other")]


def test_a_second_tour_goes_on_with_the_cells_that_are_missing_and_packs_all(toured):
    _, _, _, first = toured()
    code, told, names, ran = toured()
    assert (0, []) == (code, [step for step in ran if step == "full"]), told
    assert first.count("full") == len([name for name in names if name.endswith(".json")])


def interrupt(command):
    raise KeyboardInterrupt


def crash(command):
    raise RuntimeError("no such step")


@pytest.mark.parametrize(("step", "kept"), [("quick", ["roofline"]), ("full", ["roofline"]), ("roofline", [])])
@pytest.mark.parametrize("event", [interrupt, crash])
def test_a_tour_that_is_stopped_or_fails_packs_what_there_is(toured, step, kept, event):
    code, told, names, ran = toured(during={step: event})
    assert (1, step) == (code, ran[-1]), told
    assert kept == [name.rpartition("/")[2] for name in names if name.startswith("records/")]
    assert ("by Ctrl-C" if event is interrupt else "RuntimeError: no such step") in told
    assert "next: on the machine that keeps the records" in told


def test_a_backend_that_cannot_be_imported_ends_the_tour_with_the_command_that_installs_one(toured):
    code, told, names, ran = toured(device=child.ChildError("ended with exit code 1\n  No module named 'jax'"))
    assert (1, []) == (code, ran), told
    assert "No module named 'jax'" in told
    assert "next: install a backend: tox -e gpu-jax" in told
    assert "summary.txt" in names


def test_a_gpu_that_the_backend_does_not_use_ends_the_tour(toured):
    problem = {"problem": "/dev/nvidia0 is there, but jax computes on the CPU", "next": "tox -e gpu-jax"}
    code, told, _, ran = toured(device={**DEVICE, **problem})
    assert (1, []) == (code, ran), told
    assert problem["problem"] in told
    assert "next: tox -e gpu-jax" in told


def test_a_budget_too_small_for_quick_skips_it_with_the_reason(toured):
    code, told, _, ran = toured(budget="80s")
    assert (0, False) == (code, "quick" in ran), told
    assert "skipped: half of what was left" in told
    assert "full" in ran


def test_a_cell_that_does_not_fit_is_listed_with_what_it_needs(toured, storage):
    record = fake_training.record(VGG, seconds=(900.0,), machine="other_jax_float32")
    fake_training.stored(storage, 1, "x", [record], machine="other_jax_float32")
    code, told, _, _ = toured(budget="5m")
    assert 0 == code
    assert re.search(rf"{VGG} \(60 min\).*: more than the 5 min that were left", " ".join(told.split())), told


def test_a_gpu_tries_the_cheapest_cell_that_does_not_fit_since_estimates_are_of_cpus(toured, storage):
    record = fake_training.record(VGG, seconds=(900.0,), machine="other_jax_float32")
    fake_training.stored(storage, 1, "x", [record], machine="other_jax_float32")
    code, told, _, _ = toured(budget="5m", device={**DEVICE, "info": {"gpu": {"model": "chip"}}})
    assert (0, True) == (code, f"{VGG}: accuracy" in told), told


@pytest.mark.parametrize("budget", ["soon", "0m", ""])
def test_a_budget_that_cannot_be_read_is_one_line(capsys, budget):
    assert 2 == main(["tour", "--budget", budget])
    assert "write it as 90s, 20m or 1h30m" in capsys.readouterr().err


def test_a_disk_without_room_is_refused_before_anything_is_measured(storage, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(5 << 20))
    assert 2 == main(["tour", "--budget", "5m", "--storage", str(storage)])
    assert "5 MB are free, and a tour needs 200; make room" in capsys.readouterr().err


def test_a_disk_that_fills_up_before_the_archive_keeps_everything_and_says_where(storage, tmp_path, monkeypatch, capsys):
    def refuse(files, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack, "pack", refuse)
    monkeypatch.setattr(child, "answer", lambda *args, timeout: DEVICE)
    monkeypatch.setattr(bounded, "run", lambda *args: 1)
    monkeypatch.chdir(tmp_path)
    assert 1 == main(["tour", "--budget", "30s", "--storage", str(storage)])
    (work,) = tmp_path.glob(".tour-*")
    assert f"next: make room, and keep {work} and {storage / MACHINE}" in capsys.readouterr().out
    assert (work / "summary.txt").exists()


def test_records_go_to_the_archive_alone_where_the_storage_cannot_be_written_to(toured, storage, monkeypatch):
    monkeypatch.setattr(tour, "_writable", lambda storage: None)
    _, told, names, _ = toured(during={"roofline": lambda command: 1, "full": write})
    assert [] == list(storage.iterdir())
    assert [f"records/{MACHINE}/0001_tour_00000001.json"] == [name for name in names if name.endswith(".json")], told


def write(command):
    """Store a record where the command says."""
    folder = next(arg.partition("file://")[2] for arg in command if arg.startswith("--benchmark-storage="))
    if not store.records(Path(folder)):
        fake_training.stored(folder, 1, "tour", [fake_training.record(LENET, machine=MACHINE)])
    return 0


STUBBORN = "import os, signal, subprocess, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('started', flush=True); {}"
GRANDCHILD = (
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); open('{}', 'w').write(str(os.getpgid(0))); time.sleep(60)"
)


def gone(group):
    """Whether a group of processes ends within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def quick_steps(monkeypatch):
    monkeypatch.setattr(bounded, "PATIENCE", {signal.SIGINT: 0.2, signal.SIGTERM: 0.2, signal.SIGKILL: 2})
    monkeypatch.setattr(bounded, "ENDING", 0.4)


def test_a_step_that_hangs_ends_in_time_with_all_that_it_started(quick_steps, tmp_path, monkeypatch):
    (tmp_path / "hangs.py").write_text(STUBBORN.format(GRANDCHILD.format(tmp_path / "group")))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    start = time.monotonic()
    assert bounded.run(("hangs",), 1.5, tmp_path / "log") is None
    assert time.monotonic() - start < 3
    assert "started" in (tmp_path / "log").read_text()
    assert gone(int((tmp_path / "group").read_text()))


def test_a_step_goes_on_where_the_terminal_is_gone_and_its_log_cannot_be_written(tmp_path, monkeypatch):
    def gone(*args, **named):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("builtins.print", gone)
    assert 0 == bounded.run(("platform",), 60, tmp_path / "nowhere" / "log")


def test_a_step_ends_with_a_tour_that_is_killed(tmp_path):
    (tmp_path / "hangs.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    program = f"from baselines import bounded; bounded.run(('hangs',), 60, {str(tmp_path / 'log')!r})"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert "$ python -m hangs\n" == process.stdout.readline()
        group = int(process.stdout.readline())
        process.kill()
    assert gone(group)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_that_ends_the_tour_leaves_an_archive(tmp_path, number, bare_home):
    program = f"""
import time
from baselines import bounded, child, steps
from baselines.__main__ import main
child.answer = lambda *args, timeout: {DEVICE!r}
steps._roofline = lambda tour: (bounded.say("now"), time.sleep(60))
raise SystemExit(main(["tour", "--budget", "5m", "--storage", {str(tmp_path)!r}]))
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, **pipes) as process:
        while process.stdout.readline() != "now\n":
            assert process.poll() is None
        process.send_signal(number)
        told = process.stdout.read()
    assert 1 == process.returncode, told
    assert "summary.txt" in members(next(tmp_path.glob("tour-*.tar.gz")))


def test_the_look_at_the_device_tells_what_computes_and_how_exactly(capsys):
    assert 0 == main(["device"])
    (answer,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert machine.folder("float32") == answer["folder"]
    assert f"{machine.backend()} (" in answer["lines"][0]
    assert "float32 keeps its 24 bits" in answer["lines"][1]
    assert first_look.product_error() < 1e-5


@pytest.mark.parametrize(("visible", "problem"), [(None, True), ("0", True), ("", False), ("-1", False)])
def test_a_sign_of_a_gpu_counts_unless_it_is_hidden(monkeypatch, tmp_path, visible, problem):
    monkeypatch.setattr(machine, "ACCELERATORS", (str(tmp_path),))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert problem == (first_look._sign() is not None)
