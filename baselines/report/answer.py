"""The answer of a comparison in words: faster or slower, accuracy up or down, what stands out, what is red, what did not come out."""

import math
from collections import Counter, defaultdict

import numpy as np

from baselines import limits
from baselines.report import estimate, rows
from baselines.report.rows import PUBLISHED

APART = 1.5  # a cell stands out if its ratio is more than this factor from the geometric mean
FAR = 3  # standard deviations from which on a published accuracy did not come out
EQUAL = 1.01  # a ratio that is not further from 1, with its interval, is called equal, however clear it is
LONGEST = 5  # cells that a sentence names
CHANCE = 0.05  # share of unchanged cells whose change is outside its 95 % interval


def sentences(made):
    """The answer: a list of sentences, of which the first says what A and B are.

    Args:
        made: rows.Comparison, without its answer.
    """
    pairs, left = compared(made)
    found = [*_speed(made, pairs), *_accuracy(made, pairs), *_versions(pairs), *_standing_out(pairs), *_left_out(left)]
    reference = "the published numbers" if made.against == PUBLISHED else f"B, {made.against}{', as printed' * made.printed}"
    first, verdicts = f"A is {made.here}; it is compared with {reference}.", _verdicts(made)
    return [*([first, *verdicts, *found] if made.red else [first, *found, *verdicts]), *_published(made)]


def compared(made, place=None):
    """The rows of a place (the one that is compared) that the means are over, one a cell, and those that are left out: two lists of Row.

    A cell's newest row takes part if the reference has a like one. Where versions differ, those do that differ in the same way, the most
    there are.
    """
    of_cells = defaultdict(list)
    for row in made.rows:
        if row.place == (place or made.here) and row.kind == "measured" and not row.session and (row.ratio or row.accuracy_change):
            of_cells[row.cell].append(row)
    newest = [_one(of_cell) for of_cell in of_cells.values()]
    counts = Counter(map(differing, newest))
    best = max(counts, key=lambda differences: (counts[differences], not differences), default=())
    return [row for row in newest if differing(row) == best], [row for row in newest if differing(row) != best]


def _one(of_cell):
    """Of several rows of one cell, a whole training, on published data, the newest."""
    return max(of_cell, key=lambda row: (rows.whole(row), row.when))


def differing(row):
    """The marks that say that versions differ from the reference's."""
    return tuple(mark for mark in row.marks if rows.explained(mark) == rows.VERSIONS)


def mean_ratio(pairs):
    """Geometric mean of the rows' ratios: estimate.Measured, over cells; of one cell, its own; None without ratios."""
    ratios = [row.ratio for row in pairs if row.ratio]
    return ratios[0] if len(ratios) == 1 else estimate.geometric([each.value for each in ratios])


def part(made, place):
    """A place's part in the comparison: ('compared', 'the reference' or '', its mean ratio or None, number of cells of that mean)."""
    pairs, _ = compared(made, place)
    word = "compared" if place == made.here else "the reference" if place == made.against else ""
    return word, mean_ratio(pairs), sum(row.ratio is not None for row in pairs)


def mean_change(pairs):
    """Mean change of accuracy of the rows with a whole recipe: (estimate.Measured or None, number of cells)."""
    changes = [row.accuracy_change for row in pairs if row.accuracy_change and not rows.cut_short(row)]
    return changes[0] if len(changes) == 1 else estimate.average([each.value for each in changes]), len(changes)


def _speed(made, pairs):
    found, count = mean_ratio(pairs), sum(row.ratio is not None for row in pairs)
    published = made.against == PUBLISHED
    if not found:
        return [
            "Speed: no timed cell of A has a published time to compare with."
            if published
            else "Speed: A and B have no timed cell in common."
        ]
    equal, other = found.low is not None and max(found.high, 1 / found.low) < EQUAL, "what is published" if published else "B"
    heads = (
        f"A is slower than {other}",
        f"A is faster than {other}, {_factor(1 / found.value)} times as fast",
        f"No difference in speed is seen to {other}",
        "Speed",
    )
    head = f"A is as fast as {other}" if equal else _head(found, 1, heads)
    what = "an epoch with its evaluation" if made.printed else "an epoch"
    times = f"{what} takes {_factor(found.value)} times as long on A"
    return [f"{head}: {times} ({_over(found, _factor, 'geometric mean', count)})."]


def _accuracy(made, pairs):
    found, count = mean_change(pairs)
    published = made.against == PUBLISHED
    if not found:
        what = "no whole training of A has a published accuracy" if published else "A and B have no whole training of a cell in common"
        return [f"Accuracy: {what}."]
    other = "what is published" if published else "B"
    heads = (
        f"A is more accurate than {other}",
        f"A is less accurate than {other}",
        f"Over all cells, no difference in accuracy is seen to {other}",
    )
    minus = f"accuracy of A minus {'the published one' if published else 'that of B'} {found.value:+.4f}"
    return [f"{_head(found, 0, (*heads, 'Accuracy'))}: {minus} ({_over(found, _signed, 'mean', count)})."]


def _head(found, neutral, heads):
    """Which of (higher, lower, neither, unknown) the interval shows."""
    if found.low is None:
        return heads[3]
    return heads[0] if found.low > neutral else heads[1] if found.high < neutral else heads[2]


def _over(found, form, what, count):
    """The interval of a mean and what it is over, as text."""
    over = f"{what} over {count} cells" if count > 1 else f"one cell, {found.n} training{'s' * (found.n > 1)} of A"
    return f"{over}: no interval" if found.low is None else f"95 % interval {form(found.low)} to {form(found.high)}; {over}"


def _factor(value):
    """A ratio with three digits, or as many decimals near 1."""
    return f"{value:.3f}" if 0.9 < value < 1.1 else f"{value:.3g}"


def _signed(value):
    return f"{value:+.4f}"


def _standing_out(pairs):
    """Cells whose ratio is far from the others', and those whose accuracy changed."""
    found, ratio = [], mean_ratio(pairs)
    apart = [row for row in pairs if row.ratio and abs(math.log(row.ratio.value / ratio.value)) > math.log(APART)]
    if apart:
        apart.sort(key=lambda row: -abs(math.log(row.ratio.value / ratio.value)))
        cells = _names(f"{row.cell} {row.ratio.value:.3g}" for row in apart)
        found.append(f"Times that stand out, over {APART} times from the mean: {cells}.")
    judged = [row for row in pairs if row.accuracy_change and row.accuracy_change.low is not None]
    moved = [row for row in judged if not row.accuracy_change.low <= 0 <= row.accuracy_change.high]
    if moved:
        moved.sort(key=lambda row: -abs(row.accuracy_change.value))
        cells = _names(f"{row.cell} {row.accuracy_change.value:+.4f}" for row in moved)
        chance = (
            f"of {len(judged)} cell{'s' * (len(judged) > 1)}; without any difference, {CHANCE * len(judged):.1g} would be expected here"
        )
        found.append(f"Cells whose own accuracy differs by more than its 95 % interval: {cells} ({chance}).")
    return found


def _versions(pairs):
    """In which versions the cells that the means are over differ from the reference's."""
    return [f"Other versions on A than on B: {', '.join(differing(pairs[0]))}."] if pairs and differing(pairs[0]) else []


def _left_out(left):
    """Cells that are in no mean since their versions differ in another way than the others'."""
    return [f"Left out of the means, for their versions: {_names(f'{row.cell} ({differing(row)[0]})' for row in left)}."] if left else []


def _verdicts(made):
    """What is red, else how many cells were judged, and how."""
    words = Counter(row.verdict.split(" (")[0] for row in made.rows if row.kind == "measured")
    judged = {word: words[word] for word in rows.ORDER if words[word]}
    others = [f"{words[word]} {word}" for word in ("accepted", "not judged") if words[word]]
    counts = ", ".join([f"{count} {word}" for word, count in judged.items()] + others)
    if not made.red:
        return [f"{fine(made)} Verdicts: {counts}."] if counts else []
    red = _red(made)
    common = [line.partition(",")[0] for line in made.red if line.startswith("all cells")]
    return [f"REGRESSED: {_names([*red, *common])}. Verdicts: {counts}."]


def fine(made):
    """What is said where nothing that was chosen is red; the reference may be."""
    if red := _red(made):
        return f"Nothing that was chosen regressed, but of the reference did {_names(red)}."
    judged = any(row.verdict.split(" (")[0] in rows.ORDER for row in made.rows)
    return "Nothing regressed." if judged else "Nothing was judged."


def _red(made):
    return [f"{row.cell} on {row.place}{row.verdict.removeprefix('REGRESSED')}" for row in made.rows if row.verdict.startswith("REGRESSED")]


def _published(made):
    """Which of the published accuracies of the cells that were trained did not come out, and how many did."""
    asked, studies = came_out(made), {row.cell: row.study for row in made.rows}
    found = []
    for study in dict.fromkeys(studies[cell] for cell in asked):
        of_study = [text for cell, text in asked.items() if studies[cell] == study]
        missed = [text for text in of_study if text]
        came = f"{len(of_study) - len(missed)} of {len(of_study)} published accuracies came out"
        found.append(f"Study {study}: {came}, within {FAR} standard deviations.")
        found += [f"Study {study}: did not come out: {_names(missed)}."] if missed else []
    return found


def came_out(made):
    """Cell -> None where its published accuracy came out, else both accuracies as text; of the cells that were trained as published."""
    return {cell: _missed(cell, found) for cell, found in _by_cell(made).items() if found[0].published_accuracy is not None}


def _by_cell(made):
    """Cell -> the measured rows of its whole recipe on the published data without a loss of accuracy, in the precision with most."""
    groups = defaultdict(lambda: defaultdict(list))
    for row in made.rows:
        if row.kind == "measured" and row.accuracy and rows.whole(row) and not row.verdict.startswith("REGRESSED (accuracy"):
            groups[row.cell][row.precision].append(row)
    return {cell: max(of_cell.values(), key=lambda found: sum(row.accuracy.n for row in found)) for cell, of_cell in groups.items()}


def _missed(cell, found):
    """The cell with both accuracies, where one more training would give the published one less often than FAR sd; else None.

    The variance is that of baselines.limits: the prior's where there is one training, more and more the trainings' own.
    """
    printed, values = found[0].published_accuracy, [value for row in found for value in rows.accuracies(row)]
    baseline = limits.Baseline(np.asarray(values), found[0].test_images, studied=True)
    sd = math.sqrt(baseline.variance * (1 + 1 / baseline.n))
    if abs(float(baseline.mean) - printed) <= FAR * sd:
        return None
    how = "higher" if baseline.mean > printed else "lower"
    return f"{cell}, {baseline.mean:.4f} (n={baseline.n}), is {how} than the published {printed}"


def _names(texts):
    """Some texts, at most LONGEST of them, as one."""
    texts = list(texts)
    rest = len(texts) - LONGEST
    return ", ".join(texts if rest <= 0 else [*texts[:LONGEST], f"and {rest} more"])
