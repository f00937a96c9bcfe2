"""The tables of `python -m baselines compare`: papers, machines and runs side by side, one table a study.

Under each, the study's own question answered: best network on each data set, mean and least
accuracy, time and memory over all data sets, from the printed numbers and from ours.
"""

import csv
import functools
import io
from collections import defaultdict
from statistics import mean, stdev

from tabulate import tabulate

import zoo
from baselines import judge
from baselines.cells import cells, published_seconds, studies
from baselines.run import alone, epoch_seconds, fastest, sampled

ORDER = ("REGRESSED", "UNSTABLE", "INCOMPARABLE", "NO-BASELINE", "IMPROVED", "PASS")  # worst first
FOOT = """accuracy: on the test images after the last epoch; mean ± standard deviation over n runs, one a seed on a machine.
s/epoch: fastest training epoch of a run, outside compilation; mean ± standard deviation over n runs that had the machine to themselves.
peak MB: of the GPU's memory where there is one, else of the whole process, what it trained before included.
--epochs: trained for so many epochs and not the recipe's; never judged, and in no answer.
sample: trained on a part, or a rebuilt copy, of the published data; in no ratio to a paper and in no answer.
ratio: our mean seconds of training and evaluation an epoch / the published seconds an epoch, which hold validation and start-up, too.
of peak: FLOP/s of the fastest epoch (6 a multiply-accumulate and image) / the machine's measured rate of matrix products.
verdict: a run newer than the accepted ones, against those; the worst of accuracy and time and of all machines."""


def tables(runs, style="simple"):
    """All tables as one text.

    Args:
        runs: store.Runs.
        style: a tablefmt of tabulate's, or 'csv'.
    """
    runs = [run for run in runs if run.cell in cells()]
    whole = [run for run in runs if run.sample["epochs_option"] is None]
    machines = {machine: chr(ord("A") + place) for place, machine in enumerate(sorted({run.machine for run in runs}))}
    words = {(run.cell, run.machine): (run, verdicts) for run, verdicts in judgements(whole)}
    text = []
    for study, table in studies().items():
        rows = [row for cell in cells().values() if cell.study == study for row in _rows(cell, runs, machines, words)]
        headers = ["cell", "parameters", "accuracy", "measured", "s/epoch"]
        headers += [title for label in machines.values() for title in (f"s/epoch {label}", f"ratio {label}", f"of peak {label}")] + [
            "verdict"
        ]
        text += [_title(f"{study}: every cell", style), _table(rows, headers, style)]
        text += [_title(f"{study}: {table['question']}", style), *_answers(study, whole, machines, style)]
    if style != "csv":
        text += ["\n".join(f"{label} = {machine}" for machine, label in machines.items()), FOOT]
    return "\n\n".join(part for part in text if part) + "\n"


def judgements(runs):
    """The newest whole run of each cell on each machine, where it came after the accepted ones, and its verdicts.

    Returns:
        list of (store.Run, [gate.Verdict of accuracy, gate.Verdict of time]).
    """
    newest = {(run.cell, run.machine): run for run in runs if run.cell in cells() and run.sample["epochs_option"] is None}
    asked = [(run, judge.baseline(run.sample, run.machine, runs)) for run in newest.values() if not run.accepted]
    asked = [(run, accepted) for run, accepted in asked if not accepted or run.when > accepted[-1].when]
    gates = 2 * sum(bool(accepted) for _, accepted in asked)
    return [
        (run, [judge.accuracy(run.sample, accepted, gates, cells()[run.cell].floor), judge.seconds(run.sample, accepted, gates)])
        for run, accepted in asked
    ]


def _group(run):
    """What runs must share to stand in one row: data, precision, --epochs, and the recipe, today's or a former one."""
    epochs = run.sample["epochs_option"]
    recipe = {key: value for key, value in run.sample["recipe"].items() if key not in ("name", "note")}
    today = {key: value for key, value in cells()[run.cell].recipe.items() if key != "note"} | ({"epochs": epochs} if epochs else {})
    return run.sample["data"]["fingerprint"], run.sample["precision"], epochs, recipe == today


def _rows(cell, runs, machines, words):
    """One row for each group of like runs of the cell; one if it never was run."""
    groups = defaultdict(list)
    for run in runs:
        if run.cell == cell.id:
            groups[_group(run)].append(run)
    several = len({fingerprint for fingerprint, *_ in groups}) > 1
    for (fingerprint, precision, epochs, today), group in groups.items() or [((None, "float32", None, True), [])]:
        label = cell.id + (f" {precision}" if precision != "float32" else "") + (f" data {fingerprint}" if several else "")
        label += " sample" if group and sampled(group[0].sample) else ""
        label += f" --epochs {epochs}" if epochs else ""
        label += "" if today else " former recipe"
        row = [label, _parameters(cell), cell.published.get("accuracy"), spread(judge.by_seed(group), ".4f"), published_seconds(cell)]
        for machine in machines:
            timed = [run.sample for run in group if run.machine == machine and alone(run.sample)]
            row += [spread([epoch_seconds(sample) for sample in timed], ".3g"), _ratio(timed, published_seconds(cell)), _of_peak(timed)]
        yield [*row, _word(cell, group, words)]


def _word(cell, group, words):
    """The worst verdict of the newest runs in the group, and of which number it is."""
    found = [
        (verdict.word, what)
        for run, verdicts in words.values()
        if run in group
        for verdict, what in zip(verdicts, ("accuracy", "time"), strict=True)
    ]
    if not found:
        if group and group[0].sample["epochs_option"]:
            return "not judged"
        return "accepted" if any(run.accepted for run in group) else "former" if group else "not run"
    word, what = min(found, key=lambda pair: ORDER.index(pair[0]))
    return f"{word} ({what})" if word in ("REGRESSED", "IMPROVED") else word


def spread(values, form):
    """Mean, standard deviation and n of some numbers as text; nothing of none."""
    if not values:
        return None
    scatter = f" ± {stdev(values):{'.2g' if form == '.3g' else form}}" if len(values) > 1 else ""
    return f"{mean(values):{form}}{scatter} (n={len(values)})"


def _ratio(timed, published):
    if not timed or published is None or sampled(timed[0]):
        return None
    return f"{mean(mean(sample['train_seconds']) + mean(sample['eval_seconds']) for sample in timed) / published:.3f}"


def _of_peak(timed):
    """Mean share of the machine's measured matrix-product rate that the fastest epochs reached, where it was measured."""
    best = [fastest(sample.get("efficiency", [])) for sample in timed]
    shares = [each["peak_share"] for each in best if each and each["peak_share"] is not None]
    return f"{mean(shares):.0%}" if shares else None


def _count(cell):
    """Parameters of the network as the zoo builds it today."""
    return _counts()[cell.model, cell.shape, cell.classes]


@functools.cache
def _counts():
    """(model, shape, classes) -> parameters, of every cell."""
    networks = {(cell.model, cell.shape, cell.classes) for cell in cells().values()}
    return zoo.weightless(lambda: {network: zoo.build(*network).count_params() for network in networks})


def _parameters(cell):
    """The published count and whether it is ours, or ours alone."""
    ours = _count(cell)
    printed = cell.published.get("total")
    return f"{ours}" if printed is None else f"{printed} = ours" if printed == ours else f"{printed}, OURS {ours}"


def _answers(study, runs, machines, style):
    """Two tables: the best network on each data set; each network over all; of published data, and runs like each cell's newest."""
    mine = [cell for cell in cells().values() if cell.study == study]
    runs = [run for run in runs if not sampled(run.sample)]
    newest = {run.cell: _group(run) for run in runs}
    runs = [run for run in runs if _group(run) == newest[run.cell]]
    measured = defaultdict(list)
    for run in runs:
        measured[run.cell].append(run.sample)
    ours = {cell.id: mean(judge.by_seed([run for run in runs if run.cell == cell.id])) for cell in mine if measured[cell.id]}
    printed = {cell.id: cell.published["accuracy"] for cell in mine if "accuracy" in cell.published}
    best = []
    for dataset in dict.fromkeys(cell.dataset for cell in mine):
        there = [cell for cell in mine if cell.dataset == dataset]
        best.append([dataset, *(_best(there, source) for source in (printed, ours))])
    over = []
    for model in dict.fromkeys(cell.model for cell in mine):
        its = [cell for cell in mine if cell.model == model]
        row = [model, max(_count(cell) for cell in its), *_mean_least(its, printed)]
        row += [sum(cell.published.get("seconds", 0) for cell in its) or None, *_mean_least(its, ours)]
        row += [_total_seconds(its, [run for run in runs if run.machine == machine]) for machine in machines]
        over.append([*row, _megabytes([sample for cell in its for sample in measured[cell.id]])])
    headers = ["network", "parameters", "published mean", "published least", "published seconds", "mean", "least"]
    headers += [f"seconds {label}" for label in machines.values()] + ["peak MB"]
    best_headers = ["data set", "best as published", "best as measured"]
    return [_table(best, best_headers, style), _table(over, headers, style)]


def _best(there, accuracies):
    known = [cell for cell in there if cell.id in accuracies]
    if not known:
        return None
    winner = max(known, key=lambda cell: accuracies[cell.id])
    share = f" (of {len(known)} in {len(there)})" if len(known) < len(there) else ""
    return f"{winner.model} {accuracies[winner.id]:.4g}{share}"


def _mean_least(its, accuracies):
    """Mean and least accuracy over the data sets, and of how many where some are missing."""
    known = [accuracies[cell.id] for cell in its if cell.id in accuracies]
    share = f" ({len(known)} of {len(its)})" if len(known) < len(its) else ""
    return (f"{mean(known):.4f}{share}", f"{min(known):.4f}") if known else (None, None)


def _total_seconds(its, runs):
    """Seconds to train the network on all its data sets, evaluation included, and of how many where some are missing."""
    totals = []
    for cell in its:
        timed = [run.sample for run in runs if run.cell == cell.id and alone(run.sample)]
        if timed:
            totals.append(mean(_whole_seconds(sample) for sample in timed))
    share = f" ({len(totals)} of {len(its)})" if len(totals) < len(its) else ""
    return f"{sum(totals):.0f}{share}" if totals else None


def _whole_seconds(sample):
    """Seconds of training and evaluation; of a search, of all its trials, compilation included."""
    if "trials" in sample:
        return sum(trial["seconds"] for trial in sample["trials"])
    return sum(sample["train_seconds"]) + sum(sample["eval_seconds"])


def _megabytes(samples):
    """Largest peak memory: the GPU's where there is one, else the process's."""
    peaks = [sample["peak_memory"]["gpu"] or sample["peak_memory"]["host"] for sample in samples]
    peaks = [peak for peak in peaks if peak]
    return f"{max(peaks) / 1e6:.0f}" if peaks else None


def _title(text, style):
    return "" if style == "csv" else f"### {text}" if style == "github" else f"{text}\n{'=' * len(text)}"


def _table(rows, headers, style):
    """Rows as text, without the columns in which nothing stands."""
    kept = [place for place in range(len(headers)) if any(row[place] is not None for row in rows)]
    rows, headers = [[row[place] for place in kept] for row in rows], [headers[place] for place in kept]
    if style != "csv":
        return tabulate(rows, headers, tablefmt=style, disable_numparse=True)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([headers, *rows])
    return out.getvalue().rstrip("\n")
