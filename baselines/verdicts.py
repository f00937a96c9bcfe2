"""The verdicts of a session: SAME before statistics, more trainings of a suspicious cell, known failures, and what comes next."""

import datetime
import shlex
from dataclasses import dataclass, field
from typing import NamedTuple

from baselines import gate, judge, judged, limits, store, times
from baselines.cells import cells
from baselines.efficiency import fastest
from baselines.record import same_code, versions, without_times
from zoo import project


class Told(NamedTuple):
    """A verdict as tests and the summary give it."""

    verdict: gate.Verdict
    line: str  # at most gate.WIDTH characters
    changed: list[str]  # since the accepted records
    details: str
    red: bool  # or, under --strict-baselines, one that sees nothing
    why: str  # of a failed test: line, changes, details and the commands that come next
    known: str = ""  # the reason of a failure that ours.toml names
    settle: str = ""  # the command that settles a SUSPECT
    commands: tuple[str, ...] = ()  # that come next, each after its purpose and a colon


@dataclass
class Verdicts:
    """Gives the verdicts of one session and keeps what must be stored of them."""

    gates: int = 1  # that share the session's false alarms
    strict: bool = False  # whether a verdict that sees nothing fails
    repeat: tuple[str, str, str] = ("", "", "")  # options to repeat, for the next pytest, for the next accept and for the next ab
    stored: dict[str, dict] = field(default_factory=dict)  # record's id -> accuracy or seconds -> the verdict as it is stored
    accuracies: dict[str, gate.Verdict] = field(default_factory=dict)  # cell -> its verdict, for the gate over all
    last_seed: int = 0  # the highest that was judged
    unrepeated: set[str] = field(default_factory=set)  # ids of records whose losses another training of equal identity did not have

    def accuracy(self, record, stored, train, quick=False):
        """Told of a record's accuracy.

        Args:
            record: as baselines.record describes it.
            stored: a function that returns every record there is: a list of store.Stored.
            train: a function (cell, seed or None for the lowest that is not stored) that trains once more and returns the record, or
                None where it cannot; it keeps the record for ``stored``.
            quick: nothing is trained again.
        """
        cell = cells()[record["cell"]]
        given = self._same(record, stored, None if quick else train) or judge.accuracy(record, stored(), self.gates, cell, quick)
        if given.more and not quick and not self._all_red(cell.id, given):
            for _ in range(given.more):
                if train(cell.id, None) is None:
                    break
            else:
                given = judge.accuracy(record, stored(), self.gates, cell)
        self.accuracies[cell.id], self.last_seed = given, max(self.last_seed, record["seed"])
        self._keep(record, "accuracy", given, judge.baseline(record, stored()))
        return self._told(record, given, stored(), "accuracy", cell)

    def _same(self, record, stored, train):
        """SAME where a stored training had the same identity and the same losses; REGRESSED where only the losses differ, twice."""
        twin = judge.twin(record, [each for each in stored() if each.file != store.UNFINISHED])
        if twin is None or record["epochs_option"] is not None:
            return None
        epoch = gate.first_difference(record["history"]["loss"], twin.record["history"]["loss"])
        if epoch is None:
            former = self._former(twin, stored())
            return former and gate.same(former, twin.file)
        if train is None or not judge.repeats(record, stored()):
            return None
        again = train(record["cell"], record["seed"])
        if again is not None and again["history"]["loss"] == record["history"]["loss"]:
            text = f"other losses from epoch {epoch} on than {twin.file} of the same code, data, libraries and machine, twice"
            return gate.Verdict("REGRESSED", text, "something that is not recorded has changed: a library's build, a driver, memory")
        if again is not None:
            self.unrepeated.add(record["id"])
        return None

    def _former(self, twin, stored):
        """The verdict of a stored training: as stored, or made anew if its baseline has changed since; None without a baseline."""
        if twin.accepted:
            return gate.Verdict("PASS", f"accuracy {twin.record['accuracy']:.4f}, accepted")
        return judged.verdict(twin, stored, "accuracy", self.gates)

    def _all_red(self, cell, given):
        """Whether so many cells are suspicious that all cells are judged together first, and lost accuracy together."""
        found = list({**self.accuracies, cell: given}.values())  # a cell with several seeds counts once
        return gate.all_first(found) and gate.together(found).red

    def seconds(self, record, stored, train):
        """Told of a record's times and memory; ``stored`` and ``train`` as for its accuracy.

        What is red must be so in a second training of the seed, too: other programs can slow a short measurement, and then be gone.
        If it is not, the first training's times are dropped from its record, as those of a busy machine are.
        """
        given = times.costs(record, stored(), self.gates)
        if given.red:
            again = train(record["cell"], record["seed"])
            given = times.costs(record, stored(), self.gates, again=again) if again else given.noted("no second training could take place")
            if not given.red:
                record.update(without_times(record))
        self._keep(record, "seconds", given, judge.baseline(record, stored()))
        return self._told(record, given, stored(), "seconds", cells()[record["cell"]])

    def together(self):
        """Told of all cells' accuracies together."""
        given = gate.together(list(self.accuracies.values()))
        line, again = given.told("all cells"), settle([cells()[each] for each in self.accuracies], self.repeat[0])
        next_lines = [
            "see what changed in the lines of the cells",
            f"train them again: {again} --seed {self.last_seed + 1}",
            f"if it is meant: {_accept()}{self.repeat[1]} --replace",
        ]
        why = "\n  ".join([line, given.details, *next_lines])
        return Told(given, line, [], given.details, given.red, why, commands=tuple(next_lines[1:]) if given.red else ())

    def _keep(self, record, what, given, baseline):
        self.stored.setdefault(record["id"], {})[what] = {**given._asdict(), "baseline": judge.fingerprint(baseline)}

    def _told(self, record, given, stored, what, cell):
        silent = given.word == "SAME" or (what == "seconds" and not given.red)
        silent |= given.word in ("PASS", "IMPROVED") and _judged_before(record, stored)  # then it was named already
        changed = [] if silent else judge.changes(record, stored)
        changed += ["the same training gives other losses here each time"] if record["id"] in self.unrepeated else []
        line = given.told(cell.id)
        details = given.details
        if what == "seconds" and (best := fastest(record)):
            details = "; ".join(filter(None, [details, str(best)]))
        red = given.red or (self.strict and given.sightless)
        known = cell.known if cell.known and cell.known["of"] == what else None
        wrong = known and _known(known, given, cell.id)
        follow = self._next(record, given, cell, measure(record, stored, self.repeat[2]) if what == "seconds" else None)
        why = "\n  ".join(filter(None, [line, f"changed: {', '.join(changed)}" if changed else "", details, wrong, *follow]))
        reason = known["reason"] if known and not wrong else ""
        red = bool(wrong) or (red and not known)
        return Told(given, line, changed, details, red, why, reason, "".join(follow) if given.more else "", tuple(follow))

    def _next(self, record, given, cell, measure):
        """The commands that come after a verdict: a list of lines; ``measure`` is the one that measures a time, or None."""
        again, accept = settle([cell], self.repeat[0]), f"{_accept(f' --cell {cell.id}')}{self.repeat[1]}"
        if given.red:
            repeat = measure or f"train it again: {again} --seed {record['seed'] + 1}"
            return [repeat, f"if it is meant: {accept} --replace"]
        if given.more:
            return [f"settle it with {limits.TRAININGS} trainings: {again}"]
        return [f"make it the baseline: {accept}"] if given.word == "NO-BASELINE" else []


def _known(known, given, cell):
    """What is wrong with a known failure, or None."""
    if datetime.date.today() > known["until"]:
        return f"the known failure of {cell} was to be mended until {known['until']}: mend it, or give it another date in [known]"
    if known["verdict"] not in (given.word, given.carried):
        return f"the known failure of {cell} ({known['reason']}) is {given.word} now: delete its entry in [known]"
    return None


def _judged_before(record, stored):
    """Whether a session has judged another training of the same code, data and versions."""
    others = (
        each for each in stored if each.cell == record["cell"] and each.record["id"] != record["id"] and each.verdicts.get("accuracy")
    )
    return any(same_code(each.record, record) for each in others)


def measure(record, stored, repeat=""):
    """The line that measures a change of time beside the code, or the libraries, of the newest accepted record of this machine.

    Args:
        record: as baselines.record describes it.
        stored: a list of store.Stored.
        repeat: the session's options that ``ab`` must repeat.

    Returns:
        None where neither differs, or nothing is accepted.
    """
    accepted = [each for each in judge.candidates(record, stored) if each.machine == record["machine"]]
    if not accepted:
        return None
    former, own = accepted[-1], project.folder()
    command = f"{_variable()}python -m baselines ab"
    if former.record["code"] != record["code"]:  # a record does not know the commits of a project
        return f"measure it: {command} {'REV' if own else (former.commit.get('id') or 'REV')[:12]} {record['cell']}{repeat}"
    old, new = versions(former.record), versions(record)
    changed = "".join(f" --with {name}=={old[name]}" for name in old if new.get(name) not in (None, old[name]))
    purpose = "measure it (FASTER, with the old version, means that the upgrade is slower)"
    return f"{purpose}: {command} HEAD {record['cell']}{changed}{repeat}" if changed else None


def repeated(options, data_dir):
    """What the commands that come next must repeat of a session's options: (pytest's, accept's, ab's), each with a space in front.

    Args:
        options: baselines.options.Options.
        data_dir: as --data-dir was given, or None.
    """
    elsewhere = None if options.storage in store.folders() else options.storage
    precision = None if options.precision == "float32" else options.precision
    given = {"--data-dir": data_dir, "--precision": precision, "--benchmark-storage": elsewhere}
    *both, storage = (f" {name}={shlex.quote(str(value))}" if value else "" for name, value in given.items())
    other = storage.replace("--benchmark-storage", "--storage", 1)
    return "".join([*both, storage]), other, "".join([*both, other])


def settle(chosen, repeat=""):
    """The command that trains cells once more, with the options of the session that are to be repeated."""
    own, fields = project.folder(), {"model": "model", "dataset": "dataset", "recipe": "recipe_name"}
    names = {key: ",".join(dict.fromkeys(getattr(cell, field) for cell in chosen)) for key, field in fields.items()}
    command = f"pytest -m full {' '.join(f'--{key} {text}' for key, text in names.items())} --benchmark-save=settle"
    return command + (f" --project={shlex.quote(str(own))}" if own else "") + repeat


def _accept(chosen=""):
    return f"{_variable()}python -m baselines accept{chosen} --reason '...'"


def _variable():
    """What names the project in front of a command, with a space after it; empty without one."""
    own = project.folder()
    return f"{project.VARIABLE}={shlex.quote(str(own))} " if own else ""
