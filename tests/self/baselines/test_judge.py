"""Which accepted records a record is held against, and what deserves which verdict."""

import pytest

from baselines import judge, occasions, times
from baselines.cells import cells
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self
CELL = cells()["lenet5-mnist-afif"]
OTHER = "other-chip_tensorflow_float32"
GATES = 20


def made(cell=CELL.id, **values):
    return fake_training.record(cell, **{"accuracy": 0.9835, **values})


def word(record, stored, what="accuracy"):
    given = judge.accuracy(record, stored, GATES, cells()[record["cell"]]) if what == "accuracy" else times.costs(record, stored, GATES)
    return f"{given.word}: {given.line}"


def test_a_loss_is_judged_by_the_records_of_any_machine_and_names_it(five):
    stored = five(OTHER)
    assert word(made(), stored).startswith("PASS: accuracy 0.9835, baseline 0.9825 (n=5)")
    assert word(made(), stored).endswith("; other-chip")
    assert word(made(accuracy=0.5), stored).startswith("REGRESSED")
    assert word(made(), stored, "seconds").startswith("NO-BASELINE: fastest epoch 1.5 s; no accepted records of this machine")


def test_five_records_of_the_same_machine_are_the_baseline_alone(five):
    stored = five(OTHER, accuracies=(0.99,) * 5)
    stored = five(each={seed: {"seed": seed + 10} for seed in range(1, 6)})
    assert {fake_training.MACHINE} == {each.machine for each in judge.baseline(made(), stored)}
    stored = [each for each in stored if each.machine == OTHER or each.record["seed"] != 15]
    assert 9 == len(judge.baseline(made(), stored))


def test_a_seed_that_two_machines_trained_counts_once_and_the_newest_counts(five):
    five(OTHER)
    stored = five(accuracies=(0.984,))
    assert [5, 0.984] == [
        len(found := judge.baseline(made(), stored)),
        next(each for each in found if each.record["seed"] == 1).record["accuracy"],
    ]


def test_backends_are_pooled_only_where_they_are_alike(five):
    stored = five()
    like = five("chip_jax_float32", backend="jax", each={seed: {"seed": seed + 5} for seed in range(1, 6)})
    assert 10 == len(judge.baseline(made(machine=OTHER), like))
    stored = [each for each in like if each.record["backend"] == "tensorflow"]
    apart = five("worse_jax_float32", (0.93, 0.931, 0.932), backend="jax", each={seed: {"seed": seed + 20} for seed in range(1, 4)})
    apart = [each for each in apart if each in stored or each.machine.startswith("worse")]
    assert 5 == len(judge.baseline(made(machine=OTHER), apart))


def test_only_accepted_records_of_the_cell_and_precision_are_a_baseline(five, tmp_path):
    five("bf16_tensorflow_mixed_bfloat16", precision="mixed_bfloat16")
    stored = five("other-cell_tensorflow_float32", cell="lenet5-fashion_mnist-afif")
    assert [] == judge.baseline(made(), stored)
    fake_training.stored(tmp_path, 9, "x", [made(seed=7)])
    assert [] == judge.baseline(made(), stored)


def test_a_collapse_of_a_cell_with_one_accepted_record_is_red(five):
    stored = five(accuracies=(0.9946,), cell="vgg_like-mnist-afif", seconds=(91.0, 92.0))
    collapsed = made("vgg_like-mnist-afif", accuracy=0.5, seconds=(915.0, 920.0))
    assert ["REGRESSED", "REGRESSED"] == [word(collapsed, stored, what).partition(":")[0] for what in ("accuracy", "seconds")]
    assert "REGRESSED" == word(made(accuracy=0.11), five(accuracies=(0.983, 0.983))).partition(":")[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"seconds": (3.0, 3.1)}, "REGRESSED: fastest epoch 3 s"),
        ({"seconds": (2.0, *[9.0] * 9)}, "REGRESSED: median epoch 9 s"),
        ({"seconds": (2.0, 2.1), "eval_seconds": [99.0, 99.0]}, "REGRESSED: evaluation 99 s"),
        ({"seconds": (2.0, 2.1)}, "PASS: fastest epoch 2 s"),
    ],
    ids=["slower", "later epochs", "evaluation", "unchanged"],
)
def test_every_part_of_an_epoch_is_screened(five, values, expected):
    stored = five(seconds=(2.0, 2.1))
    assert word(made(**values), stored, "seconds").startswith(expected)


def test_a_gpus_memory_is_screened(five):
    stored = five(**{"peak_memory.gpu": 10**9})
    assert word(made(**{"peak_memory.gpu": 2 * 10**9}), stored, "seconds").startswith("REGRESSED: GPU memory 2e+09 bytes")


def test_another_size_or_work_is_red_until_it_is_accepted(five):
    stored = five()
    assert "REGRESSED: multiply-accumulates 99, accepted 241,816 (n=5)" == word(made(macs=99), stored)
    assert "REGRESSED: parameters 7, accepted 150,742 (n=5)" == word(made(**{"parameters.total": 7}), stored)


FILES = {"mnist/x.gz": "sha256:1"}


@pytest.mark.parametrize(
    ("former", "now", "expected"),
    [
        ({"data.files": FILES}, {"data.files": FILES}, "REGRESSED: the same files gave other arrays (beef, accepted f00d): the loader"),
        ({"data.files": None}, {"data.files": FILES}, "REGRESSED: the same files gave other arrays"),
        ({"data.files": FILES}, {"data.files": {"mnist/x.gz": "sha256:2"}}, "NO-BASELINE: accuracy 0.9900; other data"),
        ({"data.files": None, "kind": "sample"}, {"data.files": FILES, "kind": "sample"}, "NO-BASELINE: accuracy 0.9900; other data"),
    ],
    ids=["same files", "canonical", "other files", "a sample of unknown files"],
)
def test_other_arrays_of_the_same_files_are_a_fault_of_the_loader(five, former, now, expected):
    stored = five(**former)
    assert word(made(fingerprint="beef", accuracy=0.99, **now), stored).startswith(expected)
    assert not word(made(fingerprint="beef", **now), stored, "seconds").startswith("PASS")


def test_the_floor_holds_without_a_baseline_but_not_for_a_sample(five):
    assert word(made(accuracy=0.5), []).startswith("REGRESSED: accuracy 0.5000 is under the floor 0.97")
    assert word(made(accuracy=0.5, kind="sample"), []).startswith("NO-BASELINE")


def test_a_collapse_is_red_although_one_accepted_record_collapsed_but_not_if_most_did(five):
    wrong = "every test image is taken for class 0"
    collapsed = made(accuracy=0.985, divergence=wrong)
    assert wrong in word(collapsed, [])
    assert word(collapsed, five(each={1: {"divergence": wrong}})).startswith("REGRESSED")
    most = five(OTHER, each={seed: {"divergence": wrong} for seed in range(1, 6)})
    assert word(collapsed, [each for each in most if each.machine == OTHER]).startswith("PASS")
    assert "its loss is not a finite number" in word({**made(), "loss": None}, [])
    third = [each for each in five("third", each={seed: {"loss": None} for seed in (1, 2, 3)}) if each.machine == "third"]
    assert word({**made(), "loss": None}, third).startswith("PASS")
    assert word({**made(), "loss": None}, third[:2] + third[3:]).startswith("REGRESSED"), "half of them is not most"
    short = word(made(divergence=wrong, epochs_option=1), [])
    assert (True, True) == (short.startswith("INCOMPARABLE"), wrong in short)


def test_the_epochs_option_and_another_number_of_epochs_are_incomparable(five):
    stored = five()
    for what in "accuracy", "seconds":
        assert word(made(epochs_option=1, accuracy=0.2), stored, what).startswith("INCOMPARABLE: trained with --epochs 1")
    fewer = made()
    fewer["recipe"] = {**fewer["recipe"], "epochs": 1}
    assert "INCOMPARABLE: trained for 1 epochs, the accepted records 10" == word(fewer, stored, "seconds")
    assert word({**fewer, "accuracy": 0.9}, stored).startswith("REGRESSED")


def test_a_time_from_a_shared_machine_is_unstable_and_accepted_ones_do_not_count(five):
    assert word(made(others=0.9, seconds=()), five(), "seconds").startswith("UNSTABLE: other programs kept 0.9 processors busy")
    stored = five(OTHER, others=0.9, seconds=())
    busy = [each for each in stored if each.machine == OTHER]
    assert word(made(machine=OTHER), busy, "seconds").startswith("NO-BASELINE")
    assert word(made(machine=OTHER), busy).startswith("PASS")


def test_one_image_of_360_is_no_loss_that_is_seen(five):
    stored = five(cell="lenet5-digits-digits_lenet", accuracies=(0.9361,) * 5, **{"data.test": 360})
    assert word(made("lenet5-digits-digits_lenet", accuracy=0.9333, **{"data.test": 360}), stored).startswith("PASS")


def test_reruns_of_a_seed_add_and_never_replace():
    first, again, other = made(accuracy=0.97), made(accuracy=0.99), made(seed=1, accuracy=0.98)
    assert [pytest.approx(0.98), 0.98] == judge.values([first, again, other])
    assert [0.97] == judge.values([first, {**first, "id": "again"}])
    assert [pytest.approx(0.98)] == judge.values([first, {**first, "id": "again"}, again]), "equal bits are one training"
    unlike = [{**each, "history": {}} for each in (first, again)]
    assert [pytest.approx(0.98)] == judge.values(unlike)


def test_trainings_of_the_same_code_count_together_on_any_machine_but_those_of_other_code_do_not(five, tmp_path):
    fake_training.stored(tmp_path, 1, "x", [made(seed=1), made(seed=2, code={"graph": "z"})])
    fake_training.stored(tmp_path, 1, "x", [made(seed=3, threads=9)], machine=OTHER)
    found = judge.trainings(made(seed=4), fake_training.store.records(tmp_path))
    assert [1, 3, 4] == sorted(each["seed"] for each in found)
    itself = next(each.record for each in fake_training.store.records(tmp_path))
    assert [1, 3] == sorted(each["seed"] for each in judge.trainings(itself, fake_training.store.records(tmp_path)))
    accepted = fake_training.accept(tmp_path)
    assert [4] == [each["seed"] for each in judge.trainings(made(seed=4), accepted)]


def test_what_changed_since_the_baseline_is_named_and_excuses_nothing(five):
    stored = five(each={5: {"versions": {"keras": "2"}}})
    new = made(accuracy=0.5, seed=4, compile_seconds=500.0, loop="fit", **{"peak_memory.host": 10**10})
    new["code"] = {**new["code"], "graph": "z"}
    found = judge.changes(new, stored)
    assert "graph code a -> z, keras 2 -> 3, loop one program -> fit, compilation 1 -> 500 s, host memory 600 -> 1e+04 MB" == ", ".join(
        found[:-1]
    )
    assert "losses differ from epoch 3 on" == found[-1]
    assert word(new, stored).startswith("REGRESSED")


def test_a_changed_last_bit_in_a_stored_history_is_seen(tmp_path):
    fake_training.stored(tmp_path, 1, "x", [made(), made(seed=1)])
    stored = fake_training.store.records(tmp_path)
    assert stored[0] == judge.twin(made(), stored)
    assert judge.twin(made(seed=2), stored) is None
    assert judge.twin(made(versions={"keras": "4"}), stored) is None
    assert stored[0] == judge.twin({**made(), "id": "x"}, stored)
    assert judge.twin(stored[0].record, stored) is None, "a training is not its own twin"
    assert judge.repeats(made(), stored)
    fake_training.stored(tmp_path, 2, "x", [made(history={"loss": [0.5, 0.1, 0.2]})])
    stored = fake_training.store.records(tmp_path)
    assert not judge.repeats(made(), stored)
    assert stored[2] == judge.twin(made(), stored), "the newest one"
    fake_training.stored(tmp_path, 3, "x", [made(seed=1, code={"graph": "z"}, history={"loss": [0.7]})])
    assert judge.repeats(made(seed=1), fake_training.store.records(tmp_path)), "other code says nothing about bits"


def test_occasions_are_counted_by_hours():
    assert [1, 1, 2] == [
        occasions.count(dates)
        for dates in ([], ["2026-01-01T00:00:00", "2026-01-01T05:00:00"], ["2026-01-01T00:00:00", "2026-01-01T07:00:00"])
    ]
