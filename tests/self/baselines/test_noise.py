"""How much accepted trainings differ: the constants of the gates can be checked against records, by hand."""

import pytest

from baselines import __main__ as command
from tests.self.baselines import fake_training

pytestmark = pytest.mark.self


def noise(tmp_path, capsys):
    return command.main(["noise", f"--storage={tmp_path}"]), capsys.readouterr().out


def test_the_noise_of_accepted_records_stands_beside_what_the_gates_take_for_granted(tmp_path, capsys):
    values = [(0.982, 2.0), (0.984, 2.1), (0.983, 2.2)]
    for number, when in (1, "2026-01-01"), (2, "2026-01-02"):
        made = [fake_training.record(seed=10 * number + i, accuracy=acc, seconds=(s * number,)) for i, (acc, s) in enumerate(values)]
        fake_training.stored(tmp_path, number, "x", made, when=when)
    fake_training.accept(tmp_path)
    fake_training.stored(tmp_path, 3, "x", [fake_training.record(seed=99, accuracy=0.5)])  # which is not accepted
    code, output = noise(tmp_path, capsys)
    assert 0 == code
    variance = 4 / 5 * 1e-6
    row = next(line for line in output.splitlines() if line.startswith("lenet5-mnist-gate"))
    assert ["6", "0.9830", f"{variance**0.5:.4f}", f"{variance / (0.983 * 0.017 / 10_000):.2f}", "4.8%", "(n=6)"] == row.split()[1:]
    assert "Here: 49.0% (n=2)" in output, "of two means that differ by log(2)"


def test_without_three_accepted_records_there_is_nothing_to_tell(tmp_path, capsys):
    fake_training.stored(tmp_path, 1, "x", [fake_training.record(seed=seed) for seed in (1, 2)])
    fake_training.accept(tmp_path)
    assert (3, "no cell has three accepted records of the same data\n") == noise(tmp_path, capsys)
