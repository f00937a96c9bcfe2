"""A training as the session sees it: a child process that is started and watched, and that answers with a record."""

from pathlib import Path
from typing import NamedTuple

from baselines import child, figures, trials

PROGRESS = ("epoch", "fetching")  # the events that are no answer


def stem(cell, precision, seed, epochs=None):
    """What the names of the files begin with that are kept of a training; epochs: the option's value, if it was given."""
    return f"{cell}-{precision}-{seed}" + (f"-{epochs}epochs" if epochs else "")


class Unavailable(Exception):
    """A training cannot take place here and now, and its tests are skipped; the message says why."""


class TrainingFailed(Exception):
    """A training failed; the message names its cell and the reason."""


class Training(NamedTuple):
    """One cell with one seed, which several tests use."""

    id: str  # in brackets after a test's name
    cell: str
    seed: int
    anew: bool = False  # it repeats another one, so that no stored record will do

    def args(self, options, download):
        """The arguments of ``python -m baselines train``.

        Args:
            options: baselines.options.Options.
            download: whether missing data may be fetched.
        """
        args = [self.cell, "--seed", str(self.seed), "--precision", options.precision]
        args += ["--epochs", str(options.epochs)] if options.epochs else []
        args += ["--data-dir", str(options.root)] if options.root and options.root.is_dir() else []
        return args + (["--download"] if download else [])

    def network_file(self, options):
        """The file that the trained network is kept in; None without --save-models."""
        if options.save_models is None:
            return None
        return Path(options.save_models) / f"{self._stem(options)}.keras"

    def figure_files(self, options):
        """The files that the figures are drawn to; none without --figures."""
        return list(figures.paths(options.figures, self._stem(options)).values()) if options.figures else []

    def _stem(self, options):
        return stem(self.cell, options.precision, self.seed, options.epochs)


def ask(training, args, timeout, shows, lost):
    """Train in a child process: its last event, ``record``, ``stored`` or ``unknown``.

    Args:
        training: Training.
        args: of ``python -m baselines train``.
        timeout: seconds after which it is killed, or None.
        shows: kind of event -> function that is called with its values as soon as it comes, or None.
        lost: list that a line is added to for whatever could not be kept.

    Raises:
        Unavailable: its data or weights are missing.
        TrainingFailed: it crashed, was killed, took too long or was refused.
        trials.Mistakes: its recipe was tried first, and cannot be followed.
    """
    answer = None
    try:
        with child.events("train", *args, timeout=timeout) as events:
            for event in events:
                kind = event["event"]
                if kind == "lost":
                    lost.append(event["message"])
                elif kind not in PROGRESS:
                    answer = event
                if show := shows.get(kind):
                    show(*(value for key, value in event.items() if key != "event"))
    except child.ChildError as error:
        if answer is None:
            again = f"python -m baselines train {training.cell} --seed {training.seed}"
            raise TrainingFailed(f"{training.id}: its training {error}\n  train it alone: {again}") from None
        if answer["event"] == "record":  # it counts, even if the child failed afterwards
            lost.append(f"{training.id}: its training {error}")
    if answer is None or answer["event"] == "refused":
        raise TrainingFailed(f"{training.id}: {answer['message'] if answer else 'its training ended without a record'}")
    if answer["event"] == "mistakes":
        raise trials.Mistakes(answer["message"])
    if answer["event"] == "missing":
        raise Unavailable(answer["message"])
    return answer
