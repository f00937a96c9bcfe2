"""Times of epochs that were not run: how well they are expected, and which rows there are."""

import json
import math
import shutil

import numpy as np
import pytest

from baselines import roofline, store
from baselines.cells import cells, studies
from baselines.record import epoch_seconds, timed
from baselines.report import expected, predict, workload
from baselines.report.rows import Measured
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
CPU = "chip-a_tensorflow_float32"
OTHER = "chip-b_tensorflow_float32"
GPU = "gpu-a_tensorflow_float32"
LENET, LENET_FASHION, VGG = "lenet5-mnist-afif", "lenet5-fashion_mnist-afif", "vgg_like-mnist-afif"


# How well a time is expected


def epochs(machines, families, rng, each=2):
    """Epochs of an ideal second as predict says that they are distributed: each family ``each`` times on each machine."""
    sizes = {name: rng.normal(0, sd) for names, sd in ((machines, predict.MACHINE), (families, predict.FAMILY)) for name in names}
    mean = rng.normal(0, predict.MEAN)
    return [
        predict.Epoch(machine, family, 1.0, seconds=math.exp(mean + sizes[machine] + sizes[family] + rng.normal(0, predict.REST)))
        for machine in machines
        for family in families
        for _ in range(each)
    ]


@pytest.mark.parametrize("keys", [("machine",), ("family",), ("machine", "family")])
@pytest.mark.parametrize("off", [1.0, 1.5])
def test_the_intervals_hold_the_share_of_epochs_that_they_state(keys, off, monkeypatch):
    """Also where epochs scatter half as much again as they did when the deviations were fitted; then a little less."""
    rng, held = np.random.default_rng(0), []
    for _ in range(150):
        with monkeypatch.context() as patch:
            for name in "MACHINE", "FAMILY", "REST":
                patch.setattr(predict, name, off * getattr(predict, name))
            made = epochs("abcd", "rstu", rng)
        last = {key: getattr(made[-1], key) for key in keys}
        out = [each for each in made if all(getattr(each, key) == value for key, value in last.items())]
        (time,) = predict.expected([each for each in made if each not in out], out[-1:])
        held.append(time.low <= out[-1].seconds <= time.high)
    assert (0.85 if off == 1 else 0.78) < np.mean(held) < 0.97


def test_the_nearest_epochs_count_most():
    """The family on this machine before the machine, the machine before all."""
    far = [predict.Epoch("far", family, 1.0, seconds=8.0) for family in "rs"]
    machine = predict.Epoch("here", "r", 1.0, seconds=4.0)
    family = predict.Epoch("here", "s", 1.0, seconds=2.0)
    wanted = predict.Epoch("here", "s", 10.0)
    (all_, with_machine, with_family) = (predict.expected(known, [wanted])[0] for known in (far, [*far, machine], [*far, machine, family]))
    assert 80 > all_.seconds > 70
    assert all_.seconds > with_machine.seconds > with_family.seconds
    assert 20 < with_family.seconds < 35


def test_a_disturbed_roofline_widens_the_interval_until_the_machine_has_epochs_of_its_own():
    far = [predict.Epoch(machine, family, 1.0, seconds=2.0) for machine in "abc" for family in "rs"]
    own = predict.Epoch("here", "r", 1.0, sound=False, seconds=6.0)
    wanted = predict.Epoch("here", "r", 1.0, sound=False)

    def of(known, want):
        (time,) = predict.expected(known, [want])
        return time.seconds, time.high / time.seconds

    assert 1.5 * of(far, wanted._replace(sound=True))[1] < of(far, wanted)[1]
    seconds, width = of([*far, own], wanted)
    assert pytest.approx(6, rel=0.15) == seconds
    assert width < of(far, wanted)[1]


def test_the_calibration_is_that_of_fitting_without_each_pair():
    made = epochs("abc", "rs", np.random.default_rng(1))
    squares = []
    for machine in "abc":
        for family in "rs":
            out = [each for each in made if (each.machine, each.family) == (machine, family)]
            rest = [each for each in made if each not in out]
            inverse = np.linalg.inv(predict._covariance(rest, rest) + predict.REST**2 * np.eye(len(rest)))
            across = predict._covariance(out, rest)
            covariance = predict._covariance(out, out) + predict.REST**2 * np.eye(len(out)) - across @ inverse @ across.T
            error = np.log([each.seconds for each in out]) - across @ inverse @ np.log([each.seconds for each in rest])
            squares.append(error @ np.linalg.solve(covariance, error) / len(out))
    inverse = np.linalg.inv(predict._covariance(made, made) + predict.REST**2 * np.eye(len(made)))
    scale, freedom = predict._calibrated(made, inverse, inverse @ np.log([each.seconds for each in made]))
    assert (pytest.approx((predict.WEIGHT + sum(squares)) / (predict.WEIGHT + 6)), predict.WEIGHT + 6) == (scale, freedom)


@pytest.mark.parametrize("what", expected.TESTS)
def test_the_stored_records_are_expected_about_as_well_as_the_intervals_state(what):
    """On real machines, leaving out what is to be expected; few machines and families, so that one of them is many epochs."""
    (row,) = [row for row in expected.tested(store.records(), store.FOLDER) if row[0] == what]
    held, count = map(int, row[4].split(" of "))
    assert 15 <= count == row[1]
    assert 0.7 * count <= held
    assert float(row[2]) < 1.7, "the typical factor"
    assert float(row[5]) < 2.5, "an interval that holds everything says nothing"


# Which rows there are


@pytest.fixture
def machines(tmp_path):
    """A function (folder, FLOP/s, whether it is a GPU, whether it was disturbed) that stores a machine's roofline; returns the storage."""

    def put(folder, peak=1e11, gpu=False, shared=False):
        limits = {key: {"best": 1e-5 if key.startswith("launch") else peak, "median": 1.0, "n": 3} for key in roofline.LIMITS}
        about = {"when": "2026-01-01", "shared": shared, "load": {"others": 0.0}, "tf32": False if gpu else None}
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / store.ROOFLINE).write_text(json.dumps({**limits, **about}))
        return tmp_path

    return put


def train(storage, cell, seconds, folder=CPU, **more):
    work = workload.of_cell(cells()[cell])
    made = fake_training.record(
        cell,
        seconds=[seconds] * 2,
        epoch_images=[work.images] * 2,
        backend=folder.split("_")[1],
        macs=workload.costs()[cell]["macs"],
        **more,
    )
    fake_training.stored(storage, len(list(storage.glob("*/*.json"))) + 1, "x", [made], machine=folder)


def rows(storage, **choice):
    return expected.rows(store.records(storage), [], storage, **choice)


def test_a_cell_that_was_not_run_is_expected_from_those_that_were(machines):
    storage = machines(CPU)
    machines(OTHER, peak=2e11)
    train(storage, VGG, 300.0)
    (here, there) = rows(storage, chosen=[VGG.replace("mnist", "fashion_mnist")])
    assert ("chip-a", "chip-b") == (here.machine, there.machine)
    assert ("expected", "expected", ("expected",), "tensorflow", "float32") == (
        here.kind,
        here.verdict,
        here.marks,
        here.backend,
        here.precision,
    )
    assert pytest.approx(300, rel=0.05) == here.epoch_seconds.value
    assert pytest.approx(150, rel=0.05) == there.epoch_seconds.value, "of a machine without any record: its limits are twice as high"
    assert here.epoch_seconds.low < here.epoch_seconds.value < here.epoch_seconds.high
    assert pytest.approx(60_000 / here.epoch_seconds.value) == here.images_per_second
    assert (None, None, None, 1) == (here.ratio, here.accuracy, here.peak_share, here.epoch_seconds.n)
    assert "not run" in here.reason
    assert "90%" in here.reason


def test_what_was_measured_is_not_expected(machines):
    storage = machines(CPU)
    train(storage, LENET, 2.0)
    stored = store.records(storage)
    from baselines.report.rows import measured

    known = measured(stored, {})
    assert [LENET_FASHION] == [row.cell for row in expected.rows(stored, known, storage, chosen=[LENET, LENET_FASHION])]
    assert [] == expected.rows(stored, known, storage), "by default, only the cells of the rows"


def test_a_gpu_is_not_expected_to_be_like_a_cpu(machines):
    storage = machines(CPU)
    machines(GPU, peak=1e14, gpu=True)
    train(storage, LENET, 2.0)
    assert ["chip-a"] == [row.machine for row in rows(storage, chosen=[LENET_FASHION])]
    train(storage, LENET, 0.2, folder=GPU)
    found = {row.machine: row.epoch_seconds.value for row in rows(storage, chosen=[LENET_FASHION])}
    assert pytest.approx({"chip-a": 2.0, "gpu-a": 0.2}, rel=0.05) == found


def test_a_backend_is_not_expected_to_be_like_another(machines):
    storage = machines(CPU)
    machines("chip-a_jax_float32")
    train(storage, LENET, 2.0)
    assert ["tensorflow"] == [row.backend for row in rows(storage, chosen=[LENET_FASHION])]


def test_a_machine_without_a_roofline_and_a_search_are_not_expected(machines):
    storage = machines(CPU)
    train(storage, LENET, 2.0)
    assert [] == rows(storage, chosen=["searched_cnn-cifar10-imagenet32_search"])
    assert [] == rows(storage, chosen=[LENET_FASHION], machines=[OTHER])
    shutil.move(storage / CPU / store.ROOFLINE, storage / "elsewhere")
    assert [] == rows(storage, chosen=[LENET_FASHION])


def test_a_record_without_times_teaches_nothing(machines):
    storage = machines(CPU)
    made = fake_training.record(LENET, seconds=())
    fake_training.stored(storage, 1, "x", [made], machine=CPU)
    assert [] == rows(storage, chosen=[LENET_FASHION])


def test_what_is_learnt_is_the_geometric_mean_of_the_fastest_epochs():
    (known,) = [
        each
        for each in expected._measured(store.records(), expected._limits(store.FOLDER))
        if each.cell == LENET and "intel" in each.machine
    ]
    times = [
        epoch_seconds(each.record) for each in store.records() if each.cell == LENET and "intel" in each.machine and timed(each.record)
    ]
    assert 3 < len(times)
    assert pytest.approx(np.exp(np.mean(np.log(times)))) == known.seconds


# The studies' machines


def test_the_studies_machines_are_machines_like_any_other():
    found = {(row.machine, row.cell): row for row in expected.published()}
    lenet = found["NVIDIA GeForce GTX 960M", LENET]
    assert ("published", "published", Measured(22, None, None, 1)) == (lenet.kind, lenet.verdict, lenet.epoch_seconds), "220 s for ten"
    assert Measured(cells()[LENET].published["accuracy"], None, None, 1) == lenet.accuracy
    assert {"NVIDIA GeForce GTX 960M", "GTX1080Ti", "Google Colab (srivastava)", "Google Colab (imagenet32)"} == {
        where for where, _ in found
    }
    for row in found.values():
        assert row.accuracy or row.epoch_seconds


def test_the_studies_one_time_of_another_machine_is_a_row_of_that_machine():
    (row,) = [row for row in expected.published() if row.machine == "GTX1080Ti"]
    (printed,) = studies()["afif"]["elsewhere"]
    assert (printed["cell"], printed["epoch_seconds"], None) == (row.cell, row.epoch_seconds.value, row.accuracy)
    (own,) = [each for each in expected.published() if each.cell == row.cell and "960M" in each.machine]
    assert "20.6" == f"{own.epoch_seconds.value / row.epoch_seconds.value:.1f}"
