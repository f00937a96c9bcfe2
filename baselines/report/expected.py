"""Rows of epochs that were not run here: those of the studies' own machines, and those that a machine's limits let one expect.

An expected row is never averaged, and has no ratio. ``tested`` says how far such expectations are off, on the stored records.
"""

import re
from collections import defaultdict
from statistics import geometric_mean, median

import zoo
from baselines import machine, roofline, store
from baselines.cells import cells, published_seconds, studies
from baselines.record import epoch_seconds, timed
from baselines.report import predict, workload
from baselines.report.rows import Measured, Row

FOLDER = re.compile(rf"(?P<machine>.+)_(?P<backend>[a-z]+)_(?P<precision>{'|'.join(machine.PRECISIONS)})")
TESTS = {  # what is left out -> the fields of an Epoch that name it
    "the cell on its machine": ("machine", "cell"),
    "its network's family on its machine": ("machine", "family"),
    "its network's family on every machine": ("family",),
    "its machine": ("machine",),
}


def published():
    """Rows of kind "published": the studies' cells on the studies' own machines, and the times that they print of others."""
    found = []
    for study, table in studies().items():
        mine = [cell for cell in cells().values() if cell.study == study]
        found += [_printed(cell, _machine(study, table), published_seconds(cell), cell.published.get("accuracy")) for cell in mine]
        found += [_printed(cells()[each["cell"]], each["machine"], each["epoch_seconds"]) for each in table.get("elsewhere", [])]
    return [row for row in found if row.epoch_seconds or row.accuracy]


def _machine(study, table):
    """The study's machine: its GPU, else its platform, which is another GPU in each study that does not name one."""
    hardware = table.get("hardware", {})
    return hardware.get("gpu") or f"{hardware.get('platform', 'a machine').partition(',')[0]} ({study})"


def _printed(cell, where, seconds, accuracy=None):
    figure = {"accuracy": accuracy, "epoch_seconds": seconds}
    return Row(
        cell.id, cell.study, cell.model, cell.dataset, where, "", "", "published",
        published_accuracy=accuracy, verdict="published", reason=f"printed in the study {cell.study}",
        **{key: None if value is None else Measured(value, None, None, 1) for key, value in figure.items()},
    )  # fmt: skip


def rows(stored, measured, storage, chosen=None, machines=None):
    """Rows of kind "expected": the time of an epoch of cells that a machine has no timed row of.

    The interval in ``epoch_seconds`` holds predict.SHARE of such epochs, and its n is the number of epochs that it is learnt from.
    A machine gets none without a stored roofline, or where no machine of its kind (backend; CPU or GPU) has timed records.

    Args:
        stored: list of store.Stored: every one, since all are learnt from.
        measured: list of Row.
        storage: folder of the machines' folders.
        chosen: ids of cells; by default those of ``measured``.
        machines: names of folders; by default every one with a roofline.
    """
    have = {(row.cell, row.machine, row.backend, row.precision) for row in measured if row.kind == "measured" and row.epoch_seconds}
    wanted = list(dict.fromkeys(row.cell for row in measured)) if chosen is None else chosen
    limits = _limits(storage)
    known = _measured(stored, limits)
    found = []
    for folder in limits if machines is None else machines:
        where = FOLDER.fullmatch(folder)
        like = [each for each in known if folder in limits and _kind(each.machine, limits) == _kind(folder, limits)]
        if not (where and like):
            continue
        new = [cells()[cell] for cell in wanted if (cell, *where.groups()) not in have]
        work = [(cell, each) for cell in new if (each := workload.of_cell(cell, stored))]
        epochs = [_epoch(folder, cell.model, each, limits) for cell, each in work]
        times = predict.expected(like, epochs) if epochs else []
        found += [_row(*pair, where, len(like)) for pair in zip(work, times, strict=True)]
    return found


def _row(work, time, where, n):
    cell, epoch = work
    return Row(
        cell.id, cell.study, cell.model, cell.dataset, *where.groups(), "expected",
        marks=("expected",), floor=cell.floor, published_accuracy=cell.published.get("accuracy"),
        epoch_seconds=Measured(*time, n), images_per_second=epoch.images / time.seconds,
        verdict="expected", reason=f"not run: from this machine's limits and {n} measured epochs; {predict.SHARE:.0%} interval",
    )  # fmt: skip


def tested(stored, storage):
    """How far expectations are off once something is left out of the records: a list of rows for HEADERS, one of each of TESTS."""
    limits = _limits(storage)
    kinds = defaultdict(list)
    for each in _measured(stored, limits):
        kinds[_kind(each.machine, limits)].append(each)
    found = []
    for what, keys in TESTS.items():
        pairs = [pair for epochs in kinds.values() for pair in predict.left_out(epochs, keys)]
        factors = {each.cell: max(each.seconds / time.seconds, time.seconds / each.seconds) for each, time in pairs}
        if not pairs:
            continue
        every = [max(each.seconds / time.seconds, time.seconds / each.seconds) for each, time in pairs]
        held = sum(time.low <= each.seconds <= time.high for each, time in pairs)
        worst = max(factors, key=factors.get)
        width = median(time.high / time.seconds for _, time in pairs)
        found.append([what, len(pairs), f"{median(every):.2f}", f"{max(every):.2f} ({worst})", f"{held} of {len(pairs)}", f"{width:.2f}"])
    return found


HEADERS = ["left out", "epochs", "off by (median factor)", "at most", f"in the {predict.SHARE:.0%} interval", "its half width (factor)"]


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
