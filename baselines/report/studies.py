"""The tables of `python -m baselines compare`: papers, machines and records side by side, one table a study.

Below each table, the answers to the study's question, from the published numbers and from ours: the best network on
each data set; mean and lowest accuracy, time and memory of each network over all data sets.
"""

from collections import defaultdict
from statistics import mean, stdev

from tabulate import tabulate

from baselines import judged
from baselines.cells import cells, published_seconds, studies
from baselines.efficiency import fastest
from baselines.record import epoch_seconds, recipe, sampled, timed
from baselines.report.rows import ORDER, worst

PRINTED = {"accuracy": "", "validation_accuracy": " (val)", "held_out_accuracy": " (held out)", "stated_accuracy": " (stated)"}
FOOT = """parameters: as published, and "= ours" where our trained network has the same number; else those of our trained network.
accuracy: as published, of test images; or of validation images (val), images that a search held out (held out), unnamed images (stated).
measured: on the test images after the last epoch; mean ± standard deviation over n records, one per machine and seed.
s/epoch: as published; on a machine (A, B, ...) the fastest training epoch of a record, without compilation: mean ± standard deviation.
peak MB: of the GPU's memory where there is one, else of the training's process.
--epochs: trained for that number of epochs instead of the recipe's; not judged, and left out of the answers.
sample: trained on a part, or a rebuilt copy, of the published data; without a ratio, and left out of the answers.
ratio: our mean seconds of training and evaluation per epoch / the published seconds per epoch, which include validation and start-up.
of peak: FLOP/s of the fastest epoch (6 per multiply-accumulate and image) / the machine's measured rate of matrix products.
verdict: of a record that is newer than the accepted ones, compared with them; the worst of accuracy and time on all machines."""


def tables(stored, machines, style="simple"):
    """All tables as one text: every cell, also those that were never run.

    Args:
        stored: list of store.Stored.
        machines: folder -> the letter that stands for it.
        style: a tablefmt of tabulate's.
    """
    whole = [each for each in stored if each.record["epochs_option"] is None]
    newest = {(each.cell, each.machine): (each, verdicts) for each, verdicts in judged.judgements(whole)}
    by_cell = _by_cell(stored)
    headers = ["cell", "parameters", "accuracy", "measured", "s/epoch"]
    headers += [title for label in machines.values() for title in (f"s/epoch {label}", f"ratio {label}", f"of peak {label}")]
    text = []
    for study, table in studies().items():
        mine = [cell for cell in cells().values() if cell.study == study]
        rows = [row for cell in mine for row in _rows(cell, by_cell[cell.id], machines, newest)]
        text += [_title(f"{study}: every cell", style), _table(rows, [*headers, "verdict"], style)]
        text += [f"printed, but not for any cell: {_figures(each)}" for each in table.get("unassigned", [])]
        text += [_title(f"{study}: {table['question']}", style)]
        text += [_table(found, heads, style) for heads, found in answers(mine, whole, machines)]
    return "\n\n".join([*text, FOOT]) + "\n"


def _figures(unassigned):
    """A printed figure that cannot be assigned to a cell, as text."""
    figures = ", ".join(f"{key} {value}" for key, value in unassigned.items() if key not in ("where", "why", "model"))
    return f"{unassigned.get('model', '')} {figures} ({unassigned['where']}): {unassigned['why']}".strip()


def _by_cell(stored):
    groups = defaultdict(list)
    for each in stored:
        groups[each.cell].append(each)
    return groups


def _group(stored):
    """What records of one row have in common: data, precision, --epochs, and whether the recipe is today's or a former one."""
    record = stored.record
    epochs = record["epochs_option"]
    today = recipe(cells()[stored.cell]) | ({"epochs": epochs} if epochs else {})
    return record["data"]["fingerprint"], record["precision"], epochs, record["recipe"] == today


def _rows(cell, stored, machines, judged):
    """One row for each group of like records of the cell; one empty row if it was never trained."""
    groups = defaultdict(list)
    for each in stored:
        groups[_group(each)].append(each)
    several = len({fingerprint for fingerprint, *_ in groups}) > 1
    for (fingerprint, precision, epochs, today), group in groups.items() or [((None, "float32", None, True), [])]:
        label = cell.id + (f" {precision}" if precision != "float32" else "") + (f" data {fingerprint}" if several else "")
        label += " sample" if group and sampled(group[0].record) else ""
        label += f" --epochs {epochs}" if epochs else ""
        label += "" if today else " former recipe"
        row = [
            label,
            _parameters(cell, group),
            cell.published.get("accuracy"),
            spread(_by_seed(group), ".4f"),
            published_seconds(cell),
        ]
        for machine in machines:
            times = [each.record for each in group if each.machine == machine and timed(each.record)]
            row += [spread([epoch_seconds(each) for each in times], ".3g"), _ratio(times, published_seconds(cell)), _of_peak(times)]
        yield [*row, _verdict(group, judged)]


def _verdict(group, judged):
    """The worst verdict of the newest records in the group, and whether it is of accuracy or of time."""
    found = [worst(verdicts)[0] for each, verdicts in judged.values() if each in group]
    if not found:
        if group and group[0].record["epochs_option"]:
            return "not judged"
        return "accepted" if any(each.accepted for each in group) else "former" if group else "not trained"
    return min(found, key=lambda word: ORDER.index(word.split(" (")[0]))


def _by_seed(stored):
    """Accuracies of the newest record of each machine and seed."""
    return list({(each.machine, each.record["seed"]): each.record["accuracy"] for each in stored}.values())


def spread(values, form):
    """Mean, standard deviation and n of some numbers as text; None without numbers."""
    if not values:
        return None
    scatter = f" ± {stdev(values):{'.2g' if form == '.3g' else form}}" if len(values) > 1 else ""
    return f"{mean(values):{form}}{scatter} (n={len(values)})"


def _printed_accuracy(cell):
    """The published test accuracy; without one, the accuracy of other images, with a mark that says which."""
    for key, mark in PRINTED.items():
        if key in cell.published:
            return f"{cell.published[key]}{mark}"
    return None


def _ratio(times, published):
    if not times or published is None or sampled(times[0]):
        return None
    return f"{mean(mean(record['train_seconds']) + mean(record['eval_seconds']) for record in times) / published:.3f}"


def _of_peak(times):
    """Mean share of the machine's measured matrix-product rate that the fastest epochs reached, where it was measured."""
    best = [fastest(record) for record in times]
    shares = [each.peak_share for each in best if each and each.peak_share is not None]
    return f"{mean(shares):.0%}" if shares else None


def _parameters(cell, group):
    """The published number of parameters and whether our trained network has the same; without a published one, that of our network."""
    printed, ours = cell.published.get("total"), _count(group)
    if printed is None or ours is None:
        return printed or ours
    return f"{printed} = ours" if printed == ours else f"{printed}, OURS {ours}"


def _count(stored):
    """Parameters of the network of the newest record, or None."""
    return stored[-1].record["parameters"]["total"] if stored else None


def answers(mine, stored, machines):
    """Headers and rows of two tables: the best network on each data set, and each over all; of records like a cell's newest."""
    wanted = {cell.id for cell in mine}
    stored = [(each, _group(each)) for each in stored if each.cell in wanted and not sampled(each.record)]
    newest = {each.cell: group for each, group in stored}
    by_cell = _by_cell([each for each, group in stored if group == newest[each.cell]])
    ours = {cell.id: mean(_by_seed(by_cell[cell.id])) for cell in mine if cell.id in by_cell}
    printed = {cell.id: cell.published["accuracy"] for cell in mine if "accuracy" in cell.published}
    best = []
    for dataset in dict.fromkeys(cell.dataset for cell in mine):
        there = [cell for cell in mine if cell.dataset == dataset]
        best.append([dataset, *(_best(there, source) for source in (printed, ours))])
    over = [
        _over([cell for cell in mine if cell.model == model], printed, ours, by_cell, machines)
        for model in dict.fromkeys(cell.model for cell in mine)
    ]
    headers = ["network", "parameters", "published mean", "published lowest", "published seconds", "mean", "lowest"]
    headers += [f"seconds {label}" for label in machines.values()] + ["peak MB"]
    best_headers = ["data set", "best as published", "best as measured"]
    return [(best_headers, best), (headers, over)]


def _over(of_model, printed, ours, by_cell, machines):
    """The row of one network over all its data sets."""
    counts = [count for cell in of_model if (count := _count(by_cell[cell.id]) or cell.published.get("total"))]
    row = [of_model[0].model, max(counts, default=None), *_mean_least(of_model, printed)]
    row += [sum(cell.published.get("seconds", 0) for cell in of_model) or None, *_mean_least(of_model, ours)]
    row += [_total_seconds([[each for each in by_cell[cell.id] if each.machine == machine] for cell in of_model]) for machine in machines]
    return [*row, _megabytes([each.record for cell in of_model for each in by_cell[cell.id]])]


def _best(there, accuracies):
    known = [cell for cell in there if cell.id in accuracies]
    if not known:
        return None
    winner = max(known, key=lambda cell: accuracies[cell.id])
    share = f" (of {len(known)} in {len(there)})" if len(known) < len(there) else ""
    return f"{winner.model} {accuracies[winner.id]:.4g}{share}"


def _mean_least(of_model, accuracies):
    """Mean and lowest accuracy over the data sets, and the number of data sets where some are missing."""
    known = [accuracies[cell.id] for cell in of_model if cell.id in accuracies]
    share = f" ({len(known)} of {len(of_model)})" if len(known) < len(of_model) else ""
    return (f"{mean(known):.4f}{share}", f"{min(known):.4f}") if known else (None, None)


def _total_seconds(groups):
    """Seconds to train a network on all its data sets, with evaluation, and the number of data sets where some are missing."""
    times = [[_whole_seconds(each.record) for each in group if timed(each.record)] for group in groups]
    totals = [mean(seconds) for seconds in times if seconds]
    share = f" ({len(totals)} of {len(groups)})" if len(totals) < len(groups) else ""
    return f"{sum(totals):.0f}{share}" if totals else None


def _whole_seconds(record):
    """Seconds of training and evaluation; of a search, of all its trials, compilation included."""
    if record["trials"]:
        return sum(trial["seconds"] for trial in record["trials"])
    return sum(record["train_seconds"]) + sum(record["eval_seconds"])


def _megabytes(records):
    """Largest peak memory: the GPU's where there is one, else the process's."""
    peaks = [record["peak_memory"]["gpu"] or record["peak_memory"]["host"] for record in records]
    return f"{max(filter(None, peaks)) / 1e6:.0f}" if any(peaks) else None


def _title(text, style):
    return f"### {text}" if style == "github" else f"{text}\n{'=' * len(text)}"


def _table(rows, headers, style):
    """Rows as text, without empty columns."""
    kept = [index for index in range(len(headers)) if any(row[index] is not None for row in rows)]
    rows, headers = [[row[index] for index in kept] for row in rows], [headers[index] for index in kept]
    return tabulate(rows, headers, tablefmt=style, disable_numparse=True)
