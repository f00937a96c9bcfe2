"""The trainings of a session: which there are, in which order they start, and which of them the time budget leaves out."""

import time
from dataclasses import dataclass, field

from baselines import machine, plan, store
from baselines import record as records
from baselines.cells import cells
from baselines.options import Options
from baselines.trainings import Training


@dataclass
class Schedule:
    """The trainings of one pytest process."""

    options: Options
    stored: list[store.Stored]  # before the session
    known: dict[str, Training] = field(default_factory=dict)  # id -> the training that tests use
    machine: str | None = None  # the folder's name, once the trainings are planned
    estimates: dict[str, float | None] = field(default_factory=dict)  # training's id -> seconds
    deadline: float | None = None  # of time.monotonic

    def choose(self, quick):
        """The ids of the trainings: every chosen cell with every seed; for the quick tier, of the quick cells only."""
        seeds = self.options.seeds
        several = seeds is not None and len(seeds) > 1
        made = [
            Training(f"{cell.id}-seed{seed}" if several else cell.id, cell.id, seed)
            for cell in self.options.cells
            if cell.quick or not quick
            for seed in seeds or [plan.seed(cell.id, self.options.precision, self.stored)]
        ]
        self.known |= {each.id: each for each in made}
        return [each.id for each in made]

    def estimate(self, ids):
        """Estimate how long the trainings with these ids, those that will be asked for, take on this machine."""
        for each in ids:
            self.estimates[each] = plan.estimate(cells()[self.known[each].cell], self.machine, self.stored, self.options.epochs)

    def order(self):
        """The trainings: those of suspicious cells first, then as planned, or under a time budget, which begins now, the cheapest first."""
        suspicious = self.unsettled()
        order = self.estimates
        if self.options.budget is not None:
            self.deadline = time.monotonic() + self.options.budget
            order = plan.cheapest_first(self.estimates)
        return sorted(order, key=lambda each: self.known[each].cell not in suspicious)

    def fitting(self):
        """The cells of the trainings that fit the time budget."""
        ids = dict.fromkeys(self.known[each].cell for each in plan.fitting(self.estimates, self.options.budget))
        return [cells()[each] for each in ids]

    def late(self, training):
        """Why a training cannot start any more: a text, or None where it can."""
        needs, left = self.estimates.get(training.id), None if self.deadline is None else self.deadline - time.monotonic()
        if plan.fits(needs, left):
            return None
        return f"time budget: needs {plan.duration(needs) if needs else 'an unknown time'}, {plan.duration(max(left, 0))} left"

    def once_more(self, cell, seed, stored, begun):
        """One more Training of a cell, with that seed or with one that is not stored.

        Seeds that the session is to train anyway come first, then the lowest ones.

        Args:
            cell: its id.
            seed: the seed, or None.
            stored: every record there is, those of the session among them.
            begun: ids of the trainings that took place, or could not.
        """
        mine = [each for each in self.known.values() if each.cell == cell]
        if seed is not None:
            training = Training(f"{cell}-seed{seed}-again", cell, seed, anew=True)
        else:
            used = {each.record["seed"] for each in stored if each.cell == cell and each.record["backend"] == machine.backend()}
            lowest = next(number for number in range(len(used) + 1) if number not in used)
            waiting = [each for each in mine if each.id not in begun and each.seed not in used]
            training = waiting[0] if waiting else Training(f"{cell}-seed{lowest}", cell, lowest)
        self.known[training.id] = training
        self.estimates.setdefault(training.id, self.estimates.get(mine[0].id))
        return training

    def unsettled(self):
        """Cell -> the stored record that left it SUSPECT, of the cells whose newest record did."""
        newest = {
            each.cell: each for each in self.stored if each.verdicts.get("accuracy") and each.record["precision"] == self.options.precision
        }
        return {cell: each for cell, each in newest.items() if not each.accepted and each.verdicts["accuracy"]["more"] and cell in cells()}

    def before(self, training):
        """The records of a training's cell, seed and --epochs that a session stored that did not end, if this one resumes it."""
        if not self.options.resume or training.anew:
            return []
        mine = [each for each in self.stored if (each.name, each.machine) == (self.options.name, self.machine)]
        ended = max((index for index, each in enumerate(mine) if each.complete), default=-1)
        wanted = (training.cell, training.seed, self.options.epochs)
        return [each for each in mine[ended + 1 :] if (each.cell, each.record["seed"], each.record["epochs_option"]) == wanted]

    def announcement(self):
        """What will be trained and how long that takes, and what is taken from a session that did not end: a list of lines."""
        lines = [f"{self.machine}: {line}" for line in plan.announcement(self.estimates, self.options.budget)]
        name = self.options.name
        if before := sorted(each for each in self.estimates if self.before(self.known[each])):
            kept = f"trained again only if code, data or libraries changed: {', '.join(before)}"
            lines.append(f"the last session named {name} did not end: {kept}")
        elif self.options.resume:
            lines.append(f"no session named {name} is unfinished here: everything is trained")
        return lines


def identity(stored):
    """What identifies a store.Stored to the child that is asked whether it trains the same."""
    return records.digest(records.identity(stored.record))
