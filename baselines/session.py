"""One pytest process: what it trains and in which order, what it stores and judges, and what it says. conftest.py's hooks call this.

Each training has a child process (baselines.train). Its record is stored as soon as it arrives, before it is judged,
so that nothing later can lose it.
"""

import contextlib
import functools
from dataclasses import dataclass, field

import pytest

import loaders
from baselines import accepted, child, files, limits, machine, options, progress, roofline, store, times, trials
from baselines import record as records
from baselines.cells import TableError, cells
from baselines.commit import commit
from baselines.results import Results
from baselines.schedule import Schedule, identity
from baselines.trainings import TrainingFailed, Unavailable, ask
from baselines.verdicts import Verdicts, repeated, settle

# Mistakes in options, tables, data or stored files, found before anything is trained.
ERRORS = (ValueError, TableError, loaders.DataError, files.StoreError, child.ChildError)


@dataclass
class Session:
    """The state of one pytest process."""

    config: object  # pytest's
    options: options.Options
    results: Results
    schedule: Schedule
    problems: list[str] = field(default_factory=list)  # stored files that were left out
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
        made = cls(config, asked, Results(config, asked.name, stored, verdicts=verdicts), Schedule(asked, stored), problems)
        store.journal(config._benchmarksession.storage)
        return made

    # Before the tests

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
            order = {each: index for index, each in enumerate(self.schedule.order())}
            full.sort(key=lambda item: (order[item.callspec.params["training"]], "benchmark" not in item.fixturenames))
        return [item for item in items if item not in full] + full

    def _plan(self, tests):
        """Look at the machine, estimate the trainings, and count the gates that share the false-alarm budget.

        Args:
            tests: (training's id, whether its time is judged and not its accuracy) of each test of the full tier.
        """
        here, self.results.info = machine.folder_and_info(self.options.precision)
        self.schedule.machine, folder = here, self.options.storage / here
        roofline.load(folder)  # raises StoreError for a damaged one
        if self.options.name:
            files.check_writable(folder, self.options.name)
            commit()  # as the code is before the first training
        benchmarks = self.config._benchmarksession
        benchmarks.machine_id = benchmarks.storage.default_machine_id = here  # pytest-benchmark has no hook for the folder's name
        baseline = [each for each in self.results.stored if each.accepted]
        accepted, accepted_here = {each.cell for each in baseline}, {each.cell for each in baseline if each.machine == here}
        costs, known = len(times.COSTS) - (not self.results.info["gpu"]), self.schedule.known
        judged = [costs * (known[each].cell in accepted_here) if timed else known[each].cell in accepted for each, timed in tests]
        self.results.verdicts.gates = max(sum(judged), 1)
        self.schedule.estimate([each for each, _ in tests])

    def _check_recipes(self):
        """Try the recipes of the trainings that fit the budget, before any of them; a single one is tried by its own training.

        Raises:
            trials.Mistakes: some cannot be followed.
        """
        chosen = trials.untried(self.schedule.fitting(), self.options.precision, self.results.stored)
        if len(chosen) > 1:
            if reporter := self.config.pluginmanager.get_plugin("terminalreporter"):
                reporter.write_line(f"trying the recipes of {len(chosen)} cells: {trials.WHAT}")
            try:
                trials.check(chosen, self.options.precision)
            except child.ChildError as error:  # of the machine and not of a recipe
                self.lost.append(f"the recipes could not be tried: {error}")

    def announcement(self):
        """What the session will do: a list of lines; None where no test of the full tier was selected."""
        if self.schedule.machine is None:
            return None
        without = [] if self.results.info["gpu"] else [machine.without_gpu()]
        return [*self.schedule.announcement(), *self.problems, *without]

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
                self.answers[training_id] = self._record(self.schedule.known[training_id])
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
        late, before = self.schedule.late(training), self.schedule.before(training)
        if late and not before:
            raise Unavailable(late)
        answer = self._ask(training, before, late is None)
        if answer["event"] == "unknown":
            raise Unavailable(late)
        if answer["event"] == "stored":
            found = next(each for each in reversed(before) if identity(each) == answer["identity"])
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
        args, file = training.args(self.options, download=self.schedule.machine is not None), training.network_file(self.options)
        kept = [*([file] if file else []), *training.figure_files(self.options)]
        if before and all(each.exists() for each in kept):
            args += ["--known", ",".join(map(identity, before))]
        args += [] if starts else ["--only-known"]
        untried = self.schedule.machine and trials.untried([cells()[training.cell]], self.options.precision, self.results.stored)
        args += ["--check"] if untried else []
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
        if self.schedule.machine is None:
            return None
        try:
            return roofline.known(self.options.storage / self.schedule.machine, self.options.precision, self.options.name is not None)
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
        """Train a cell once more, with that seed or with one that is not stored: the record, or None where it cannot be."""
        training = self.schedule.once_more(cell, seed, self.results.everything(), self.answers)
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
        lines = self.results.lines(self.options.storage / str(self.schedule.machine))
        for training, found in self.resumed.items():
            untimed = "" if records.timed(found.record) else " (without times: the machine was busy)"
            lines.append(f"{training} was trained in the session that did not end: {found.file}{untimed}")
        lines += self.lost
        skipped = sum(isinstance(answer, Unavailable) for answer in self.answers.values())
        if skipped and self.schedule.machine:
            lines.append(f"cells not trained: {skipped}; the summary of skipped tests gives the reasons")
        judged = self.results.verdicts.accuracies
        for cell, each in self.schedule.unsettled().items() if self.schedule.machine else ():
            if cell not in judged:
                lines.append(f"{cell} is SUSPECT since {each.file}; settle it: {settle([cells()[cell]], self.results.verdicts.repeat[0])}")
        return lines
