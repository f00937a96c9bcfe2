"""What tests of whole sessions share: the cells they train, the machines they run on, and reading what a session said."""

import re
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import numpy as np

from baselines import store
from tests.self.baselines import fake_training

FULL = ("-m", "full", "tests/test_epoch_time.py", "tests/test_accuracy.py")
CELL = "lenet5-mnist-afif"
ONE = (*FULL, "--model=lenet5", "--dataset=mnist", "--recipe=afif")
MEAN, SD = 0.983, 0.0013  # of the accuracies of CELL
WORDS = "SAME|PASS|REGRESSED|IMPROVED|SUSPECT|NO-BASELINE|INCOMPARABLE|UNSTABLE"
COSTS = "fastest epoch|median epoch|evaluation|GPU memory"


class Verdict(NamedTuple):
    """A verdict as a session's summary gives it."""

    subject: str  # a cell, or "all cells"
    word: str
    rest: str  # of the line

    @property
    def of_time(self):
        return bool(re.match(COSTS + "|other programs|trained for", self.rest))


def summary(done):
    """The lines of the section ``verdicts``."""
    lines = done.stdout.split(" verdicts ===")[-1].partition("\n")[2].lstrip().splitlines()
    end = next((index for index, line in enumerate(lines) if not line or line.startswith("===")), len(lines))
    return lines[:end]


def verdicts(done):
    """The verdicts of a session: a list of Verdict, in order."""
    found = (re.fullmatch(rf"(\S+|all cells) ({WORDS}): (.*)", line) for line in summary(done))
    return [Verdict(*match.groups()) for match in found if match]


def others(done):
    """The lines of the summary that are no verdicts, and that do not name the file that was stored."""
    return [line for line in summary(done) if not re.match(rf"(\S+|all cells) ({WORDS}): |stored in ", line)]


def accuracies(done):
    """Cell -> the word of its accuracy; ``all cells``, too."""
    return {each.subject: each.word for each in verdicts(done) if not each.of_time}


def times(done):
    """Cell -> the word of its times."""
    return {each.subject: each.word for each in verdicts(done) if each.of_time}


def junit(path):
    """Test's name -> (its failure's text or None, its properties) in a JUnit file."""
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        failure = case.find("failure")
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        found[case.get("name")] = (None if failure is None else f"{failure.get('message')}\n{failure.text}", properties)
    return found


def drawn(rng, mean=MEAN, sd=SD, seeds=40):
    """Orders: the accuracy of each seed, as unchanged trainings have them."""
    return {"accuracies": {str(seed): round(float(value), 4) for seed, value in enumerate(rng.normal(mean, sd, seeds))}}


def accept(folder, cell=CELL, accuracies=None, where="other-chip_tensorflow_float32", each=None, **values):
    """Accept records with the seeds 1 to n of a cell, drawn unless they are given, by default of another machine.

    Args:
        folder: storage.
        cell: id of the cell.
        accuracies: of the records.
        where: folder of the machine.
        each: seed -> values of its record alone.
        values: of all records; ``epochs`` are each record's seconds.
    """
    if accuracies is None:
        accuracies = np.random.default_rng(0).normal(MEAN, SD, 5).round(4).tolist()
    seconds = values.pop("epochs", [(2.0, 1.5 + seed / 100, 1.6 + seed / 100) for seed in range(len(accuracies))])
    made = [
        fake_training.record(cell, seed, accuracy, times, **{**values, **(each or {}).get(seed, {})})
        for seed, (accuracy, times) in enumerate(zip(accuracies, seconds, strict=True), 1)
    ]
    number = len(list((folder / where).glob("*.json"))) + 1
    fake_training.stored(folder, number, "good", made, machine=where)
    fake_training.accept(folder, [each for each in store.records(folder) if each.name == "good"])
