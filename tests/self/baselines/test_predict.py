"""Times from a machine's limits and from other epochs: what counts most, and whether the intervals hold what they state."""

import math

import numpy as np
import pytest

from baselines.report import predict

pytestmark = pytest.mark.self


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


def test_what_is_left_out_is_expected_from_the_rest_alone():
    """The other epoch of an odd machine is left out with it, not so where epochs are left out one by one."""
    plain = [predict.Epoch(machine, family, 1.0, seconds=2.0, cell=family) for machine in "abc" for family in "rs"]
    odd = [predict.Epoch("odd", family, 1.0, seconds=20.0, cell=family) for family in "rs"]
    machine, cell = (dict(predict.left_out([*plain, *odd], keys)) for keys in (("machine",), ("machine", "cell")))
    assert 8 == len(machine) == len(cell)
    assert pytest.approx(2, rel=0.1) == machine[odd[0]].seconds
    assert 4 < cell[odd[0]].seconds
    assert [] == predict.left_out(odd, ("machine",)), "nothing is left to learn from"
