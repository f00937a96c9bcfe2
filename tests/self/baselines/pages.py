"""Comparisons made by hand, and what a page says of them, for the tests of the page."""

from dataclasses import replace
from html.parser import HTMLParser

from baselines.report.estimate import Measured
from baselines.report.rows import Comparison, Row

VOID = {"meta", "link", "input", "br", "img"}
PLACE = ("fast-chip", "tensorflow", "float32")


def trained(seed=1, accuracies=(0.5, 0.9), **more):
    """A record, as a row's history keeps it."""
    return {
        "seed": seed,
        "when": f"2026-01-{seed:02}T00:00:00+00:00",
        "commit": "c0ffee1234",
        "dirty": False,
        "versions": {"keras": "3.15.1", "numpy": "2.4.6"},
        "accuracy": accuracies[-1] if accuracies else 0.9,
        "epoch_seconds": 2.0 + seed / 10,
        "verdict": "",
        "accuracies": list(accuracies),
        "images": "test",
        "accepted": True,
        **more,
    }


def row(cell="lenet5-mnist-afif", place=PLACE, accuracy=0.9, seconds=2.0, history=None, **more):
    """A row of a measured cell."""
    model, dataset, _ = cell.split("-", 2)
    values = {
        "kind": "measured",
        "verdict": "PASS",
        "when": "2026-01-02",
        "test_images": 10_000,
        "reason": "accuracy 0.9 as before",
        **more,
    }
    figures = {"accuracy": accuracy and Measured(accuracy, accuracy - 0.01, accuracy + 0.01, 3)}
    figures |= {"epoch_seconds": seconds and Measured(seconds, None, None, 1)}
    return Row(cell, "afif", model, dataset, *place, history=[trained()] if history is None else history, **{**figures, **values})


def comparison(*rows, **more):
    """A Comparison of rows."""
    values = {"answer": ["Twice as fast."], "red": [], "problems": [], **more}
    return Comparison(rows=list(rows), here="fast-chip, tensorflow float32", against="slow-chip, tensorflow float32", **values)


def slower(of, factor=2.0):
    """The same row on another machine."""
    return replace(of, machine="slow-chip", epoch_seconds=Measured(of.epoch_seconds.value * factor, None, None, 1))


class Read(HTMLParser):
    """What a browser reads in a page: tags with their attributes, in order; the text outside scripts and styles; that of each drawing.

    AssertionError where an element is not closed, or closed twice.
    """

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.drawings, self.open = [], "", [], []
        self.feed(page)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.drawings += [""] if tag == "svg" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data
        if "svg" in self.open:
            self.drawings[-1] += data + " "

    def all(self, name):
        """The attributes of each element of a name."""
        return [attrs for tag, attrs in self.tags if tag == name]


def large(cells=60, machines=4, records=50, epochs=30):
    """A Comparison of a storage with ``machines * records`` files of that many cells, at twenty commits."""
    found = []
    for cell in range(cells):
        for machine in range(machines):
            kept = [
                trained(
                    record % 28 + 1,
                    [1 - (0.5 + cell / 200) / epoch + record / 1e4 for epoch in range(1, epochs + 1)],
                    commit=f"{record % 20:07}",
                    epoch_seconds=(cell + 1) * (machine + 1) / 5 + record / 100,
                )
                for record in range(records)
            ]
            where = (f"made-up-processor-{machine}.207-16cores-avx512", "tensorflow", "float32")
            more = {"published_accuracy": 0.95, "floor": 0.5, "verdict": ("PASS", "REGRESSED (time)", "UNSTABLE", "accepted")[machine]}
            figures = {"accuracy": 0.9 + cell / 1000, "seconds": (cell + 1) * (machine + 1) / 5}
            found.append(row(f"network_number_{cell}-data{cell % 5}-the_recipe", where, history=kept, **figures, **more))
    return comparison(*found, red=["network_number_0 is red"])
