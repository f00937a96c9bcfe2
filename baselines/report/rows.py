"""What a comparison consists of: rows of like records, with figures against a reference, and the answer in words.

A row never mixes data, recipes, precisions, or versions of Keras, its backend or Python.
"""

from dataclasses import dataclass, field

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
    against: str  # the reference: a Row.place, also of a study's machine, or "published"
    answer: list[str]  # sentences
    red: list[str]
    problems: list[str]  # files that cannot be read
    questions: list = field(default_factory=list)  # of the studies that were run: (study, question, headers, rows)
    ab: list[dict] = field(default_factory=list)  # comparisons that `python -m baselines ab` stored
    tested: list = field(default_factory=list)  # how far expected rows are off, where there are some: headers, rows

    @property
    def letters(self):
        """Place -> the letter that stands for it: A the machine that is compared, B the reference, then all others."""
        kinds = {row.place: row.kind == PUBLISHED for row in self.rows}  # the studies' machines after ours
        others = sorted(kinds.keys() - {self.here, self.against}, key=lambda place: (kinds[place], place))
        places = [place for place in (self.here, self.against, *others) if place not in ("", PUBLISHED)]
        return {place: letter(i) for i, place in enumerate(places)}

    @property
    def printed(self):
        """Whether the reference is published: all that the studies print, or what they print of one machine."""
        return self.against == PUBLISHED or any(row.kind == PUBLISHED and row.place == self.against for row in self.rows)


def letter(index):
    """A, B, ..., Z, AA, ... for 0, 1, ..., 25, 26, ..."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def named(machine, backend, precision, session=""):
    """A place in words."""
    parts = (machine, " ".join(part for part in (backend, precision) if part), session and f"session {session}")
    return ", ".join(part for part in parts if part)


def shown_versions(row):
    """Versions that a row does not mix, of a Row."""
    return compared_versions(row.versions, row.backend, row.versions.get("python", ""))


def compared_versions(packages, backend, python):
    known = {PACKAGES.get(name, name): version for name, version in packages.items()}
    found = {name: known[name] for name in ("keras", backend) if name in known}
    return {**found, "python": ".".join(python.split(".")[:2])}


def commit(each, digits):
    """The short commit of a record, as a row's history keeps it, with + where its code was not committed; "" where it is not known."""
    return each["commit"][:digits] + "+" * (each["commit"] != "" and each["dirty"])


def curve(history):
    """(test, validation or training: the images that tell most of those that were watched; the accuracy on them after each epoch)."""
    for images in "test", "validation":
        if f"{images}_accuracy" in history:
            return images, history[f"{images}_accuracy"]
    return "training", history.get("accuracy", [])


def worst(verdicts):
    """Of a record's two verdicts, of accuracy and of time: (the worse one as tables show it, its line; both lines where both are red)."""
    named = [("REGRESSED" if each.red else each.word, what, each.line) for each, what in zip(verdicts, ("accuracy", "time"), strict=True)]
    word, what, line = min(named, key=lambda each: ORDER.index(each[0]))
    if all(each[0] == "REGRESSED" for each in named):
        return "REGRESSED (accuracy, time)", "; ".join(each[2] for each in named)
    return word if word in ("PASS", "NO-BASELINE", "SAME") else f"{word} ({what})", line


def rank(row):
    """Place of a row's verdict among RANKS, 0 the worst."""
    return RANKS.index(row.verdict.split(" (")[0])


def explained(mark):
    """(the word that tables show for a mark, what it says)."""
    return next((each for start, each in MARKS.items() if mark.startswith(start)), VERSIONS)


def whole(row):
    """Whether its records are trainings by today's whole recipe on the published data, for which published numbers hold."""
    return not {"sample", "epochs", "former"} & {explained(mark)[0] for mark in row.marks}


def cut_short(row):
    """Whether its records were trained for the number of epochs that --epochs gave; of a Row, or of anything with marks."""
    return any(mark.startswith("--epochs") for mark in row.marks)


def seconds(row):
    """Seconds of the fastest epoch of each timed record of a row: a list."""
    return [each["epoch_seconds"] for each in row.history if each["epoch_seconds"] is not None]


def accuracies(row):
    """The newest accuracy of each seed of a row: a list."""
    return list({each["seed"]: each["accuracy"] for each in row.history}.values())
