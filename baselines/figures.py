"""Draw what a training has learned: its curves, its first right and wrong answers, its confusion matrix (--figures=DIR).

The srivastava study prints the first two of each cell (tables 4.3 and 4.4). Arrays come in and PNG files go out: nothing
here trains or predicts. Equal values give equal files, whatever the user's settings of matplotlib are.
"""

import io
import os
import re
from importlib.util import find_spec

import numpy as np

from baselines import files

KINDS = ("curves", "right", "wrong", "confusion")
TILES, ACROSS = 25, 5  # images in a grid, and in a row of it
NUMBERED = 20  # classes up to which the confusion matrix has a number in each cell
NAMED = 50  # classes up to which its axes have their names
LOWEST = 10  # classes of lowest recall that are named where the numbers are left out
DPI = 120
PLAIN = {"text.parse_math": False}  # a $ in a class's name is a dollar
WORDNET = re.compile(r"n\d{8} ")  # the id before a class's name, as in 'n02124075 Egyptian cat'


def check(folder):
    """Find out before the first training that the figures can be drawn, and written to a folder (a Path).

    Raises:
        ValueError: the folder is none that can be written to, or matplotlib is missing; the message names the next step.
    """
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(f"--figures={folder}: not a folder that can be written to; create it first")
    if find_spec("matplotlib") is None:
        raise ValueError(f"--figures={folder} needs matplotlib, which is not installed: pip install matplotlib")


def paths(folder, stem):
    """The files that ``draw`` writes: kind -> Path."""
    return {kind: folder / f"{stem}-{kind}.png" for kind in KINDS}


def draw(folder, stem, record, published, data, probabilities):
    """Draw all figures of one training.

    Args:
        folder: Path of a folder that exists.
        stem: what the files' names begin with.
        record: the training's record, as baselines.record describes it.
        published: the numbers that a study prints for its cell, accuracies as shares: dict, may be empty.
        data: has x_test, uint8 (N, height, width, channels), y_test, integers (N,), and classes, their names.
        probabilities: float (N, classes), the network's answer to each test image.

    Raises:
        OSError: a file cannot be written; none is left half-written.
    """
    import matplotlib.style

    answers = probabilities.argmax(axis=1)
    right = answers == data.y_test
    with matplotlib.style.context(["default", PLAIN]):
        figures = {
            "curves": curves(record, published),
            "right": grid(data, probabilities, np.flatnonzero(right), "right"),
            "wrong": grid(data, probabilities, np.flatnonzero(~right), "wrong"),
            "confusion": confusion(matrix(data.y_test, answers, len(data.classes)), data.classes),
        }
        for kind, path in paths(folder, stem).items():
            figures[kind].suptitle(title(record), fontsize="medium")
            content = io.BytesIO()
            figures[kind].savefig(content, format="png", dpi=DPI, metadata={"Software": None})
            files.replace(path, content.getvalue())


def title(record):
    """What the figures are of, as text; data that is not the published one is named, since published numbers do not hold for it."""
    shortened = f", --epochs {record['epochs_option']}" if record["epochs_option"] else ""
    searched = f", best of {len(record['trials'])} trials" if record["trials"] else ""
    sample = "" if record["data"]["kind"] == "canonical" else f", data: {record['data']['kind']}"
    return f"{record['cell']}\n{record['precision']}, seed {record['seed']}{shortened}{searched}{sample}"


def curves(record, published):
    """Accuracy and loss by epoch, on the training images and on those that were watched, with the end's and the published: a Figure."""
    figure = _figure(10, 4.4)
    history = record["history"]
    watched = "validation" if "validation_loss" in history else "test"
    count = len(history["loss"])
    style = {"marker": ".", "linewidth": 1.2}
    for axes, what in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for label, name in ("training", what), (watched, f"{watched}_{what}"):
            if name in history:
                axes.plot(range(1, count + 1), np.array(history[name], "float64"), label=label, **style)
        if record[what] is not None:
            axes.plot([count], [record[what]], "k*", markersize=9, label=f"test, at the end: {record[what]:.4f}", zorder=3)
        if what in published:
            axes.axhline(published[what], color="gray", linestyle="--", label=f"test, published: {published[what]:.4g}")
        for phase in record["recipe"].get("phases", ()):
            if 0 < phase["from"] < count:
                axes.axvline(phase["from"] + 0.5, color="gray", linewidth=0.8, linestyle=":")
        axes.set(xlabel="epoch", ylabel=what, xlim=(0.5, count + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def grid(data, probabilities, indices, what):
    """The first images of some test images, each with its label, the answer and the answer's probability: a Figure.

    Args:
        data, probabilities: as ``draw`` takes them.
        indices: of the test images, all that are of the kind: integers (M,).
        what: the kind of their answers, ``right`` or ``wrong``.
    """
    shown = indices[:TILES]
    rows = max(1, -(-len(shown) // ACROSS))
    figure = _figure(2 * ACROSS, 2.1 * rows + 0.8)
    tiles = figure.subplots(rows, ACROSS, squeeze=False).ravel()
    for axes in tiles:
        axes.set_axis_off()
    for axes, index in zip(tiles, shown, strict=False):
        image, answer = data.x_test[index], probabilities[index].argmax()
        axes.imshow(image[..., 0] if image.shape[2] < 3 else image[..., :3], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        lines = f"label: {_short(data.classes[data.y_test[index]])}\nanswer: {_short(data.classes[answer])}"
        axes.set_title(f"{lines}\nconfidence {probabilities[index, answer]:.4f}", fontsize=8)
    first = f"; these are the first {len(shown)}" if len(shown) < len(indices) else ""
    figure.supxlabel(f"{len(indices)} of {len(data.y_test)} test images are answered {what}{first}", fontsize="medium")
    return figure


def matrix(labels, answers, classes):
    """How many images of each label (row) got each answer (column): int (classes, classes)."""
    return np.bincount(labels.astype("int64") * classes + answers, minlength=classes**2).reshape(classes, classes)


def recalls(counts):
    """Share of right answers of each label's images; NaN for a label without images: float (classes,)."""
    with np.errstate(invalid="ignore"):
        return counts.diagonal() / counts.sum(axis=1)


def confusion(counts, classes):
    """A confusion matrix with the recall of each class in its margin: a Figure.

    Args:
        counts: as ``matrix`` returns them.
        classes: names, in the order of the labels.
    """
    found, number, labels = recalls(counts), len(classes), [_short(name) for name in classes]
    side = min(max(6.0, 0.45 * number), 10)
    figure = _figure(side + 2.4, side + 1)
    axes, margin = figure.subplots(1, 2, sharey=True, width_ratios=[side, 1.4])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")  # a root shows small shares
    margin.barh(range(number), np.nan_to_num(found), color="lightsteelblue", height=1 if number > NAMED else 0.8)
    margin.set(xlabel="recall", xlim=(0, 1))
    margin.tick_params(left=False, labelleft=False)
    right = counts.diagonal().sum()
    axes.set(xlabel="answer", ylabel="label", ylim=(number - 0.5, -0.5))
    axes.set_title(f"{right} of {counts.sum()} right: accuracy {right / counts.sum():.4f}", fontsize="medium")
    if number <= NAMED:
        axes.set_xticks(range(number), labels, rotation=90 if max(map(len, labels)) > 2 else 0)
        axes.set_yticks(range(number), labels)
    if number <= NUMBERED:
        for row, column in np.argwhere(counts):
            color = "white" if shares[row, column] > 0.4 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize="small")
        for label, recall in enumerate(found):
            text = "no image" if np.isnan(recall) else f"{recall:.3f}"
            margin.text(0.05, label, text, va="center", fontsize="small")
    else:
        figure.supxlabel(lowest(found, classes), fontsize="small", ha="left", x=0.02)
    return figure


def lowest(found, classes):
    """The classes of lowest recall, those without images left out: lines of text."""
    order = [label for label in np.argsort(found, kind="stable")[:LOWEST] if not np.isnan(found[label])]
    return "\n".join(["lowest recall:", *(f"{found[label]:.3f}  {label} {_short(classes[label], 60)}" for label in order)])


def _figure(width, height):
    from matplotlib.figure import Figure  # which draws without a display, unlike those of pyplot

    return Figure(figsize=(width, height), layout="constrained")


def _short(name, most=18):
    """A class's name without WordNet's id, cut to what a figure has room for."""
    name = name[10:] if WORDNET.match(name) else name
    return name if len(name) <= most else f"{name[: most - 1]}…"
