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
    values = {"kind": "measured", "verdict": "PASS", "when": "2026-01-02", "reason": "accuracy 0.9 as before", **more}
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
    """What a browser reads in a page: tags with their attributes, in order, and the text outside scripts and styles.

    AssertionError where an element is not closed, or closed twice.
    """

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(page)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, name):
        """The attributes of each element of a name."""
        return [attrs for tag, attrs in self.tags if tag == name]
