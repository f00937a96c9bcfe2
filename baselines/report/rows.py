"""What a comparison consists of: rows of like records, with figures against a reference, and the answer in words.

A row never mixes data, recipes, precisions, or versions of Keras, its backend or Python.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import mean

from baselines.cells import cells, published_seconds
from baselines.efficiency import fastest
from baselines.record import digest, epoch_seconds, recipe, sampled, timed
from baselines.report import estimate
from baselines.report.estimate import Measured

ORDER = ("REGRESSED", "SUSPECT", "INCOMPARABLE", "UNSTABLE", "NO-BASELINE", "IMPROVED", "PASS", "SAME")  # worst first
RANKS = (*ORDER, "accepted", "former", "not judged", "published", "expected")
BACKENDS = {"tensorflow-cpu": "tensorflow", "jaxlib": ""}  # package -> name that a mark uses
MARKS = {  # short mark, as a table shows it -> what it says; a mark of a row begins with one of them
    "sample": "trained on a part, or a rebuilt copy, of the published data",
    "other data": "trained on other data than the reference, so that nothing is compared",
    "--epochs": "trained for that number of epochs instead of the recipe's; not judged",
    "former recipe": "trained by a recipe that the tables no longer have",
    "uncommitted code": "the suite's code was not committed",
    "versions": "other versions than the reference; left out of the means, unless all cells differ in the same way",
}


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
    history: list[dict] = field(default_factory=list)  # one a record, oldest first: see HISTORY
    session: str = ""  # name of the session whose records alone these are, where it is the reference
    data: str = ""  # fingerprint
    recipe: str = ""  # digest; two rows are alike if cell, data and recipe are

    @property
    def place(self):
        """Where it was trained: machine, backend and precision, and the session where that is the reference."""
        parts = [self.machine, " ".join(part for part in (self.backend, self.precision) if part)]
        return ", ".join(part for part in (*parts, self.session and f"session {self.session}") if part)


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


def key(stored):
    """What the records of one row have in common: a tuple, of which cell, data and recipe come first."""
    record = stored.record
    return (
        stored.cell,
        record["data"]["fingerprint"],
        digest([record["recipe"], record["epochs_option"]]),
        place(stored),
        tuple(sorted(versions(record).items())),
    )


def place(stored):
    """(machine, backend, precision) of a record."""
    record = stored.record
    suffix = f"_{record['backend']}_{record['precision']}"
    return stored.machine.removesuffix(suffix), record["backend"], record["precision"]


def versions(record):
    """Versions that a row does not mix: of Keras, the backend and Python, the latter without its last part."""
    known = {BACKENDS.get(name, name): version for name, version in record["versions"].items()}
    found = {name: known[name] for name in ("keras", record["backend"]) if name in known}
    return {**found, "python": ".".join(record["python"].split(".")[:2])}


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
    shares = [best.peak_share for each in times if (best := fastest(each)) and best.peak_share is not None]
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
        peak_share=mean(shares) if shares else None,
        memory=max(filter(None, peaks), default=None),
        verdict=word,
        reason=reason,
        history=[_history(each, verdicts) for each in group],
        session=session,
        data=newest.record["data"]["fingerprint"],
        recipe=digest([newest.record["recipe"], newest.record["epochs_option"]]),
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
        "whole_epoch_seconds": mean(record["train_seconds"]) + mean(record["eval_seconds"]) if timed(record) else None,
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


def marks(stored):
    """What makes a record unlike others by itself: a tuple of marks."""
    record = stored.record
    epochs = record["epochs_option"]
    today = recipe(cells()[stored.cell]) | ({"epochs": epochs} if epochs else {})
    found = ["sample"] if sampled(record) else []
    found += [f"--epochs {epochs}"] if epochs else []
    found += [] if record["recipe"] == today else ["former recipe"]
    return (*found, *(["uncommitted code"] if stored.commit.get("dirty") else []))


def whole_seconds(row):
    """Mean seconds of training and evaluation an epoch, as studies print them, of each timed record of a row: a list."""
    return [each["whole_epoch_seconds"] for each in row.history if each["whole_epoch_seconds"] is not None]


def published_time(row):
    """Published seconds an epoch of a row's cell, or None."""
    return published_seconds(cells()[row.cell])
