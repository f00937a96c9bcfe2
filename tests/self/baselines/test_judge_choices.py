"""Which records a verdict is made of: baselines, pooled noise, and what changed."""

import pytest

from baselines import judge, times
from baselines.cells import cells
from tests.self.baselines import fake_training
from tests.self.baselines.test_judge import CELL, OTHER, made, word

pytestmark = pytest.mark.self


def test_neither_itself_nor_a_training_with_the_epochs_option_is_a_baseline(five):
    stored = five(each={2: {"epochs_option": 3}})
    assert [1, 3, 4, 5] == sorted(each.record["seed"] for each in judge.candidates(made(), stored))
    assert [1, 4, 5] == sorted(each.record["seed"] for each in judge.candidates(stored[2].record, stored))


def test_another_backends_records_count_where_there_are_none_of_its_own_and_one_seed_of_each_backend_is_two(five):
    stored = five(OTHER, backend="jax")
    assert 5 == len(judge.baseline(made(), stored))
    stored = five("third_tensorflow_float32")
    assert 10 == len(judge.baseline(made(), stored))


def test_the_records_of_a_baseline_are_this_machines_only_if_all_are(five):
    stored = five(OTHER)
    assert ["other-chip", "this machine"] == [judge.whose(stored, machine) for machine in (fake_training.MACHINE, OTHER)]
    assert "" == judge.whose([], OTHER)
    both = five(each={seed: {"seed": seed + 5} for seed in range(1, 6)})
    assert {"made-up-chip", "other-chip"} == set(judge.whose(both, OTHER).split(", "))


def test_the_limits_know_a_study_a_cells_own_smallest_loss_and_its_floor(five):
    stored = five(accuracies=(0.98,))
    gate_cell = cells()["lenet5-mnist-gate"]
    assert [True, False] == [judge.known(made(), stored, cell).studied for cell in (CELL, gate_cell)]
    known = judge.known(made(), stored, CELL._replace(smallest=0.05, floor=0.9))
    assert (0.05, 0.9, 10_000, "this machine") == (known.smallest, known.floor, known.images, known.whose)
    assert 0.001 == judge.known(made(), stored, CELL).smallest
    assert judge.known(made(kind="sample"), stored, CELL).floor is None


def test_a_gpus_memory_is_not_held_against_records_without_a_gpu(five):
    stored = five(each={1: {"peak_memory.gpu": 10**9}, 2: {"peak_memory.gpu": 10**9}})
    new = made(**{"peak_memory.gpu": 10**9}, seconds=(2.0, 1.5, 1.6))
    assert word(new, stored, "seconds").startswith("PASS: fastest epoch")
    assert word({**new, "peak_memory": {"host": 1, "gpu": 9 * 10**9}}, stored, "seconds").endswith("this machine")
    assert "(n=2)" in word({**new, "peak_memory": {"host": 1, "gpu": 9 * 10**9}}, stored, "seconds")


def test_noise_of_times_is_pooled_over_the_accepted_cells_of_the_machine_each_on_its_own_data(five, tmp_path):
    five(seconds=(2.0, 1.5))
    five(cell="lenet5-fashion_mnist-afif", accuracies=(0.9,), seconds=(7.0,))
    five(accuracies=(0.98,), seconds=(9.0,), fingerprint="beef", each={1: {"seed": 8}})
    five(OTHER, seconds=(3.0,), each={seed: {"seed": seed + 20} for seed in range(1, 6)})
    stored = five(accuracies=(0.98,), seconds=(), others=0.9, each={1: {"seed": 9}})
    fake_training.stored(tmp_path, 9, "new", [made(seconds=(99.0,), seed=11)])
    stored = fake_training.store.records(tmp_path)
    assert [[1.5] * 5, [7.0], [9.0]] == sorted(times._by_cell(times.COSTS["fastest epoch"], made()["machine"], stored))
    assert [] == times._by_cell(times.COSTS["GPU memory"], made()["machine"], stored)


def test_changes_are_those_since_the_newest_accepted_record_here_and_bits_are_compared_of_one_seed(five):
    assert [] == judge.changes(made(), [])
    five(accuracies=(0.983,), python="2")
    stored = five(OTHER, accuracies=(0.983,), python="9")
    new = made(seed=1, accuracy=0.983)
    assert ["python 2 -> 3"] == judge.changes(new, stored)
    assert ["python 9 -> 3"] == judge.changes({**new, "machine": OTHER}, stored)
    assert ["python 9 -> 3"] == judge.changes({**new, "machine": "third"}, sorted(stored, key=lambda each: each.machine == OTHER))
    other = {**new, "history": {"loss": [9.0]}}
    assert ["python 2 -> 3", "losses differ from epoch 1 on"] == judge.changes(other, stored)
    assert ["python 2 -> 3"] == judge.changes({**other, "seed": 2}, stored)
