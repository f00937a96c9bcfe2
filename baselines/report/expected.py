"""Rows of epochs that were not timed here, as a machine's limits let one expect them.

An expected row is never averaged, and has no ratio. ``tested`` says how far such expectations are off, on the stored records: the
factor of the median epoch and of the worst, how many lie within their intervals, and the median factor by which those go up and down.
"""

import re
import textwrap
from collections import defaultdict
from dataclasses import replace
from statistics import geometric_mean, median

from tabulate import tabulate

import zoo
from baselines import machine, roofline, store
from baselines.cells import cells
from baselines.record import epoch_seconds, timed
from baselines.report import predict, select, table, workload
from baselines.report.rows import Measured, Row

FOLDER = re.compile(rf"(?P<machine>.+)_(?P<backend>[a-z]+)_(?P<precision>{'|'.join(machine.PRECISIONS)})")
HEADERS = ["left out", "epochs", "off by", "at most", "which is", f"in {predict.SHARE:.0%}", "x"]
TESTS = {  # what is left out -> the fields of an Epoch that name it
    "the cell on its machine": ("machine", "cell"),
    "the family on its machine": ("machine", "family"),
    "the family on every machine": ("family",),
    "the machine": ("machine",),
}


def rows(stored, measured, storage, chosen=None, machines=None):
    """Rows of kind "expected": the time of an epoch of cells that a machine has no timed record of, shown or not.

    The interval in ``epoch_seconds`` holds predict.SHARE of such epochs, and its n is the number of epochs that it is learnt from.
    A machine gets none without a stored roofline, or where no machine of its kind (backend; CPU or GPU) has timed records.

    Args:
        stored: list of store.Stored: every one, since all are learnt from.
        measured: list of Row.
        storage: folder of the machines' folders.
        chosen: ids of cells; by default those of ``measured``.
        machines: names of folders; by default every one with a roofline.
    """
    have = {(each.cell, each.machine) for each in stored if timed(each.record)}
    wanted = list(dict.fromkeys(row.cell for row in measured)) if chosen is None else chosen
    limits = _limits(storage)
    known = _measured(stored, limits)
    found = []
    for folder in limits if machines is None else machines:
        where = FOLDER.fullmatch(folder)
        like = [each for each in known if folder in limits and _kind(each.machine, limits) == _kind(folder, limits)]
        if not (where and like):
            continue
        new = [cells()[cell] for cell in wanted if (cell, folder) not in have]
        work = [(cell, each) for cell in new if (each := workload.of_cell(cell, stored))]
        epochs = [_epoch(folder, cell.model, each, limits) for cell, each in work]
        times = predict.expected(like, epochs) if epochs else []
        found += [_row(*pair, where, len(like)) for pair in zip(work, times, strict=True)]
    return found


def _row(work, time, where, n):
    cell, epoch = work
    return Row(
        cell.id, cell.study, cell.model, cell.dataset, *where.groups(), "expected",
        floor=cell.floor, published_accuracy=cell.published.get("accuracy"),
        epoch_seconds=Measured(*time, n), images_per_second=epoch.images / time.seconds,
        verdict="expected", reason=f"not timed here: from this machine's limits and {_epochs(n)}; {predict.SHARE:.0%} interval",
    )  # fmt: skip


def _epochs(n):
    return f"{n} measured epoch{'s' * (n != 1)}"


def tested(stored, storage):
    """How far expectations are off once something is left out of the records: HEADERS, then a row for each of TESTS; [] without records."""
    limits = _limits(storage)
    kinds = defaultdict(list)
    for each in _measured(stored, limits):
        kinds[_kind(each.machine, limits)].append(each)
    found = []
    for what, keys in TESTS.items():
        pairs = [pair for epochs in kinds.values() for pair in predict.left_out(epochs, keys)]
        factors = [(max(each.seconds / time.seconds, time.seconds / each.seconds), each.cell) for each, time in pairs]
        if pairs:
            held = sum(time.low <= each.seconds <= time.high for each, time in pairs)
            width = median(time.high / time.seconds for _, time in pairs)
            typical, (most, cell) = median(factor for factor, _ in factors), max(factors)
            found.append([what, len(pairs), f"{typical:.2f}", f"{most:.2f}", cell, f"{held} of {len(pairs)}", f"{width:.2f}"])
    return [HEADERS, *found] if found else []


def added(made, stored, storage, choice):
    """The Comparison with expected rows of its cells (with ``choice.all``, of every chosen cell), and with how far such rows are off.

    Args:
        made: rows.Comparison.
        stored: list of store.Stored: every one.
        storage: folder of the machines' folders.
        choice: select.Choice.
    """
    chosen = [cell for cell in cells() if select.wanted(cell, choice)] if choice.all else None
    machines = [folder for folder in _limits(storage) if not choice.machines or any(name in folder for name in choice.machines)]
    return replace(made, rows=[*made.rows, *rows(stored, made.rows, storage, chosen, machines)], tested=tested(stored, storage))


def section(made, form):
    """The expected rows of a Comparison and how far such rows are off, as text or as Markdown ("github")."""
    found, counts = defaultdict(dict), {}
    for row in made.rows:
        if row.kind == "expected":
            seconds, counts[row.place] = row.epoch_seconds, row.epoch_seconds.n
            found[row.cell][made.letters[row.place]] = f"{float(f'{seconds.value:.3g}'):g} x{seconds.high / seconds.value:.2f}"
    title = (
        "Expected seconds an epoch of cells that were not timed here, left out of every mean; "
        f"x: the factor by which the {predict.SHARE:.0%} interval goes up and down"
    )
    if not found:
        none = f"{title}: none; it takes a stored roofline, and timed records of that backend on a machine of that kind (CPU or GPU)"
        return f"\n{none if form == 'github' else textwrap.fill(none, table.WIDTH)}\n"
    headers = sorted({letter for times in found.values() for letter in times}, key=list(made.letters.values()).index)
    grid = _table([["cell", *headers], *([cell, *(times.get(letter, "") for letter in headers)] for cell, times in found.items())], form)
    if form != "github" and max(map(len, grid.splitlines())) > table.WIDTH:
        lines = (f"{cell}: {', '.join(f'{letter} {time}' for letter, time in times.items())}" for cell, times in found.items())
        grid = "\n".join(textwrap.fill(line, table.WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in lines)
    parts = [f"### {title}" if form == "github" else textwrap.fill(title, table.WIDTH), grid]
    parts.append("\n".join(f"{made.letters[place]}: learnt from {_epochs(n)}" for place, n in counts.items()))
    off = "How far such times are off, by the stored records, when something is left out that they are learnt from; off by: median factor"
    parts += [off if form == "github" else textwrap.fill(off, table.WIDTH), _table(made.tested, form)] if made.tested else []
    return "\n" + "\n\n".join(parts) + "\n"


def _table(lines, form):
    """Lines, of which the first are the headers, as text or as Markdown."""
    return tabulate(lines[1:], lines[0], tablefmt="github" if form == "github" else "simple", disable_numparse=True)


def _limits(storage):
    """Folder's name -> its stored roofline, of every machine's folder that has one, for a precision whose peak is measured."""
    found = {}
    for folder in dict.fromkeys([*(store.folders() if storage in store.folders() else []), storage]):
        for path in sorted(folder.glob(f"*/{store.ROOFLINE}")):
            match = FOLDER.fullmatch(path.parent.name)
            if match and match["precision"] in roofline.PEAKS:
                found[path.parent.name] = roofline.load(path.parent)
    return found


def _kind(folder, limits):
    """Machines that are expected to be alike: those of one backend, CPUs (where TensorFloat-32 means nothing) or GPUs."""
    return FOLDER.fullmatch(folder)["backend"], limits[folder]["tf32"] is None


def _measured(stored, limits):
    """The measured epochs: a predict.Epoch for each machine with limits, cell, data and recipe; the geometric mean of their fastest."""
    groups = defaultdict(list)
    for each in stored:
        if timed(each.record) and each.machine in limits and workload.of_record(each.record):
            recipe = tuple(each.record["recipe"].get(key) for key in ("name", "batch"))
            groups[each.machine, each.cell, each.record["data"]["fingerprint"], recipe].append(each.record)
    return [
        _epoch(folder, group[0]["model"], workload.of_record(group[0]), limits)._replace(
            seconds=geometric_mean(map(epoch_seconds, group)), cell=cell
        )
        for (folder, cell, *_), group in groups.items()
    ]


def _epoch(folder, model, work, limits):
    """What is known of an epoch before it is measured."""
    found = limits[folder]
    peak = found[roofline.PEAKS[FOLDER.fullmatch(folder)["precision"]]]["best"]
    ideal = predict.ideal(work, peak, found["memory_bytes_per_second"]["best"], found["launch_seconds"]["best"])
    known = zoo.models().get(model)
    return predict.Epoch(folder, known.module if known else model, ideal, not found["shared"])
