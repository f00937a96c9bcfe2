"""A storage of 200 files of 60 cells is compared in a few seconds."""

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import judge, store
from baselines.cells import cells
from tests.self.baselines import fake_training

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
FILES, CELLS, EPOCHS = 200, 60, 20
SECONDS = 3  # of the processor, on a machine that has nothing else to do
MARGIN = 1.5  # for slower processors, and those that share their caches


@pytest.fixture
def storage(tmp_path):
    """Sessions of four machines over months, five files of each accepted, the newest ones with the verdicts that their session stored."""
    draw, names = random.Random(0), list(cells())
    for number in range(1, FILES + 1):
        made = []
        for i in range(CELLS):
            seconds = [2 + draw.random() / 10 for _ in range(EPOCHS)]
            history = {"accuracy": [draw.random() for _ in range(EPOCHS)], "loss": [draw.random() for _ in range(EPOCHS)]}
            seed = number + (1000 if i >= len(names) else 0)
            accuracy = 0.98 + draw.random() / 1000
            made.append(fake_training.record(names[i % len(names)], seed=seed, accuracy=accuracy, seconds=seconds, history=history))
        machine, name = f"chip-{number % 4}_tensorflow_float32", "good" if number <= 20 else "nightly"
        fake_training.stored(tmp_path, number, name, made, machine=machine, when=f"2026-{1 + number // 25:02}-{1 + number % 25:02}")
    stored = fake_training.accept(tmp_path, [each for each in store.records(tmp_path) if each.name == "good"])
    for path in sorted(tmp_path.glob("*/*.json"), key=lambda path: path.name)[-4:]:
        content = json.loads(path.read_text())
        content["verdicts"] = {each["id"]: dict.fromkeys(("accuracy", "seconds"), verdict(each, stored)) for each in content["records"]}
        path.write_text(json.dumps(content))
    return tmp_path


def verdict(record, stored):
    given = {"word": "PASS", "line": "as it was", "details": "", "more": 0, "carried": ""}
    return {**given, "baseline": judge.fingerprint(judge.baseline(record, stored))}


def test_a_large_storage_is_compared_in_seconds_without_keras_or_a_backend(storage):
    code = "import sys; from baselines import __main__ as command; found = command.main(sys.argv[1:]); "
    code += "assert not {'keras', 'tensorflow', 'jax', 'sklearn', 'matplotlib', 'scipy.stats'} & set(sys.modules); sys.exit(found)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, "compare", f"--storage={storage}"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert 0 == done.returncode, done.stderr
    assert f"geometric mean over {len(cells())} cells" in " ".join(done.stdout.split())
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert seconds < MARGIN * SECONDS, f"{seconds:.1f} s of the processor"
    print(f"{seconds:.2f} s of the processor")
