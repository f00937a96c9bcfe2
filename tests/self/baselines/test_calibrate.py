"""How much times scatter on a machine: what is stored of it, what follows for the time screen, and what it takes to see a slowdown."""

import contextlib
import json

import numpy as np
import pytest

from baselines import __main__ as command
from baselines import calibrate, calibration, child, files, occasions, screen, store, times
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
CELL = "lenet5-digits-digits_lenet"


def call(day, seconds, **more):
    return {
        "when": f"2026-01-{day:02}T00:00:00+00:00",
        "cell": CELL,
        "recipe": {},
        "data": "f00d",
        "versions": {},
        "seconds": seconds,
        **more,
    }


@pytest.fixture
def trained(monkeypatch):
    """A function that sets the seconds of the next trainings; a training without seconds shared its machine."""
    answers = []

    @contextlib.contextmanager
    def events(*args, **_):
        assert ("train", CELL) == args[:2]
        seconds = answers.pop(0)
        made = fake_training.record(
            CELL, seconds=[seconds] * 3 if seconds else (), others=0 if seconds else 0.9, when="2026-01-01T00:00:00+00:00"
        )
        yield [{"event": "epoch"}, {"event": "record", "record": made}]

    monkeypatch.setattr(child, "events", events)
    return answers.extend


def run(tmp_path, *args):
    return command.main(["calibrate", f"--storage={tmp_path}", *args])


def test_ctrl_c_ends_it_in_one_line(monkeypatch, tmp_path, capsys):
    def interrupted(*args, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(child, "events", interrupted)
    assert 130 == run(tmp_path)
    assert "stopped by Ctrl-C: nothing was stored\n" == capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_a_call_is_stored_and_its_scatter_told(trained, tmp_path, capsys):
    trained([1.0, 1.02, 0.98, 1.01])
    assert 0 == run(tmp_path, "--runs=4")
    (kept,) = calibration.load(tmp_path / fake_training.MACHINE)
    assert [1.0, 1.02, 0.98, 1.01] == kept["seconds"]
    printed = capsys.readouterr().out
    assert f"{np.std(np.log(kept['seconds']), ddof=1):.2%} within an occasion, 2.00% between occasions (the 2% that holds until" in printed
    trained([1.0, 1.0, 1.0])
    assert 0 == run(tmp_path, "--runs=3")
    assert 2 == len(calibration.load(tmp_path / fake_training.MACHINE))


def test_trainings_that_shared_the_machine_are_left_out_and_too_few_store_nothing(trained, tmp_path, capsys):
    trained([1.0, None, 1.02, None, 1.04])
    assert 0 == run(tmp_path, "--runs=5")
    assert [1.0, 1.02, 1.04] == calibration.load(tmp_path / fake_training.MACHINE)[0]["seconds"]
    trained([1.0, None, 1.0])
    assert 2 == run(tmp_path, "--runs=3")
    assert "2 of 3 trainings had the machine to themselves, and it takes 3: nothing was stored" in capsys.readouterr().err
    assert 1 == len(calibration.load(tmp_path / fake_training.MACHINE))


@pytest.mark.parametrize(
    ("events", "text"), [([{"event": "refused", "message": "no such folder"}], "no such folder"), ([], "ended with exit code 1")]
)
def test_a_training_that_fails_is_one_line(monkeypatch, tmp_path, capsys, events, text):
    @contextlib.contextmanager
    def failing(*args, **_):
        def told():
            yield from events
            raise child.ChildError("ended with exit code 1")

        yield told()

    monkeypatch.setattr(child, "events", failing)
    assert 2 == run(tmp_path)
    assert f"{text}" in (printed := capsys.readouterr().err)
    assert "nothing was stored" in printed


@pytest.mark.parametrize(("args", "text"), [(["--runs=2"], "--runs is 2; give 3 or more"), (["lenet"], "unknown cell 'lenet'")])
def test_wrong_use_is_one_line(tmp_path, capsys, args, text):
    assert 2 == run(tmp_path, *args)
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting"),
        ('{"version": 9}', "version is 9"),
        ('{"version": 1, "calls": [{"when": "2026-01-01", "seconds": [0]}]}', "not positive"),
    ],
)
def test_a_damaged_file_is_named_with_the_next_step(tmp_path, text, why):
    (tmp_path / calibration.NAME).write_text(text)
    with pytest.raises(
        files.StoreError, match=rf"not a calibration \(.*{why}.*delete it, and measure again: python -m baselines calibrate"
    ):
        calibration.load(tmp_path)


def test_the_scatter_between_occasions_is_that_of_their_means_drawn_towards_two_percent():
    within, between, number = calibration.scatter(
        [call(day, [mean * 0.99, mean, mean * 1.01]) for day, mean in enumerate((1.0, 1.2, 0.8, 1.1), 1)]
    )
    assert 4 == number
    assert 0.01 == pytest.approx(within, abs=1e-4)
    means = np.var(np.log([1.0, 1.2, 0.8, 1.1]), ddof=1) - 0.01**2 / 3
    assert np.sqrt((4 * screen.DAY**2 + 3 * means) / 7) == pytest.approx(between, rel=1e-3)


def test_means_that_differ_as_the_runs_do_show_no_scatter_between_occasions():
    noisy = [call(day, [mean * 0.9, mean, mean * 1.1]) for day, mean in enumerate((1.0, 1.03, 0.98), 1)]
    assert screen.DAY * np.sqrt(4 / 6) == pytest.approx(calibration.scatter(noisy)[1])


def test_calls_within_hours_are_one_occasion_and_other_versions_are_no_scatter():
    near = [call(1, [1.0, 1.01]), call(1, [1.1, 1.11], when="2026-01-01T03:00:00+00:00")]
    assert (screen.DAY, 1) == calibration.scatter(near)[1:]
    apart = [call(1, [1.0, 1.01]), call(2, [2.0, 2.02], versions={"keras": "4"})]
    within, between, _ = calibration.scatter(apart)
    assert screen.DAY == between
    assert 0.008 > within
    assert (0.0, screen.DAY, 0) == calibration.scatter([])


@pytest.mark.parametrize("changed", [{"code": {"training": "new"}}, {"environment": {"XLA_FLAGS": "--a"}}], ids=["code", "settings"])
def test_a_change_of_the_code_or_of_settings_is_no_scatter_between_occasions(changed):
    made = [fake_training.record(CELL, seed, seconds=(1.0 + seed / 1000,) * 3) for seed in range(3)]
    faster = [fake_training.record(CELL, seed, seconds=(0.7 + seed / 1000,) * 3, **changed) for seed in range(3)]
    calls = [{**calibrate._call(records), "when": f"2026-01-0{day}T00:00:00+00:00"} for day, records in enumerate((made, made, faster), 1)]
    assert calibration.scatter(calls)[1] < screen.DAY


def test_what_was_measured_of_a_machine_counts_for_its_records_in_any_storage(tmp_path, monkeypatch):
    suite, own = tmp_path / "suite", tmp_path / "own"
    fake_training.stored(suite, 1, "good", [fake_training.record(CELL)])
    calibration.add(own / fake_training.MACHINE, call(1, [1.0, 1.01]))
    monkeypatch.setattr(store, "folders", lambda: [own, suite])
    assert [[1.0, 1.01]] == [each["seconds"] for stored in store.every(own) for each in stored.calibration]


def verdict(tmp_path, seconds):
    new = fake_training.record(CELL, seed=9, seconds=[seconds] * 3, machine=fake_training.MACHINE)
    stored = fake_training.store.records(tmp_path)
    return times.costs(new, stored, 10).word


def test_the_time_screen_takes_its_scatter_from_the_calibration(tmp_path):
    """Three accepted records and a quarter slower: red beside what is taken for granted, and not on a machine whose days differ that much."""
    made = [fake_training.record(CELL, seed=seed, seconds=[1 + seed / 1000] * 3) for seed in (1, 2, 3)]
    fake_training.stored(tmp_path, 1, "good", made)
    fake_training.accept(tmp_path)
    assert ["REGRESSED", "PASS"] == [verdict(tmp_path, seconds) for seconds in (1.35, 1.1)]
    folder = tmp_path / fake_training.MACHINE
    for day, mean in enumerate((1.0, 1.5, 0.7, 1.3, 0.8), 1):
        calibration.add(folder, call(day, [mean, mean * 1.01, mean * 0.99]))
    assert "PASS" == verdict(tmp_path, 1.35)
    folder.joinpath(calibration.NAME).unlink()
    for day in range(1, 15):
        calibration.add(folder, call(day, [1.0, 1.001, 0.999, 1.0005]))
    assert "REGRESSED" == verdict(tmp_path, 1.1), "a steady machine sees more"


def test_the_calibration_of_times_says_nothing_of_memory(tmp_path):
    memory = lambda size: {"peak_memory.gpu": size}  # noqa: E731
    fake_training.stored(tmp_path, 1, "good", [fake_training.record(CELL, seed=seed, **memory(10**9 + seed)) for seed in (1, 2, 3)])
    fake_training.accept(tmp_path)
    for day, mean in enumerate((1.0, 1.5, 0.7, 1.3, 0.8), 1):
        calibration.add(tmp_path / fake_training.MACHINE, call(day, [mean, mean * 1.01, mean * 0.99]))
    new = fake_training.record(CELL, seed=9, machine=fake_training.MACHINE, **memory(14 * 10**8))
    given = times.costs(new, fake_training.store.records(tmp_path), 10)
    assert ("REGRESSED", True) == (given.word, given.line.startswith("GPU memory"))


def test_what_it_takes_to_see_a_slowdown_falls_with_the_slowdown_and_rises_with_the_scatter():
    steady = [calibrate._effort(change, 0.01, 0.005) for change in calibrate.CHANGES]
    assert ["2%", "5%", "10%"] == [row[0] for row in steady]
    assert [14, 8, 8] == [row[1] for row in steady]
    assert ["never: a session is never red under 5%"] * 2 == [row[2] for row in steady[:2]]
    assert int(steady[2][2]) < int(calibrate._effort(0.3, 0.03, 0.02)[2])
    assert "more than 32" == calibrate._effort(0.02, 0.05, 0.02)[1]


def test_occasions_are_hours_apart():
    assert [[1, 2], [3]] == occasions.split([("2026-01-01T12:00:00", 3), ("2026-01-01T00:00:00", 1), ("2026-01-01T05:59:00", 2)])


def test_the_file_is_not_one_of_records(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(CELL)])
    calibration.add(tmp_path / fake_training.MACHINE, call(1, [1.0, 1.0]))
    (record,) = fake_training.store.records(tmp_path)
    assert [[1.0, 1.0]] == [each["seconds"] for each in record.calibration]
    assert json.loads((tmp_path / fake_training.MACHINE / calibration.NAME).read_text())
