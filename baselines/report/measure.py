"""From stored records to rows: records of one cell on one machine that are alike, with their figures.

A row never mixes data, recipes, precisions, versions of Keras, its backend or Python; nor the baseline with newer records.
"""

import ast
import functools
from collections import defaultdict
from statistics import fmean

from baselines.cells import cells
from baselines.efficiency import peak_share
from baselines.record import digest, epoch_seconds, recipe, sampled, timed
from baselines.report import estimate, rows


def key(stored):
    """What the records of one row have in common: a tuple, of which what ``like`` gives comes first.

    Records that are not accepted are apart from the baseline, and of one state of the code, so that neither hides a change.
    """
    code = None if stored.accepted else tuple(sorted(stored.record["code"].items()))
    return (*like(stored), place(stored), tuple(sorted(versions(stored.record).items())), code)


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
    return rows.compared_versions(record["versions"], record["backend"], record["python"])


def measured(stored, verdicts, session=""):
    """Rows of stored records.

    Args:
        stored: list of store.Stored, oldest first.
        verdicts: record's id -> (word, line), of the newest records; see baselines.report.make.
        session: name of the session, where these are its records as a reference.
    """
    groups, known = defaultdict(list), cells()
    for each in stored:
        if each.cell in known:
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
    return rows.Row(
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
    images, accuracies = rows.curve(record["history"])
    return {
        "seed": record["seed"],
        "when": each.when,
        "commit": each.commit.get("id") or "",
        "dirty": bool(each.commit.get("dirty")),
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


def _verdict(group, verdicts):
    """(word, line) of the row: the worst of its newest records' verdicts, else why it has none."""
    found = [verdicts[each.record["id"]] for each in group if each.record["id"] in verdicts]
    if found:
        return min(found, key=lambda pair: rows.ORDER.index(pair[0].split()[0]))
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
