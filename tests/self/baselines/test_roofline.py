"""The roofline: the measured work is the stated work, the clock waits for the device, and a sound stored one is kept."""

import json
from types import SimpleNamespace

import pytest

from baselines import __main__ as command
from baselines import efficiency, machine, probes, roofline, store
from baselines import record as records
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
FORMER, NEW = "2026-01-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"


def measured(when=FORMER, others=0.0, **limits):
    """What roofline.measure might return: every rate is 4e11 and a launch takes 2e-5 s, apart from the limits given."""
    values = {key: 2e-5 if key == "launch_seconds" else 4e11 for key in roofline.LIMITS} | limits
    around = {"when": when, "python": "3", "versions": {"keras": "3"}, "tf32": None, "load": {"others": others, "loadavg": 1.0}}
    return {**around, "shared": others > 0.15, **{key: {"best": value, "median": value, "n": 9} for key, value in values.items()}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A machine's folder that is not there yet, on a machine of which the next measurement is ``measured(NEW)``."""
    monkeypatch.setattr(machine, "compute_in", lambda precision: None)
    monkeypatch.setattr(machine, "folder", lambda precision: fake_training.MACHINE.replace("float32", precision))
    monkeypatch.setattr(roofline, "measure", lambda: measured(NEW))
    return tmp_path / fake_training.MACHINE


def keep(folder, text):
    folder.mkdir()
    (folder / store.ROOFLINE).write_text(text if isinstance(text, str) else json.dumps(text))


def test_an_epoch_is_three_products_of_two_operations_a_multiply_accumulate():
    inputs, outputs, images = 3, 4, 5
    forward = 2 * images * inputs * outputs
    weights_gradient, input_gradient = 2 * inputs * images * outputs, 2 * images * outputs * inputs
    assert forward + weights_gradient + input_gradient == efficiency.epoch_flops(inputs * outputs, images)


def test_the_peak_is_that_of_the_records_precision():
    known = measured(matmul_float32_flops_per_second=4e11, matmul_bfloat16_flops_per_second=8e11, conv_float32_flops_per_second=1e11)
    found = [roofline.limits_of(known, precision) for precision in ("float32", "mixed_bfloat16", "bfloat16")]
    assert [(4e11, 2e-5), (8e11, 2e-5), (8e11, 2e-5)] == [tuple(each.values()) for each in found]


def test_the_peak_is_unknown_without_a_roofline_for_another_precision_and_for_a_disturbed_one():
    known = [
        roofline.limits_of(None, "float32"),
        roofline.limits_of(measured(), "float16"),
        roofline.limits_of(measured(others=0.7), "float32"),
    ]
    assert [None, None, None] == [each["peak_flops_per_second"] for each in known]


def test_every_limit_is_measured_on_this_backend(monkeypatch):
    for name, small in (("MATRIX", 32), ("GPU_MATRIX", 32), ("MAPS", (2, 8, 8, 4)), ("MEMORY", 2**16), ("IMAGES", 2**16)):
        monkeypatch.setattr(probes, name, small)
    monkeypatch.setattr(probes, "LEAST", 0.001)
    found = roofline.measure(seconds=0.01)
    for key in roofline.LIMITS:
        best, middle = found[key]["best"], found[key]["median"]
        assert found[key]["n"] >= 3
        assert 0 < best <= middle if key.endswith("_seconds") else 0 < middle <= best, key
    assert found["versions"] == machine.versions()
    assert {"others", "gpu_others", "loadavg"} == found["load"].keys()
    assert found == records.plain(found)


def test_the_work_of_a_convolution_is_the_cost_of_its_layer():
    import keras

    images, *shape = probes.MAPS
    layer = keras.layers.Conv2D(shape[-1], 3, padding="same", use_bias=False)
    flops, step, value = probes._conv("float32")
    assert 2 * images * macs(shape, layer) == flops
    assert tuple(probes.MAPS) == tuple(value.shape) == tuple(step(value).shape)


def test_the_work_of_a_product_is_the_cost_of_a_dense_layer(monkeypatch):
    import keras

    for name in ("MATRIX", "GPU_MATRIX"):
        monkeypatch.setattr(probes, name, 48)
    flops, step, value = probes._matmul("float32")
    assert 2 * 48 * macs([48], keras.layers.Dense(48)) == flops
    assert (48, 48) == tuple(value.shape) == tuple(step(value).shape)


def macs(shape, layer):
    import keras

    from zoo.cost import cost

    return cost(keras.Sequential([keras.Input(shape), layer])).macs


@pytest.mark.parametrize("work", [probes._matmul, probes._conv])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_numbers_keep_their_size_however_often_they_are_multiplied(monkeypatch, work, precision):
    import keras

    for name, small in (("MATRIX", 128), ("GPU_MATRIX", 128), ("MAPS", (4, 16, 16, 16))):
        monkeypatch.setattr(probes, name, small)
    _, step, value = work(precision)
    for _ in range(6):
        value = step(value)
    assert precision == keras.backend.standardize_dtype(value.dtype)
    assert 0.2 < float(keras.ops.std(keras.ops.cast(value, "float32"))) < 3


def test_a_pass_in_place_is_repeated_as_often_as_stated():
    import keras

    from zoo.training import device

    thrice = device.in_place(lambda value: value * 2 + 1, 3)
    assert [15, 15] == keras.ops.convert_to_numpy(thrice(keras.ops.ones((2,)))).tolist()


def test_the_device_is_waited_for_before_the_clock_is_read(monkeypatch):
    """On a device that is handed work in no time; each step takes it 3 ms, and waiting for it takes 0.1 ms."""
    from zoo.training import device

    state = {"now": 0.0, "queue": 0.0, "steps": 0}

    def step(value):
        state["queue"] += 0.003
        state["steps"] += 1
        assert state["steps"] < 10_000, "the clock is read without waiting"
        return value + 1

    def drain():
        state["now"] += state["queue"] + 0.0001
        state["queue"] = 0.0

    monkeypatch.setattr(device, "drain", drain)
    monkeypatch.setattr(probes, "time", SimpleNamespace(perf_counter=lambda: state["now"]))
    times = probes.timings(step, 0, seconds=0.1)
    assert 3 < len(times)
    assert [pytest.approx(0.003, rel=0.01)] * len(times) == times
    assert 3 == len(probes.timings(step, 0, seconds=0.0))


def test_a_machine_is_measured_once_and_again_on_request(folder, monkeypatch):
    found, stored = roofline.current(folder)
    assert (NEW, False) == (found["when"], stored)
    monkeypatch.setattr(roofline, "measure", lambda: measured("later"))
    assert (found, True) == roofline.current(folder)
    assert (measured("later"), False) == roofline.current(folder, again=True)
    assert "later" == roofline.load(folder)["when"]
    assert [store.ROOFLINE] == [path.name for path in folder.iterdir()]


def test_a_disturbed_roofline_is_measured_again(folder):
    keep(folder, measured(others=0.7))
    assert NEW == roofline.current(folder)[0]["when"] == roofline.load(folder)["when"]


def test_a_disturbed_measurement_never_replaces_an_undisturbed_one(folder, monkeypatch):
    keep(folder, measured())
    monkeypatch.setattr(roofline, "measure", lambda: measured(NEW, others=0.7))
    found, stored = roofline.current(folder, again=True)
    assert (FORMER, True) == (found["when"], stored)
    assert FORMER == roofline.load(folder)["when"]


def test_a_measurement_on_a_busy_machine_is_marked(monkeypatch):
    for name in ("_matmul", "_conv", "_memory", "_host_to_device", "_launch"):
        monkeypatch.setattr(probes, name, lambda *args: (1, None, None))
    monkeypatch.setattr(probes, "timings", lambda *args: [0.5, 0.25, 0.25])
    for others, shared in (0.7, True), (0.1, False), (None, False):
        monkeypatch.setattr(machine, "others", lambda before=None, others=others: {"others": others, "loadavg": 1.0})
        found = roofline.measure()
        assert (shared, others) == (found["shared"], found["load"]["others"])
        assert {"best": 4.0, "median": 4.0, "n": 3} == found["memory_bytes_per_second"]
        assert {"best": 0.25, "median": 0.25, "n": 3} == found["launch_seconds"]


DAMAGES = {
    "cut": lambda text: text[:100],
    "empty": lambda text: "",
    "a list": lambda text: "[]",
    "a limit missing": lambda text: text.replace("memory_bytes_per_second", "memory"),
    "a text": lambda text: text.replace("2e-05", '"2e-05"'),
    "negative": lambda text: text.replace("2e-05", "-2e-05"),
    "not finite": lambda text: text.replace("400000000000.0", "Infinity"),
    "true for a number": lambda text: text.replace("2e-05", "true"),
    "larger than any float": lambda text: text.replace("2e-05", "9" * 400),
    "mark missing": lambda text: text.replace("shared", "alone"),
    "load as text": lambda text: text.replace('"others": 0.0', '"others": "0"'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_roofline_is_refused_by_name_until_it_is_measured_again(folder, damage):
    text = json.dumps(measured())
    assert damage(text) != text
    keep(folder, damage(text))
    with pytest.raises(store.StoreError, match=rf"{store.ROOFLINE}: not a measured roofline .*python -m baselines roofline --again"):
        roofline.current(folder)
    assert NEW == roofline.current(folder, again=True)[0]["when"] == roofline.load(folder)["when"]


def test_a_roofline_is_not_taken_for_a_file_of_records(folder):
    fake_training.stored(folder.parent, 1, "x", [fake_training.record()])
    (folder / store.ROOFLINE).write_text(json.dumps(measured()))
    assert ["0001_x_00000001.json"] == [each.file for each in store.records(folder.parent)]


def test_the_command_measures_stores_and_shows_common_units(folder, capsys):
    assert 0 == command.main(["roofline", f"--storage={folder.parent}"])
    output = capsys.readouterr().out
    lines = [line.split("  ") for line in output.splitlines()]
    shown = {line[0]: [part.strip() for part in line[1:] if part.strip()] for line in lines}
    assert ["400", "400", "GFLOP/s", "9"] == shown["matrix product, float32"]
    assert ["400", "400", "GB/s", "9"] == shown["host to device"]
    assert ["20", "20", "µs", "9"] == shown["launch of a program"]
    assert f"{fake_training.MACHINE}, measured {NEW}" in output
    assert NEW == roofline.load(folder)["when"]


def test_the_command_in_the_message_of_a_damaged_roofline_mends_it_for_another_precision_too(folder, capsys):
    half = folder.with_name(folder.name.replace("float32", "mixed_bfloat16"))
    keep(half, "{")
    assert 2 == command.main(["roofline", f"--storage={folder.parent}", "--precision=mixed_bfloat16"])
    args = capsys.readouterr().err.strip().partition("python -m baselines ")[2].split()
    assert 0 == command.main([*args, f"--storage={folder.parent}"])
    assert (NEW, False) == (roofline.load(half)["when"], folder.exists())


@pytest.mark.parametrize(
    ("former", "args", "message"),
    [(0.7, [], "measured again next time"), (0.0, ["--again"], "the former measurement stays"), (0.0, [], None)],
)
def test_the_command_says_what_a_busy_machine_did_to_the_measurement(folder, monkeypatch, capsys, former, args, message):
    keep(folder, measured(others=former))
    monkeypatch.setattr(roofline, "measure", lambda: measured(NEW, others=0.7))
    assert 0 == command.main(["roofline", f"--storage={folder.parent}", *args])
    notes = capsys.readouterr().out.partition(f"{fake_training.MACHINE}, measured ")[2].splitlines()[1:]
    assert (0 if message is None else 1) == len(notes)
    assert message is None or message in notes[0]


def test_the_command_refuses_what_is_damaged_and_where_it_cannot_write_in_one_line(folder, capsys):
    keep(folder, "{")
    assert 2 == command.main(["roofline", f"--storage={folder.parent}"])
    (folder.parent / "file").write_text("")
    assert 2 == command.main(["roofline", f"--storage={folder.parent / 'file'}"])
    (folder / store.ROOFLINE).unlink()
    (folder / store.ROOFLINE).mkdir()
    assert 2 == command.main(["roofline", f"--storage={folder.parent}"])
    damaged, no_folder, unwritable = capsys.readouterr().err.splitlines()
    assert "roofline --again" in damaged
    assert "is not a folder" in no_folder
    assert "cannot be written" in unwritable


def test_an_epoch_has_its_rate_its_share_of_the_peak_and_the_hosts_share():
    record = fake_training.record(seconds=(2.0, 1.5), peak_flops_per_second=4e11, launch_seconds=2e-5)
    first, second = efficiency.efficiencies(record)
    flops = 6 * 241816 * 60 / 1.5
    assert (flops, flops / 4e11) == pytest.approx((second.flops_per_second, second.peak_share))
    assert (0.01 + 2e-5) / 2.0 == pytest.approx(first.host_share)
    assert second == efficiency.fastest(record)
    assert "0.05804 GFLOP/s, 0.0% of the measured peak, at most 0.67% lost to the host" == str(second)
    assert ([], None) == (efficiency.efficiencies(fake_training.record(seconds=())), efficiency.fastest(fake_training.record(seconds=())))
    assert efficiency.fastest({**record, "peak_flops_per_second": None}).peak_share is None
    steps = efficiency.efficiencies({**record, "loop": "a program a step"})  # the time between them is not measured
    assert [None, None] == [each.host_share for each in steps]
    assert "0.05804 GFLOP/s, 0.0% of the measured peak" == str(steps[1])
