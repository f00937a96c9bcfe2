"""A terminal shows how far a training is, and a log gets one line a minute."""

from types import SimpleNamespace

import pytest

from baselines import progress

pytestmark = pytest.mark.self


@pytest.fixture
def shown(monkeypatch):
    """A function of (function that shows, isatty, its arguments of each second) that returns the texts that were shown."""
    clock = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])

    def show_all(make, isatty, values):
        texts = []
        reporter = SimpleNamespace(
            isatty=isatty,
            rewrite=lambda text, erase: texts.append(text),
            write_line=texts.append,
            line=lambda text: texts.append("end of line"),
            ensure_newline=lambda: None,
            flush=lambda: None,
        )
        show = make(_Config(SimpleNamespace(get_plugin=lambda name: reporter if name == "terminalreporter" else None)))
        for args in values:
            clock[0] += 1
            show(*args)
        return texts

    return show_all


class _Config:
    def __init__(self, pluginmanager):
        self.pluginmanager = pluginmanager


BYTES = [("x.gz", megabytes * 10**6, 200 * 10**6) for megabytes in range(1, 201)]


def test_a_download_is_one_line_that_is_rewritten_on_a_terminal_and_a_line_a_minute_elsewhere(shown):
    texts = shown(progress.fetching, True, BYTES)
    assert ["fetching x.gz: 1 MB of 200", "fetching x.gz: 200 MB of 200", "end of line"] == [texts[0], *texts[-2:]]
    assert [f"fetching x.gz: {megabytes} MB of 200" for megabytes in (60, 120, 180, 200)] == shown(progress.fetching, False, BYTES)
    assert ["fetching x.gz: 60 MB"] == shown(progress.fetching, False, [(*args[:2], None) for args in BYTES[:61]])


def test_a_training_shows_its_epoch_accuracy_and_the_time_left(shown):
    texts = shown(lambda config: progress.line(config, "cell"), False, [(epoch, 90, 0.5) for epoch in range(1, 91)])
    assert ["cell: epoch 60/90, accuracy 0.5000, 30 s left", "cell: epoch 90/90, accuracy 0.5000, 2 min in all"] == texts


def test_without_a_terminal_reporter_nothing_is_shown():
    worker = _Config(SimpleNamespace(get_plugin=lambda name: None))
    assert (None, None) == (progress.line(worker, "cell"), progress.fetching(worker))


@pytest.mark.parametrize("isatty", [True, False])
def test_a_terminal_that_is_gone_does_not_end_a_training(isatty):
    def refuse(*args, **options):
        raise BrokenPipeError(32, "Broken pipe")

    reporter = SimpleNamespace(isatty=isatty, rewrite=refuse, line=refuse, ensure_newline=refuse, write_line=refuse, flush=refuse)
    show = progress.line(_Config(SimpleNamespace(get_plugin=lambda name: reporter if name == "terminalreporter" else None)), "cell")
    assert show(1, 1, 0.5) is None
