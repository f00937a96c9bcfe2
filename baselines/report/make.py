"""Makes a Comparison: the chosen records' rows, each with its figures against the reference, and the verdicts."""

from dataclasses import replace

from baselines import judged, tables
from baselines.cells import cells
from baselines.record import sampled
from baselines.report import answer, estimate, measure, published, rows, select, studies
from baselines.report.rows import Comparison


def comparison(stored, choice=select.Choice(), problems=(), ab=()):  # noqa: B008 immutable
    """The Comparison of stored records.

    Args:
        stored: list of store.Stored, oldest first: every one, since verdicts depend on them.
        choice: select.Choice.
        problems: lines about files that cannot be read.
        ab: what ``baselines.comparisons.stored`` returned.

    Raises:
        select.ChoiceError: the choice matches nothing.
    """
    chosen = select.chosen(stored, choice)
    printed = select.printed(stored, choice)
    if not chosen:
        told = ["No stored record was chosen; these are printed numbers."]
        return Comparison(_ordered(printed, ""), "", rows.PUBLISHED, told, [], list(problems), ab=list(ab))
    folder = select.here(chosen, choice)
    others, named = select.reference(chosen, [each for each in stored if each.cell in cells()], folder, choice)
    ids = {each.record["id"] for each in others}
    verdicts, red = _verdicts(stored, chosen, choice)
    session, figures = (named, {}) if others else ("", published.figures(named))
    reference = measure.measured(others, verdicts, session)
    mine = measure.measured([each for each in chosen if each.record["id"] not in ids], verdicts)
    found = [_against(row, reference, figures) for row in mine]
    here = rows.named(*measure.place(next(each for each in chosen if each.machine == folder)))
    kept = [row for row in [*found, *_chosen(reference, choice)] if choice.all or row.verdict != "former" or row.session]
    if session and not any(row.place == here for row in kept):  # the machine's newest session is the reference
        kept += [row for row in found if row.place == here]
    made = Comparison(
        rows=_ordered([*kept, *_beside(kept, printed, choice, "" if others else named)], here),
        here=here,
        against=reference[0].place if reference else named or rows.PUBLISHED,
        answer=[],
        red=red,
        problems=list(problems),
        questions=[],
        ab=list(ab),
    )
    two = {folder: letter for folder, letter in folders(made, chosen).items() if letter in ("A", "B")}
    return replace(made, answer=answer.sentences(made), questions=_questions(chosen, two))


def folders(made, stored):
    """Machine's folder -> its letter, of those of some records, in the order of the letters."""
    found = {rows.named(*measure.place(each)): each.machine for each in stored}
    return {found[place]: letter for place, letter in made.letters.items() if place in found}


def _beside(kept, printed, choice, reference):
    """Of the printed rows, those of cells that are shown or that --cell names; and those of a study's machine that is the reference."""
    shown = {row.cell for row in kept}
    found = [row for row in printed if row.cell in shown or choice.cells]
    return found + [row for row in published.rows() if row.machine == reference and row.cell in shown and row not in found]


def _chosen(reference, choice):
    """The reference's rows of the cells that were chosen."""
    return [row for row in reference if select.wanted(row.cell, choice)]


def _ordered(found, here):
    """The rows cell by cell: red and suspicious ones, then those of the compared machine's newest session, then its others.

    Each of these with the worst verdict first, then as in the studies' tables; of a cell, the compared machine's row first.
    """
    order, mine, worst = {cell: i for i, cell in enumerate(cells())}, {row.cell for row in found if row.place == here}, {}
    fresh = _of_newest_session([row for row in found if row.place == here and row.history])
    for row in found:
        worst[row.cell] = min(worst.get(row.cell, len(rows.RANKS)), rows.rank(row))

    def place(row):
        fine, last = worst[row.cell] > rows.RANKS.index("SUSPECT"), row.cell not in mine and worst[row.cell] > 0
        return fine, row.cell not in fresh, last, worst[row.cell], order[row.cell], rows.rank(row), row.place != here, row.place, row.when

    return sorted(found, key=place)


def _of_newest_session(mine):
    """The cells that the newest session of some rows has trained."""
    newest = max(mine, key=lambda row: row.history[-1]["when"], default=None)
    return {row.cell for row in mine if row.history[-1]["session"] == newest.history[-1]["session"]}


def _questions(stored, machines):
    """The answers to the questions of the studies that were run: a list of (study, question, headers, rows).

    Args:
        stored: list of store.Stored.
        machines: folder -> its letter, of those whose seconds are shown.
    """
    whole = [each for each in stored if each.record["epochs_option"] is None and not sampled(each.record)]
    run = {each.cell for each in whole}
    found = []
    for study, table in tables.studies().items():
        mine = [cell for cell in cells().values() if cell.study == study]
        names = {name for cell in mine if cell.id in run for name in (cell.dataset, cell.model)}
        for headers, every in studies.answers(mine, whole, machines) if names and any(cell.published for cell in mine) else []:
            lines = [row for row in every if row[0] in names]  # answered over the whole study, as with --all
            kept = [i for i in range(len(headers)) if any(line[i] is not None for line in lines)]
            found.append((study, table["question"], [headers[i] for i in kept], [[line[i] for i in kept] for line in lines]))
    return found


def _verdicts(stored, chosen, choice):
    """(record's id -> (word, line) of the newest records, lines of the red ones among the chosen)."""
    ids, machines = {each.record["id"] for each in chosen}, {each.machine for each in chosen}
    found, red = {}, []
    newest = judged.judgements(stored)
    for each, verdicts in newest:
        found[each.record["id"]] = rows.worst(verdicts)
        red += [
            f"{each.cell} on {each.machine}, {each.file}: {verdict}" for verdict in verdicts if verdict.red and each.record["id"] in ids
        ]
    if not (choice.cells or choice.studies):
        common = judged.common(newest)
        red += [f"all cells on {machine}, {file}: {verdict}" for machine, file, verdict in common if verdict.red and machine in machines]
    return found, red


def _against(row, reference, figures):
    """The row with its ratio and change of accuracy against the reference, and the marks of what differs.

    Args:
        row: rows.Row.
        reference: list of Row; empty where it is published.
        figures: what ``published.figures`` returned, in that case.
    """
    if not reference:
        return _against_published(row, *figures.get(row.cell, (None, None)))
    same = [each for each in reference if each.cell == row.cell]
    like = [each for each in same if (each.data, each.recipe) == (row.data, row.recipe)]
    if not like:
        what = "other recipe" if any(each.data == row.data for each in same) else "other data"
        return replace(row, marks=(*row.marks, what)) if same else row
    other = max(like, key=lambda each: (-len(differences(row, each)), len(each.history), each.when))
    return replace(
        row,
        ratio=estimate.ratio(rows.seconds(row), rows.seconds(other)),
        accuracy_change=estimate.difference(rows.accuracies(row), rows.accuracies(other)),
        marks=(*row.marks, *differences(row, other)),
    )


def _against_published(row, printed, accuracy):
    """The row with its ratio and change of accuracy against what is printed; a published epoch includes evaluation."""
    if not rows.whole(row):
        return row
    whole = [each["whole_epoch_seconds"] for each in row.history if each["whole_epoch_seconds"] is not None]
    return replace(
        row,
        ratio=estimate.ratio(whole, [printed]) if printed else None,
        accuracy_change=None if accuracy is None else estimate.difference(rows.accuracies(row), [accuracy]),
    )


def differences(row, other):
    """What differs between the versions of two rows, those of other backends apart: a list of texts."""
    mine, theirs = rows.shown_versions(row), rows.shown_versions(other)
    return [f"{name} {mine[name]}, not {theirs[name]}" for name in mine if name in theirs and mine[name] != theirs[name]]
