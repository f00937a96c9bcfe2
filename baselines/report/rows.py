"""What a comparison consists of: rows of like records, with figures against a reference, and the answer in words.

A row never mixes data, recipes, precisions, or versions of Keras, its backend or Python.
"""

import ast
import functools
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import fmean

from baselines.cells import cells
from baselines.efficiency import peak_share
from baselines.record import digest, epoch_seconds, recipe, sampled, timed
from baselines.report import estimate
from baselines.report.estimate import Measured

ORDER = ("REGRESSED", "SUSPECT", "INCOMPARABLE", "UNSTABLE", "NO-BASELINE", "IMPROVED", "PASS", "SAME")  # worst first
PUBLISHED = "published"  # a verdict, a kind, and the reference where it is no machine
RANKS = (*ORDER, "accepted", "former", "not judged", PUBLISHED, "expected")
PACKAGES = {"tensorflow-cpu": "tensorflow"}  # package -> the backend that it is
MARKS = {  # beginning of a mark -> (the word that tables show, what it says)
    "sample": ("sample", "trained on a part, or a rebuilt copy, of the published data; published numbers do not hold"),
    "--epochs": ("epochs", "trained for the number of epochs that --epochs gave instead of the recipe's; not judged"),
    "former recipe": ("former", "trained by a recipe that the tables no longer have"),
    "other data": ("data", "the reference has other data, so that nothing is compared"),
    "other recipe": ("recipe", "the reference has another recipe, so that nothing is compared"),
    "uncommitted code": ("dirty", "the suite's code was not committed"),
}
VERSIONS = ("version", "other versions than the reference")  # of every other mark, such as "keras 3.14.1, not 3.15.1"


@dataclass(frozen=True)
class Row:
    """Like records of one cell on one machine; or the numbers that a study prints, or that are expected."""

    cell: str
    study: str
    model: str
    dataset: str
    machine: str  # the folder without backend and precision; or the study's machine
    backend: str
    precision: str
    kind: str  # measured, published or expected
    marks: tuple[str, ...] = ()  # what makes it unlike others; see MARKS
    versions: dict = field(default_factory=dict)  # of the newest record: package -> version, Python's too
    when: str = ""  # of the newest record: ISO 8601, UTC
    commit: str = ""  # of the newest record
    seeds: tuple[int, ...] = ()
    accuracy: Measured | None = None
    floor: float | None = None
    published_accuracy: float | None = None
    epoch_seconds: Measured | None = None  # geometric mean of fastest epochs
    images_per_second: float | None = None
    ratio: Measured | None = None  # epoch_seconds / the reference's, of like rows
    accuracy_change: Measured | None = None  # minus the reference's
    peak_share: float | None = None
    memory: int | None = None  # bytes
    verdict: str = ""  # a word of the Words table, "accepted", "former", "not judged", "published" or "expected"
    reason: str = ""  # the verdict's line
    history: list[dict] = field(default_factory=list)  # one a record, oldest first: what _history gives
    session: str = ""  # name of the session whose records alone these are, where it is the reference
    data: str = ""  # fingerprint
    recipe: str = ""  # digest; rows of equal cell, data and recipe may be compared
    test_images: int = 0

    @property
    def place(self):
        """Where it was trained: machine, backend and precision, and the session where that is the reference."""
        return named(self.machine, self.backend, self.precision, self.session)


@dataclass(frozen=True)
class Comparison:
    """What `python -m baselines compare` shows."""

    rows: list[Row]  # worst verdict first
    here: str  # the place that is compared, as Row.place
    against: str  # the reference: a Row.place, or "published"
    answer: list[str]  # sentences
    red: list[str]
    problems: list[str]  # files that cannot be read
    questions: list = field(default_factory=list)  # of the studies that were run: (study, question, headers, rows)
    ab: list[dict] = field(default_factory=list)  # comparisons that `python -m baselines ab` stored

    @property
    def letters(self):
        """Place -> the letter that stands for it: A the machine that is compared, B the reference, then all others."""
        others = sorted({row.place for row in self.rows} - {self.here, self.against})
        return {place: _letter(i) for i, place in enumerate([place for place in (self.here, self.against, *others) if place != PUBLISHED])}


def _letter(index):
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def named(machine, backend, precision, session=""):
    """A place in words."""
    parts = (machine, " ".join(part for part in (backend, precision) if part), session and f"session {session}")
    return ", ".join(part for part in parts if part)


def key(stored):
    """What the records of one row have in common: a tuple, of which what ``like`` gives comes first.

    Records that are not accepted are apart from the baseline, and of one state of the code, so that neither hides a change.
    """
    code = None if stored.accepted else tuple(sorted(stored.record["code"].items()))
    return (*like(stored), place(stored), tuple(sorted(versions(stored.record).items())), stored.accepted, code)


def like(stored):
    """What two records have in common that may be compared: cell, fingerprint of the data, digest of the recipe."""
    return stored.cell, stored.record["data"]["fingerprint"], _recipe(stored.record)


def _recipe(record):
    """Digest of a record's recipe, that of --epochs included."""
    return _digest(repr((record["recipe"], record["epochs_option"])))


@functools.cache
def _digest(text):
    """Digest of the literal that a text is: records share few recipes, and their order of keys does not count."""
    return digest(ast.literal_eval(text))


def place(stored):
    """(machine, backend, precision) of a record."""
    record = stored.record
    suffix = f"_{record['backend']}_{record['precision']}"
    return stored.machine.removesuffix(suffix), record["backend"], record["precision"]


def versions(record):
    """Versions that a row does not mix: of Keras, the backend and Python, the last without its last part."""
    return _compared(record["versions"], record["backend"], record["python"])


def shown_versions(row):
    """Versions that a row does not mix, of a Row."""
    return _compared(row.versions, row.backend, row.versions.get("python", ""))


def _compared(packages, backend, python):
    known = {PACKAGES.get(name, name): version for name, version in packages.items()}
    found = {name: known[name] for name in ("keras", backend) if name in known}
    return {**found, "python": ".".join(python.split(".")[:2])}


def measured(stored, verdicts, session=""):
    """Rows of stored records.

    Args:
        stored: list of store.Stored, oldest first.
        verdicts: record's id -> (word, line), of the newest records; see baselines.report.make.
        session: name of the session, where these are its records as a reference.
    """
    groups = defaultdict(list)
    for each in stored:
        if each.cell in cells():
            groups[key(each)].append(each)
    return [_row(group, verdicts, session) for group in groups.values()]


def _row(group, verdicts, session):
    newest, cell = group[-1], cells()[group[-1].cell]
    times = [each.record for each in group if timed(each.record)]
    machine, backend, precision = place(newest)
    word, reason = _verdict(group, verdicts)
    seconds = estimate.geometric([epoch_seconds(each) for each in times])
    shares = [share for each in times if (share := peak_share(each)) is not None]
    rates = [each["images_per_second"] for each in times if each["images_per_second"]]
    peaks = [each.record["peak_memory"]["gpu"] or each.record["peak_memory"]["host"] for each in group]
    return Row(
        newest.cell, cell.study, cell.model, cell.dataset, machine, backend, precision, "measured",
        marks=marks(newest),
        versions={**newest.record["versions"], "python": newest.record["python"]},
        when=newest.when,
        commit=newest.commit.get("id") or "",
        seeds=tuple(sorted({each.record["seed"] for each in group})),
        accuracy=estimate.average(list({each.record["seed"]: each.record["accuracy"] for each in group}.values())),
        floor=cell.floor,
        published_accuracy=cell.published.get("accuracy"),
        epoch_seconds=seconds,
        images_per_second=estimate.geometric(rates).value if rates else None,
        peak_share=fmean(shares) if shares else None,
        memory=max(filter(None, peaks), default=None),
        verdict=word,
        reason=reason,
        history=[_history(each, verdicts) for each in group],
        session=session,
        data=newest.record["data"]["fingerprint"],
        recipe=_recipe(newest.record),
        test_images=newest.record["data"]["test"],
    )  # fmt: skip


def _history(each, verdicts):
    """One record, as a row keeps it."""
    record = each.record
    images, accuracies = curve(record["history"])
    return {
        "seed": record["seed"],
        "when": each.when,
        "commit": each.commit.get("id") or "",
        "versions": {**record["versions"], "python": record["python"]},
        "session": each.name,
        "accuracy": record["accuracy"],
        "epoch_seconds": epoch_seconds(record) if timed(record) else None,
        "whole_epoch_seconds": fmean(record["train_seconds"]) + fmean(record["eval_seconds"]) if timed(record) else None,
        "verdict": verdicts[record["id"]][0] if record["id"] in verdicts else "accepted" if each.accepted else "",
        "losses": record["history"].get("loss", []),
        "accuracies": accuracies,
        "images": images,
        "accepted": each.accepted,
    }


def curve(history):
    """(test, validation or training: the images that tell most of those that were watched; the accuracy on them after each epoch)."""
    for images in "test", "validation":
        if f"{images}_accuracy" in history:
            return images, history[f"{images}_accuracy"]
    return "training", history.get("accuracy", [])


def _verdict(group, verdicts):
    """(word, line) of the row: the worst of its newest records' verdicts, else why it has none."""
    found = [verdicts[each.record["id"]] for each in group if each.record["id"] in verdicts]
    if found:
        return min(found, key=lambda pair: ORDER.index(pair[0].split()[0]))
    if group[0].record["epochs_option"]:
        return "not judged", f"trained with --epochs {group[0].record['epochs_option']}"
    if any(each.accepted for each in group):
        return "accepted", "its records are the baseline"
    return "former", "newer records of the cell are judged on this machine"


def rank(row):
    """Place of a row's verdict among RANKS, 0 the worst."""
    return RANKS.index(row.verdict.split(" (")[0])


def explained(mark):
    """(the word that tables show for a mark, what it says)."""
    return next((each for start, each in MARKS.items() if mark.startswith(start)), VERSIONS)


def whole(row):
    """Whether its records are trainings by today's whole recipe on the published data, for which published numbers hold."""
    return not {"sample", "epochs", "former"} & {explained(mark)[0] for mark in row.marks}


def seconds(row):
    """Seconds of the fastest epoch of each timed record of a row: a list."""
    return [each["epoch_seconds"] for each in row.history if each["epoch_seconds"] is not None]


def accuracies(row):
    """The newest accuracy of each seed of a row: a list."""
    return list({each["seed"]: each["accuracy"] for each in row.history}.values())


def marks(stored):
    """What makes a record unlike others by itself: a tuple of marks."""
    record = stored.record
    epochs = record["epochs_option"]
    today = recipe(cells()[stored.cell]) | ({"epochs": epochs} if epochs else {})
    found = ["sample"] if sampled(record) else []
    found += [f"--epochs {epochs}"] if epochs else []
    found += [] if record["recipe"] == today else ["former recipe"]
    return (*found, *(["uncommitted code"] if stored.commit.get("dirty") else []))
