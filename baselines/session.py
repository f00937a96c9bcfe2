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
from baselines import child, judge, machine, options, plan, progress, roofline, store
from baselines import record as records
from baselines.cells import TableError, cells
from baselines.efficiency import fastest
from baselines.trainings import Training, TrainingFailed, Unavailable, ask
from zoo import project

# Mistakes in options, tables, data or stored files, found before anything is trained.
ERRORS = (ValueError, TableError, loaders.DataError, store.StoreError, child.ChildError)


@dataclass
class Session:
    """The state of one pytest process."""

    config: object  # pytest's
    options: options.Options
    stored: list[store.Stored] = field(default_factory=list)  # before the session; read only if it trains
    known: dict[str, Training] = field(default_factory=dict)  # id -> the training that tests use
    machine: str | None = None  # the folder's name, once trainings are planned
    info: dict | None = None  # machine_info
    gates: int = 1  # verdicts that share the session's false-alarm budget
    estimates: dict[str, float | None] = field(default_factory=dict)  # training's id -> seconds
    deadline: float | None = None  # of time.monotonic
    answers: dict[str, dict | Exception] = field(default_factory=dict)  # training's id -> its record, or why there is none
    new: list[dict] = field(default_factory=list)  # the records of the session's own trainings
    resumed: dict[str, store.Stored] = field(default_factory=dict)  # training's id -> the record that was stored before
    lost: list[str] = field(default_factory=list)  # what could not be kept, which makes the session red
    complete: bool = False

    @classmethod
    def begin(cls, config, full):
        """A session; raises one of ERRORS where an option, a table or a stored file is wrong."""
        made = cls(config, options.read(config))
        if full:
            made.stored = store.every(made.options.storage)
        store.journal(config._benchmarksession.storage)
        return made

    # Before the tests

    def trainings(self, quick):
        """The ids of the trainings: every chosen cell with every seed; for the quick tier, of the quick cells only."""
        several = len(self.options.seeds) > 1
        made = [
            Training(f"{cell.id}-seed{seed}" if several else cell.id, cell.id, seed)
            for cell in self.options.cells
            if cell.quick or not quick
            for seed in self.options.seeds
        ]
        self.known |= {each.id: each for each in made}
        return [each.id for each in made]

    def order(self, items):
        """The tests that use a record, those of the full tier last, in the order of the plan, the timed test of a training first."""
        full = [item for item in items if item.get_closest_marker("full")]
        if full and not self.config.option.collectonly:
            self._plan([item.callspec.params["training"] for item in full])
            order = {each: index for index, each in enumerate(self._cheapest_first())}
            full.sort(key=lambda item: (order[item.callspec.params["training"]], "benchmark" not in item.fixturenames))
        return [item for item in items if item not in full] + full

    def _plan(self, training_ids):
        """Look at the machine, estimate the trainings, and count the gates that share the false-alarm budget.

        Args:
            training_ids: one for each test of the full tier.
        """
        self.machine, self.info = machine.folder_and_info(self.options.precision)
        roofline.load(self.options.storage / self.machine)  # raises StoreError for a damaged one
        benchmarks = self.config._benchmarksession
        benchmarks.machine_id = benchmarks.storage.default_machine_id = self.machine  # pytest-benchmark has no hook for the folder's name
        judged = {each.cell for each in self.stored if each.accepted and each.machine == self.machine}
        self.gates = sum(self.known[each].cell in judged for each in training_ids)
        for each in training_ids:
            self.estimates[each] = plan.estimate(cells()[self.known[each].cell], self.machine, self.stored, self.options.epochs)

    def _cheapest_first(self):
        if self.options.budget is None:
            return list(self.estimates)
        self.deadline = time.monotonic() + self.options.budget
        return plan.cheapest_first(self.estimates)

    def announcement(self):
        """What the session will do: a list of lines; None where no test of the full tier was selected."""
        if self.machine is None:
            return None
        lines = [f"{self.machine}: {line}" for line in plan.announcement(self.estimates, self.options.budget)]
        if before := sorted(each for each in self.estimates if self._before(self.known[each])):
            name = self.options.name
            lines.append(f"stored as {name} before, and trained again only if code, data or libraries have changed: {', '.join(before)}")
        if not self.info["gpu"]:
            lines.append(machine.without_gpu())
        return lines

    def _before(self, training):
        """The stored records that may be of this training: those of the same session name, machine, cell, seed and --epochs."""
        wanted = (self.options.name, self.machine, training.cell, training.seed, self.options.epochs)
        return [
            each
            for each in self.stored
            if (each.name, each.machine, each.cell, each.record["seed"], each.record["epochs_option"]) == wanted
        ]

    # A training

    def record(self, training_id):
        """The record of a training, which takes place at most once: a dict as baselines.record describes it.

        Raises:
            Unavailable: there is none, and its tests are skipped.
            TrainingFailed: there is none, and its tests fail.
        """
        if training_id not in self.answers:
            try:
                self.answers[training_id] = self._record(self.known[training_id])
            except (Unavailable, TrainingFailed) as error:
                self.answers[training_id] = error
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
        limits = self.roofline()
        answer = self._ask(training, before, starts)
        if answer["event"] == "unknown":
            raise Unavailable(late)
        if answer["event"] == "stored":
            found = next(each for each in reversed(before) if _identity(each) == answer["identity"])
            self.resumed[training.id] = found
            return found.record
        made = answer["record"]
        if records.timed(made):
            made |= roofline.limits_of(limits, self.options.precision)
        self.new.append(made)
        self.save()
        return made

    def _ask(self, training, before, starts):
        """The event that the child of a training answers with."""
        args, file = training.args(self.options, download=self.machine is not None), training.network_file(self.options)
        if before and (file is None or file.exists()):
            args += ["--known", ",".join(map(_identity, before))]
        args += [] if starts else ["--only-known"]
        args += ["--save", str(file)] if file else []
        shows = {"epoch": progress.line(self.config, training.id), "fetching": progress.fetching(self.config)}
        return ask(training, args, self.options.timeout, shows, self.lost)

    @functools.cached_property
    def _limits(self):
        if self.machine is None:
            return None
        folder = self.options.storage / self.machine
        try:
            found = roofline.load(folder)
            if self.options.name and (found is None or found["shared"]):
                child.answer("roofline", "--storage", str(self.options.storage), "--precision", self.options.precision)
                found = roofline.load(folder)
            return found
        except (child.ChildError, store.StoreError, OSError) as error:  # it must not cost a training
            self.lost.append(f"the roofline is not known, so that records lack their share of the peak: {error}")
            return None

    def roofline(self):
        """This machine's roofline, or None; measured first if the session stores records and no sound one is stored."""
        return self._limits

    # Storing and judging

    def save(self):
        """Write what has been measured so far; a TrainingFailed where that fails."""
        if self.options.name is None:
            return
        benchmarks, hook = self.config._benchmarksession, self.config.hook
        output = hook.pytest_benchmark_generate_json(
            config=self.config,
            benchmarks=benchmarks.benchmarks,
            include_data=benchmarks.save_data,
            machine_info=self.info,
            commit_info=commit(),
        )
        hook.pytest_benchmark_update_json(config=self.config, benchmarks=benchmarks.benchmarks, output_json=output)
        benchmarks.storage.save(output, self.options.name)
        if error := benchmarks.storage.failed:
            raise TrainingFailed(f"the records cannot be stored: {error}; make room or change --benchmark-storage, and train again")

    def complete_json(self, output):
        """Put the records into what pytest-benchmark writes; leave out timings that Ctrl-C cut short and those of records stored before."""
        output["complete"] = self.complete
        output["records"] = self.new
        mine = {each["id"]: len(each["train_seconds"]) for each in self.new}
        output["benchmarks"] = [
            entry
            for entry in output["benchmarks"]
            if "record" not in entry["extra_info"] or mine.get(entry["extra_info"]["record"]) == entry["stats"]["rounds"]
        ]

    def verdict(self, record, what):
        """A gate.Verdict of a record's 'accuracy' or 'seconds', with a reason that names the cell, what changed and the next commands."""
        cell = cells()[record["cell"]]
        accepted = judge.baseline(record, self.machine, self.stored)
        if what == "accuracy":
            given = judge.accuracy(record, accepted, self.gates, cell.floor)
        else:
            given = judge.seconds(record, accepted, self.gates)
        changed = judge.changes(record, accepted)
        subject = cell.id if len(self.options.seeds) == 1 else f"{cell.id}-seed{record['seed']}"
        text = f"{subject} {given}" + (f"; changed since: {', '.join(changed)}" if changed else "")
        if what == "seconds" and (best := fastest(record)):
            text += f"; {best}"
        own = project.folder()
        again = f"pytest -m full --model {cell.model} --dataset {cell.dataset} --recipe {cell.recipe_name} --seed {record['seed']}"
        again += f" --benchmark-save=again{f' --project={own}' if own else ''}"
        accept = f"{f'{project.VARIABLE}={own} ' if own else ''}python -m baselines accept --reason '...'"
        return given._replace(line=text, why=f"{text}\n  train it again: {again}\n  accept it as the baseline: {accept}")

    # After the tests

    def finish(self, status, stopped):
        """Write the file for the last time. Returns the exit status: a session without tests, or that lost something, never passes."""
        self.complete = status in (0, 1) and not stopped
        if self.new:
            with contextlib.suppress(TrainingFailed):  # the summary says it
                self.save()
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:  # as under -n, where only the workers collect
            self.lost.append("ERROR: no test was selected; check -m, -k and the paths (tests of the full tier need -m full)")
            return pytest.ExitCode.USAGE_ERROR
        failed = self.lost or getattr(self.config._benchmarksession.storage, "failed", None)
        return pytest.ExitCode.TESTS_FAILED if failed and not status else status

    def summary(self, skipped):
        """The lines at the end of the session that follow the verdicts.

        Args:
            skipped: ids of trainings all of whose tests were skipped.
        """
        storage = self.config._benchmarksession.storage
        lines = [f"stored in {path}" for path in getattr(storage, "stored", [])]
        if lines and not self.complete:
            lines.append("the session did not end: the same command trains only what is missing")
        for training, found in self.resumed.items():
            untimed = "" if records.timed(found.record) else " (without times: the machine was busy; give another name to train it again)"
            lines.append(f"{training} was trained before, with the same code, data and libraries: {found.file}{untimed}")
        lines += self.lost
        if getattr(storage, "failed", None):
            lines.append(f"NOT STORED, or only in part: {storage.failed}")
        if skipped and self.machine:
            lines.append(f"cells not trained: {len(skipped)}; the summary of skipped tests gives the reasons")
        return lines


def _identity(stored):
    return records.digest(records.identity(stored.record))


@functools.cache
def commit():
    """What pytest-benchmark stores as commit_info: of the suite's own repository, wherever pytest was started."""
    from pytest_benchmark.utils import get_commit_info

    with contextlib.chdir(options.ROOT):
        return get_commit_info()
