"""Stored records and comparisons of `ab`, made by hand, for tests of what compare shows."""

from baselines import store
from tests.self.baselines import fake_training

CELL, OTHER, THIRD, GATE = "lenet5-mnist-afif", "vgg_like-mnist-afif", "lenet5-fashion_mnist-afif", "lenet5-mnist-gate"
A, B, C = "chip-a_tensorflow_float32", "chip-b_tensorflow_float32", "chip-c_jax_float32"
VERSIONS = {"keras": "3.15.1", "tensorflow-cpu": "2.21.0"}


def made(cell=CELL, machine=A, name="x", accepted=False, when="2026-01-01T00:00:00+00:00", commit=None, **values):
    """A store.Stored; values: those of fake_training.record."""
    backend, precision = machine.split("_", 2)[1:]
    values = {"versions": VERSIONS, "python": "3.11.7", "backend": backend, "precision": precision, **values}
    record = {**fake_training.record(cell, **values), "machine": machine, "when": when}
    record["id"] = store.record.digest([cell, machine, name, when, str(values)])
    return store.Stored(machine, f"{name}.json", name, cell, record, commit or {"id": "c0ffee"}, when, record["id"], accepted=accepted)


def several(seeds, cell=CELL, machine=A, accuracies=(), seconds=(), **values):
    """Records of as many seeds; accuracies and seconds of the fastest epochs: one each."""
    return [
        made(
            cell,
            machine,
            seed=seed,
            accuracy=accuracies[seed] if accuracies else 0.98,
            seconds=(seconds[seed], 2 * seconds[seed]) if seconds else (2.0, 3.0),
            **values,
        )
        for seed in range(seeds)
    ]


def of_ab(**values):
    """What `ab` stored of one comparison, with the keys that are shown."""
    return {
        **{
            "version": 1,
            "of": "time",
            "subject": CELL,
            "sides": ["before", "after"],
            "verdict": "SLOWER",
            "ratio": 1.02,
            "low": 0.99,
            "high": 1.05,
        },
        **{"sees": 0.1, "pairs": 12, "minutes": 3.5, "when": "2026-03-01T00:00:00"},
        **values,
    }
