"""Makes a Comparison: the chosen records' rows, each with its figures against the reference, and the verdicts."""

from dataclasses import replace

from baselines import judged
from baselines.report import answer, estimate, rows, select, studies
from baselines.report.rows import Comparison


def comparison(stored, choice=select.Choice(), problems=(), ab=()):  # noqa: B008 immutable
    """The Comparison of stored records.

    Args:
        stored: list of store.Stored, oldest first: every one, since verdicts depend on them.
        choice: select.Choice.
        problems: lines about files that cannot be read.
        ab: what ``stored_ab`` returned.

    Raises:
        select.ChoiceError: the choice matches nothing.
    """
    chosen = select.chosen(stored, choice)
    if not chosen:
        return Comparison([], "", "", [], [], list(problems), ab=list(ab))
    folder = select.here(chosen, choice)
    others, session, published = select.reference(chosen, stored, folder, choice.against)
    ids = {each.record["id"] for each in others}
    verdicts, red = _verdicts(stored, chosen, choice)
    rest = [each for each in chosen if each.record["id"] not in ids]
    reference = rows.measured(others, verdicts, session)
    found = [_against(row, reference, published) for row in rows.measured(rest, verdicts)] + reference
    here = next((row.place for row in found if not row.session and _folder(row, chosen) == folder), folder)
    against = published or reference[0].place
    order = {cell: i for i, cell in enumerate(rows.cells())}
    found.sort(key=lambda row: (rows.RANKS.index(row.verdict.split(" (")[0]), order[row.cell], row.place != here, row.place, row.when))
    made = Comparison(found, here, against, [], red, list(problems), studies.questions(chosen), list(ab))
    return replace(made, answer=answer.sentences(made))


def _folder(row, chosen):
    return next((each.machine for each in chosen if rows.place(each) == (row.machine, row.backend, row.precision)), None)


def _verdicts(stored, chosen, choice):
    """(record's id -> (word, line) of the newest records, lines of the red ones among the chosen)."""
    ids, machines = {each.record["id"] for each in chosen}, {each.machine for each in chosen}
    found, red = {}, []
    newest = judged.judgements(stored)
    for each, verdicts in newest:
        named = [(verdict, what) for verdict, what in zip(verdicts, ("accuracy", "time"), strict=True)]
        verdict, what = min(named, key=lambda pair: rows.ORDER.index(pair[0].word))
        plain = verdict.word in ("PASS", "NO-BASELINE", "SAME")
        found[each.record["id"]] = (verdict.word if plain else f"{verdict.word} ({what})", verdict.line)
        red += [
            f"{each.cell} on {each.machine}, {each.file}: {verdict}" for verdict in verdicts if verdict.red and each.record["id"] in ids
        ]
    if not (choice.cells or choice.studies):
        common = judged.common(newest)
        red += [f"all cells on {machine}, {file}: {verdict}" for machine, file, verdict in common if verdict.red and machine in machines]
    return found, red


def _against(row, reference, published):
    """The row with its ratio and change of accuracy against the reference, and the marks of what differs."""
    if published:
        printed = rows.published_time(row)
        comparable = not {"sample", "former recipe"} & set(row.marks) and not any(mark.startswith("--epochs") for mark in row.marks)
        seconds = estimate.ratio(rows.whole_seconds(row), [printed]) if printed and comparable else None
        change = row.published_accuracy is not None and comparable and row.accuracy
        return replace(row, ratio=seconds, accuracy_change=_minus(change, row.published_accuracy) if change else None)
    same_cell = [each for each in reference if each.cell == row.cell]
    like = [each for each in same_cell if (each.data, each.recipe) == (row.data, row.recipe)]
    if not like:
        return replace(row, marks=(*row.marks, "other data")) if any(each.data != row.data for each in same_cell) else row
    other = max(like, key=lambda each: (not differences(row, each), each.when))
    return replace(
        row,
        ratio=estimate.ratio(_seconds(row), _seconds(other)),
        accuracy_change=estimate.difference(_accuracies(row), _accuracies(other)),
        marks=(*row.marks, *differences(row, other)),
    )


def differences(row, other):
    """What differs between the versions of two rows: texts."""
    mine, theirs = row.versions, other.versions
    names = [name for name in ("keras", row.backend) if name in mine and name in theirs]
    found = [f"{name} {mine[name]}, not {theirs[name]}" for name in names if mine[name] != theirs[name]]
    minors = [".".join(each.get("python", "").split(".")[:2]) for each in (mine, theirs)]
    return found + ([f"python {minors[0]}, not {minors[1]}"] if minors[0] != minors[1] else [])


def _minus(figure, number):
    return estimate.Measured(*(each if each is None else each - number for each in figure[:3]), figure.n)


def _seconds(row):
    return [each["epoch_seconds"] for each in row.history if each["epoch_seconds"] is not None]


def _accuracies(row):
    return list({each["seed"]: each["accuracy"] for each in row.history}.values())
