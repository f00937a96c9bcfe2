"""The studies' own machines as machines like any other: rows of the numbers that the studies print. They are in no mean."""

from baselines.cells import cells, published_seconds, studies
from baselines.report.rows import Measured, Row


def rows():
    """Rows of kind "published": the studies' cells on the studies' own machines, and the times that they print of others; a list of Row."""
    found = []
    for study, content in studies().items():
        mine = [cell for cell in cells().values() if cell.study == study]
        found += [_printed(cell, _machine(study, content), published_seconds(cell), cell.published.get("accuracy")) for cell in mine]
        found += [_printed(cells()[each["cell"]], each["machine"], each["epoch_seconds"]) for each in content.get("elsewhere", [])]
    return [row for row in found if row.epoch_seconds or row.accuracy]


def figures(machine=""):
    """Cell -> (seconds of an epoch with its evaluation, accuracy), None where not printed: by its study, or of the named machine alone."""
    if not machine:
        return {cell.id: (published_seconds(cell), cell.published.get("accuracy")) for cell in cells().values()}
    found = {row.cell: (row.epoch_seconds, row.accuracy) for row in rows() if row.machine == machine}
    return {cell: tuple(each and each.value for each in pair) for cell, pair in found.items()}


def _machine(study, content):
    """The study's machine: its GPU, else its platform, which is another GPU in each study that does not name one."""
    hardware = content.get("hardware", {})
    return hardware.get("gpu") or f"{hardware.get('platform', 'a machine').partition(',')[0]} ({study})"


def _printed(cell, where, seconds, accuracy=None):
    figure = {"accuracy": accuracy, "epoch_seconds": seconds}
    return Row(
        cell.id, cell.study, cell.model, cell.dataset, where, "", "", "published",
        published_accuracy=accuracy, verdict="published", reason=f"printed in the study {cell.study}",
        **{key: None if value is None else Measured(value, None, None, 1) for key, value in figure.items()},
    )  # fmt: skip
