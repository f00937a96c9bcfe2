"""Times of epochs that were not timed: how well they are expected, and which rows there are."""

import json
import re
import shutil

import numpy as np
import pytest

from baselines import roofline, store
from baselines.__main__ import main
from baselines.cells import cells
from baselines.record import epoch_seconds, timed
from baselines.report import charts, drawing, expected, table, workload
from tests.self.baselines import fake_training, pages

pytestmark = pytest.mark.self
CPU = "chip-a_tensorflow_float32"
OTHER = "chip-b_tensorflow_float32"
GPU = "gpu-a_tensorflow_float32"
LENET, LENET_FASHION, VGG = "lenet5-mnist-afif", "lenet5-fashion_mnist-afif", "vgg_like-mnist-afif"


# How well a time is expected


@pytest.mark.parametrize("what", expected.TESTS)
def test_the_stored_records_are_expected_about_as_well_as_the_intervals_state(what):
    """On real machines, leaving out what is to be expected; few machines and families, so that one of them is many epochs."""
    headers, *found = expected.tested(store.records(), store.FOLDER)
    (row,) = [dict(zip(headers, row, strict=True)) for row in found if row[0] == what]
    held, count = map(int, row["in 90%"].split(" of "))
    assert 15 <= count == row["epochs"]
    assert 0.7 * count <= held
    assert float(row["off by"]) < 1.7
    assert float(row["x"]) < 2.5, "an interval that holds everything says nothing"


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
    assert ("expected", "expected", (), "tensorflow", "float32") == (here.kind, here.verdict, here.marks, here.backend, here.precision)
    assert pytest.approx(300, rel=0.05) == here.epoch_seconds.value
    assert pytest.approx(150, rel=0.05) == there.epoch_seconds.value, "of a machine without any record: its limits are twice as high"
    assert here.epoch_seconds.low < here.epoch_seconds.value < here.epoch_seconds.high
    assert pytest.approx(60_000 / here.epoch_seconds.value) == here.images_per_second
    assert (None, None, None, 1) == (here.ratio, here.accuracy, here.peak_share, here.epoch_seconds.n)
    assert here.reason.startswith("not timed here: from this machine's limits and 1 measured epoch; 90% interval")


def test_what_was_measured_is_not_expected(machines):
    storage = machines(CPU)
    train(storage, LENET, 2.0)
    stored = store.records(storage)
    from baselines.report.measure import measured

    known = measured(stored, {})
    assert [LENET_FASHION] == [row.cell for row in expected.rows(stored, known, storage, chosen=[LENET, LENET_FASHION])]
    assert [] == expected.rows(stored, known, storage), "by default, only the cells of the rows"
    assert [] == expected.rows(stored, [], storage, chosen=[LENET]), "timed, though no row of it is shown"


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


def test_an_expected_row_takes_no_cells_history_from_the_page(machines, monkeypatch):
    monkeypatch.setattr(drawing, "svg", lambda name, *args: "")
    storage = machines(CPU)
    train(storage, VGG, 300.0)
    (here,) = rows(storage, chosen=[LENET])
    sampled = pages.row(LENET, marks=("sample",), data="part", history=[pages.trained(1, commit="0ldc0de"), pages.trained(2)])
    plain, beside = (charts.history(LENET, found, {sampled.place: "A", here.place: "B"}) for found in ([sampled], [sampled, here]))
    assert ["0ldc0de", "c0ffee1"] == [line[1] for line in plain.rows]
    assert plain == beside
    assert charts.history(LENET, [here], {here.place: "A"}) is None


# The command


@pytest.fixture
def compared(machines, capsys):
    """A function: options -> what compare prints of two machines, of which the second has not run VGG_MNIST."""
    storage = machines(CPU)
    machines(OTHER, peak=2e11)
    train(storage, LENET, 2.0)
    train(storage, VGG, 300.0)
    train(storage, LENET, 1.0, folder=OTHER)

    def run(*options):
        assert 0 == main(["compare", "--storage", str(storage), *options])
        return capsys.readouterr().out

    return run


def test_expected_times_are_shown_where_they_are_asked_for_and_change_no_mean(compared):
    plain, text = compared(), compared("--expected")
    assert "Expected" not in plain
    assert text.startswith(plain.partition("\n\n")[0]), "the answer is the same"
    grid, test = text.partition("Expected seconds")[2].split("How far such times are off")
    assert [VGG] == re.findall(r"^[a-z]\S+-\S+-\S+", grid, re.MULTILINE)
    (seconds, factor) = re.search(rf"^{VGG} +(\d+) x(\d\.\d\d)$", grid, re.MULTILINE).groups()
    assert 120 < int(seconds) < 180
    assert 1.1 < float(factor) < 3
    assert len(expected.TESTS) == sum(test.count(f"\n{what} ") for what in expected.TESTS)
    assert max(map(len, text.splitlines())) <= 140


def test_a_cell_that_was_timed_is_not_expected_where_its_record_is_not_shown(compared, tmp_path):
    """Not accepted, and --accepted; or busy now, and timed before."""
    for cell, folder in (LENET, CPU), (VGG, CPU):
        fake_training.accept(tmp_path, [each for each in store.records(tmp_path) if (each.cell, each.machine) == (cell, folder)])
    made = json.loads(compared("--expected", "--accepted", "--format=json"))
    assert [(VGG, "chip-b")] == [(row["cell"], row["machine"]) for row in made["rows"] if row["kind"] == "expected"]
    fake_training.stored(tmp_path, 9, "x", [fake_training.record(LENET, seconds=(), others=0.9, seed=2)], machine=OTHER)
    made = json.loads(compared("--expected", "--format=json"))
    assert [(VGG, "chip-b")] == [(row["cell"], row["machine"]) for row in made["rows"] if row["kind"] == "expected"]


def test_all_asks_for_the_cells_that_were_never_run_too(compared):
    text = compared("--expected", "--all").partition("Expected seconds")[2].partition("How far")[0]
    named = re.findall(r"^[a-z]\S+-\S+-\S+", text, re.MULTILINE)
    assert {"vgg16-mnist-srivastava_l2", VGG} < set(named)
    assert not [cell for cell in named if cell.startswith("searched")]


def test_json_has_expected_rows_and_how_far_they_are_off(compared):
    made = json.loads(compared("--expected", "--format=json"))
    (row,) = [row for row in made["rows"] if row["kind"] == "expected"]
    assert (VGG, "chip-b, tensorflow float32", None) == (row["cell"], row["place"], row["ratio"])
    assert row["epoch_seconds"]["low"] < row["epoch_seconds"]["value"] < row["epoch_seconds"]["high"]
    assert expected.HEADERS == made["tested"][0]


def test_without_a_roofline_the_table_says_what_is_missing(compared, tmp_path):
    for path in tmp_path.glob(f"*/{store.ROOFLINE}"):
        path.unlink()
    text = compared("--expected")
    assert "it takes a stored roofline" in " ".join(text.split())
    assert table.WIDTH >= max(map(len, text.splitlines()))
