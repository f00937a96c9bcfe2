"""One pytest process: what it trains and in which order, what it stores and judges, and what it says. conftest.py's hooks call this.

Each training has a child process (baselines.train). Its record is stored as soon as it arrives, before it is judged,
so that nothing later can lose it.
"""

import contextlib
import functools
import time
from dataclasses import dataclass, field

import pytest

import loaders
from baselines import accepted, child, files, judge, limits, machine, options, plan, progress, roofline, store, trials
from baselines import record as records
from baselines.cells import TableError, cells
from baselines.commit import commit
from baselines.results import Results
from baselines.trainings import Training, TrainingFailed, Unavailable, ask
from baselines.verdicts import Verdicts, repeated, settle

# Mistakes in options, tables, data or stored files, found before anything is trained.
ERRORS = (ValueError, TableError, loaders.DataError, files.StoreError, child.ChildError)


@dataclass
class Session:
    """The state of one pytest process."""

    config: object  # pytest's
    options: options.Options
    results: Results
    problems: list[str] = field(default_factory=list)  # stored files that were left out
    known: dict[str, Training] = field(default_factory=dict)  # id -> the training that tests use
    machine: str | None = None  # the folder's name, once trainings are planned
    estimates: dict[str, float | None] = field(default_factory=dict)  # training's id -> seconds
    deadline: float | None = None  # of time.monotonic
    answers: dict[str, dict | Exception] = field(default_factory=dict)  # training's id -> its record, or why there is none
    resumed: dict[str, store.Stored] = field(default_factory=dict)  # training's id -> the record that was stored before
    lost: list[str] = field(default_factory=list)  # what could not be kept, which makes the session red

    @classmethod
    def begin(cls, config, trains):
        """A session; raises one of ERRORS where an option, a table or a stored file is wrong."""
        asked, problems = options.read(config), []
        stored = store.every(asked.storage, problems) if trains else []
        if trains and not any(each.accepted for each in stored):
            problems.append(f"no accepted records in {asked.storage}: only floors and divergence can make a training red")
        for cell in sorted({each.cell for each in stored if each.accepted} - cells().keys()):
            problems.append(f"{cell} has accepted records and is in no table: put its row back, or take it out of {accepted.NAME}")
        verdicts = Verdicts(strict=asked.strict, repeat=repeated(asked, config.option.data_dir))
        made = cls(config, asked, Results(config, asked.name, stored, verdicts=verdicts), problems)
        store.journal(config._benchmarksession.storage)
        return made

    # Before the tests

    def trainings(self, quick):
        """The ids of the trainings: every chosen cell with every seed; for the quick tier, of the quick cells only."""
        seeds = self.options.seeds
        several = seeds is not None and len(seeds) > 1
        made = [
            Training(f"{cell.id}-seed{seed}" if several else cell.id, cell.id, seed)
            for cell in self.options.cells
            if cell.quick or not quick
            for seed in seeds or [plan.seed(cell.id, self.options.precision, self.results.stored)]
        ]
        self.known |= {each.id: each for each in made}
        return [each.id for each in made]

    @property
    def together(self):
        """Whether enough of the chosen cells have accepted records to judge their accuracies together."""
        with_baseline = {each.cell for each in self.results.stored if each.accepted}
        return sum(cell.id in with_baseline for cell in self.options.cells) >= limits.LEAST_CELLS

    def order(self, items):
        """The tests that use a record, those of the full tier last, in the order of the plan, the timed test of a training first."""
        full = [item for item in items if item.get_closest_marker("full")]
        if full and not self.config.option.collectonly:
            tests = [(item.callspec.params["training"], "benchmark" in item.fixturenames) for item in full]
            self._plan(list(dict.fromkeys(tests)))  # a test that a plugin repeats counts once
            self._check_recipes()
            order = {each: index for index, each in enumerate(self._order())}
            full.sort(key=lambda item: (order[item.callspec.params["training"]], "benchmark" not in item.fixturenames))
        return [item for item in items if item not in full] + full

    def _plan(self, tests):
        """Look at the machine, estimate the trainings, and count the gates that share the false-alarm budget.

        Args:
            tests: (training's id, whether its time is judged and not its accuracy) of each test of the full tier.
        """
        self.machine, self.results.info = machine.folder_and_info(self.options.precision)
        folder = self.options.storage / self.machine
        roofline.load(folder)  # raises StoreError for a damaged one
        if self.options.name:
            files.check_writable(folder, self.options.name)
            commit()  # as the code is before the first training
        benchmarks = self.config._benchmarksession
        benchmarks.machine_id = benchmarks.storage.default_machine_id = self.machine  # pytest-benchmark has no hook for the folder's name
        baseline = [each for each in self.results.stored if each.accepted]
        anywhere, here = {each.cell for each in baseline}, {each.cell for each in baseline if each.machine == self.machine}
        costs = len(judge.COSTS) - (not self.results.info["gpu"])
        judged = [costs * (self.known[each].cell in here) if timed else self.known[each].cell in anywhere for each, timed in tests]
        self.results.verdicts.gates = max(sum(judged), 1)
        for each, _ in tests:
            self.estimates[each] = plan.estimate(cells()[self.known[each].cell], self.machine, self.results.stored, self.options.epochs)

    def _order(self):
        """The trainings: those of suspicious cells first, then as planned, or under a time budget the cheapest first."""
        suspicious = self._unsettled()
        order = self.estimates
        if self.options.budget is not None:
            self.deadline = time.monotonic() + self.options.budget
            order = plan.cheapest_first(self.estimates)
        return sorted(order, key=lambda each: self.known[each].cell not in suspicious)

    def _unsettled(self):
        """Cell -> the stored record that left it SUSPECT, of the cells whose newest record did."""
        newest = {
            each.cell: each
            for each in self.results.stored
            if each.verdicts.get("accuracy") and each.record["precision"] == self.options.precision
        }
        return {cell: each for cell, each in newest.items() if not each.accepted and each.verdicts["accuracy"]["more"] and cell in cells()}

    def _check_recipes(self):
        """Try the recipes of the trainings that fit the budget, before any of them; a single one is tried by its own training.

        Raises:
            trials.Mistakes: some cannot be followed.
        """
        ids = dict.fromkeys(self.known[each].cell for each in plan.fitting(self.estimates, self.options.budget))
        chosen = trials.untried([cells()[each] for each in ids], self.options.precision, self.results.stored)
        if len(chosen) > 1:
            if reporter := self.config.pluginmanager.get_plugin("terminalreporter"):
                reporter.write_line(f"trying the recipes of {len(chosen)} cells: {trials.WHAT}")
            try:
                trials.check(chosen, self.options.precision)
            except child.ChildError as error:  # of the machine and not of a recipe
                self.lost.append(f"the recipes could not be tried: {error}")

    def announcement(self):
        """What the session will do: a list of lines; None where no test of the full tier was selected."""
        if self.machine is None:
            return None
        lines = [f"{self.machine}: {line}" for line in plan.announcement(self.estimates, self.options.budget)]
        if before := sorted(each for each in self.estimates if self._before(self.known[each])):
            name = self.options.name
            lines.append(
                f"the last session named {name} did not end: trained again only if code, data or libraries changed: {', '.join(before)}"
            )
        elif self.options.resume:
            lines.append(f"no session named {self.options.name} is unfinished here: everything is trained")
        lines += self.problems
        if not self.results.info["gpu"]:
            lines.append(machine.without_gpu())
        return lines

    def _before(self, training):
        """The records of a training's cell, seed and --epochs that a session stored that did not end, if this one resumes it."""
        if not self.options.resume:
            return []
        mine = [each for each in self.results.stored if (each.name, each.machine) == (self.options.name, self.machine)]
        ended = max((index for index, each in enumerate(mine) if each.complete), default=-1)
        wanted = (training.cell, training.seed, self.options.epochs)
        return [each for each in mine[ended + 1 :] if (each.cell, each.record["seed"], each.record["epochs_option"]) == wanted]

    # A training

    def record(self, training_id):
        """The record of a training, which takes place at most once: a dict as baselines.record describes it.

        Raises:
            Unavailable: there is none, and its tests are skipped.
            TrainingFailed: there is none, and its tests fail.
            trials.Mistakes: its recipe cannot be followed, and nothing has been trained yet.
        """
        if training_id not in self.answers:
            try:
                self.answers[training_id] = self._record(self.known[training_id])
            except (Unavailable, TrainingFailed) as error:
                self.answers[training_id] = error
            except trials.Mistakes as error:
                if not self.results.new:  # nothing was trained, and the session ends
                    raise
                self.answers[training_id] = TrainingFailed(f"{training_id}: {error}")
            except BaseException as error:  # such as pytest-timeout's: the training's other test does not train again
                self.answers[training_id] = TrainingFailed(f"{training_id}: its training was ended by {type(error).__name__}: {error}")
                raise
        if isinstance(answer := self.answers[training_id], Exception):
            raise answer
        return answer

    def _record(self, training):
        left = None if self.deadline is None else self.deadline - time.monotonic()
        needs = self.estimates.get(training.id)
        starts, before = plan.fits(needs, left), self._before(training)
        late = f"time budget: needs {plan.duration(needs) if needs else 'an unknown time'}, {plan.duration(max(left or 0, 0))} left"
        if not starts and not before:
            raise Unavailable(late)
        answer = self._ask(training, before, starts)
        if answer["event"] == "unknown":
            raise Unavailable(late)
        if answer["event"] == "stored":
            found = next(each for each in reversed(before) if _identity(each) == answer["identity"])
            self.resumed[training.id] = found
            return found.record
        return answer["record"]

    def _take(self, limits, made):
        """Store a record as soon as it comes: its child may still draw figures, which Ctrl-C or a kill may end."""
        if records.timed(made):
            made |= roofline.limits_of(limits, self.options.precision)
        self.results.add(made)

    def _ask(self, training, before, starts):
        """The event that the child of a training answers with."""
        args, file = training.args(self.options, download=self.machine is not None), training.network_file(self.options)
        kept = [*([file] if file else []), *training.figure_files(self.options)]
        if before and all(each.exists() for each in kept):
            args += ["--known", ",".join(map(_identity, before))]
        args += [] if starts else ["--only-known"]
        args += (
            ["--check"] if self.machine and trials.untried([cells()[training.cell]], self.options.precision, self.results.stored) else []
        )
        args += ["--save", str(file)] if file else []
        args += ["--figures", str(self.options.figures)] if self.options.figures else []
        shows = {
            "epoch": progress.line(self.config, training.id),
            "fetching": progress.fetching(self.config),
            "record": functools.partial(self._take, self.roofline),  # which is measured before the training
        }
        return ask(training, args, self.options.timeout, shows, self.lost)

    @functools.cached_property
    def roofline(self):
        """This machine's roofline, or None; measured first if the session stores records and no sound one is stored."""
        if self.machine is None:
            return None
        try:
            return roofline.known(self.options.storage / self.machine, self.options.precision, self.options.name is not None)
        except (child.ChildError, files.StoreError, OSError) as error:  # it must not cost a training
            self.lost.append(f"the roofline is not known, so that records lack their share of the peak: {error}")
            return None

    # Judging

    def verdict(self, record, what, quick=False):
        """A verdicts.Told of a record's 'accuracy' or 'seconds', which is stored beside the record."""
        if what == "accuracy":
            told = self.results.verdicts.accuracy(record, self.results.everything, self._once_more, quick)
        else:
            told = self.results.verdicts.seconds(record, self.results.everything, self._once_more)
        with contextlib.suppress(TrainingFailed):  # the summary says it
            self.results.save()
        return told

    def _once_more(self, cell, seed=None):
        """Train a cell once more, with that seed or with one that is not stored: the record, or None where it cannot be.

        Seeds that the session is to train anyway come first, then the lowest ones.
        """
        mine = [each for each in self.known.values() if each.cell == cell]
        if seed is not None:
            training = Training(f"{cell}-seed{seed}-again", cell, seed)
        else:
            everything = self.results.everything()
            used = {each.record["seed"] for each in everything if each.cell == cell and each.record["backend"] == machine.backend()}
            lowest = next(number for number in range(len(used) + 1) if number not in used)
            waiting = [each for each in mine if each.id not in self.answers and each.seed not in used]
            training = waiting[0] if waiting else Training(f"{cell}-seed{lowest}", cell, lowest)
        self.known[training.id] = training
        self.estimates.setdefault(training.id, self.estimates.get(mine[0].id))
        try:
            return self.record(training.id)
        except Unavailable:
            return None
        except TrainingFailed as error:
            self.lost.append(str(error))
            return None

    # After the tests

    def finish(self, status, stopped):
        """Write the file for the last time. Returns the exit status: a session without tests, or that lost something, never passes."""
        self.results.complete = status in (0, 1) and not stopped
        self.results.one_timing_a_record()
        if self.results.new:
            with contextlib.suppress(TrainingFailed):  # the summary says it
                self.results.save()
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:  # as under -n, where only the workers collect
            self.lost.append("ERROR: no test was selected; check -m, -k and the paths (tests of the full tier need -m full)")
            return pytest.ExitCode.USAGE_ERROR
        failed = self.lost or getattr(self.config._benchmarksession.storage, "failed", None)
        return pytest.ExitCode.TESTS_FAILED if failed and not status else status

    def summary(self):
        """The lines at the end of the session that follow the verdicts."""
        lines = self.results.lines(self.options.storage / str(self.machine))
        for training, found in self.resumed.items():
            untimed = "" if records.timed(found.record) else " (without times: the machine was busy)"
            lines.append(f"{training} was trained in the session that did not end: {found.file}{untimed}")
        lines += self.lost
        skipped = sum(isinstance(answer, Unavailable) for answer in self.answers.values())
        if skipped and self.machine:
            lines.append(f"cells not trained: {skipped}; the summary of skipped tests gives the reasons")
        judged = self.results.verdicts.accuracies
        for cell, each in self._unsettled().items() if self.machine else ():
            if cell not in judged:
                lines.append(f"{cell} is SUSPECT since {each.file}; settle it: {settle([cells()[cell]], self.results.verdicts.repeat[0])}")
        return lines


def _identity(stored):
    return records.digest(records.identity(stored.record))
