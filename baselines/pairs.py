"""The pairs of runs of one cell on both sides, and what they are compared by: times or accuracies."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from baselines import paired, record


class Kind(NamedTuple):
    """What sides are compared by: how a training is measured, and what follows from the differences of pairs."""

    name: str
    of: object  # function of a record -> number, in whose differences the sides are compared
    look: object  # function of (differences, alpha) -> paired.Look
    decide: object  # function of (paired.Look, margin) -> word
    margin: float  # change that is none, as a user gives it
    inner: object  # function of a user's margin -> margin of the differences
    outer: object  # function of a difference -> what is shown
    form: str  # of what is shown
    headers: tuple[str, ...]  # of what is shown, and of what could have been seen
    loss: str
    foot: str


def log_seconds(made):
    """Logarithm of a record's fastest epoch in seconds."""
    return float(np.log(record.epoch_seconds(made)))


TIME = Kind(
    name="time",
    of=log_seconds,
    look=paired.look,
    decide=paired.decide,
    margin=paired.MARGIN,
    inner=np.log1p,
    outer=np.exp,
    form="{:.3f}",
    headers=("ratio", "sees"),
    loss="slowdown",
    foot="ratio: seconds of the fastest epoch, after / before. The interval misses the truth in at most 5 % of comparisons,"
    " all looks and cells together.\nsees: the slowdown that as many pairs with this scatter are called SLOWER for with 90 % power.",
)
ACCURACY = Kind(
    name="accuracy",
    of=lambda made: made["accuracy"],
    look=paired.seeds,
    decide=paired.decide_accuracy,
    margin=paired.LOSS,
    inner=float,
    outer=float,
    form="{:+.4f}",
    headers=("change",),
    loss="loss",
    foot="change: accuracy after - before, mean over equal seeds. The interval misses the truth in 5 % of comparisons, all cells together.",
)
KINDS = {kind.name: kind for kind in (TIME, ACCURACY)}


@dataclass
class Pairs:
    """The runs of one cell on both sides, so far."""

    cell: str
    kind: Kind
    margin: float  # change that is none, as a user gives it
    epochs: int | None  # of each run
    alpha: float  # chance of a false alarm of one look
    sides: list = field(default_factory=list)  # the two sides.Side, with the options that their ``train`` has
    runs: list = field(default_factory=list)  # (seed, record before, record after)
    seconds: float = 0.0
    reason: str = ""  # why there are no more pairs, where these decide nothing
    missing: bool = False  # whether data is missing

    @property
    def differences(self):
        """Second side minus first, of each pair: a list."""
        return [self.kind.of(second) - self.kind.of(first) for _, first, second in self.runs]

    @property
    def seen(self):
        """What the pairs so far tell: paired.Look."""
        return self.kind.look(self.differences, self.alpha)

    @property
    def word(self):
        """What is said of them."""
        return "OPEN" if self.reason else str(self.kind.decide(self.seen, self.kind.inner(self.margin)))
