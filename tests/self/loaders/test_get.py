"""Missing data sets are fetched and verified, by ``load`` and by ``python -m loaders get``."""

import io
import re

import pytest

import loaders
from loaders import __main__ as command
from loaders import cifar10
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]
ARCHIVE = "cifar10/cifar-10-binary.tar.gz"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_missing_data_set_is_fetched_with_progress_and_read(offered, server):
    server.acts, reported = ["busy", "serve"], []
    with pytest.raises(loaders.DataMissing, match="is not there; run python -m loaders get cifar10 --data-dir=.*, or put the file from"):
        loaders.load("cifar10", offered, download=False)
    data = loaders.load("cifar10", offered, download=lambda *args: reported.append(args))
    assert ("canonical", 6) == (data.kind, len(data.x_train))
    assert ("cifar-10-binary.tar.gz", len(server.content), len(server.content)) == reported[-1]


def test_get_fetches_missing_files_and_prints_each_data_set(offered, server, capsys):
    data_writers.written(offered, "mnist")
    for _ in range(2):
        assert 0 == command.main(["get", "mnist", "cifar10", "digits", f"--data-dir={offered}"])
        assert [
            f"mnist: sample, 6 of 60000 training and 4 of 10000 test images, {offered / 'mnist'}",
            f"cifar10: canonical, 6 training and 4 test images, {offered / 'cifar10'}",
            "digits: canonical, 1437 training and 360 test images, needs no file",
        ] == capsys.readouterr().out.splitlines()
    assert ([None], server.content) == (server.requests, (offered / ARCHIVE).read_bytes())


def test_get_fails_but_goes_on_after_a_failed_download(offered, server, capsys):
    server.acts = ["gone"]
    assert 1 == command.main(["get", "cifar10", "synthetic", f"--data-dir={offered}"])
    output = capsys.readouterr()
    assert "synthetic: canonical, 1024 training and 256 test images, needs no file" == output.out.strip()
    assert re.fullmatch(
        rf"cifar10: {offered / ARCHIVE} is not there; fetching \S+ failed: Not Found; put the file from \S+ \(md5 \w+\) there, or name .*",
        output.err.strip(),
    )


def test_get_fetches_nothing_if_a_name_is_unknown(offered, server, capsys):
    assert 1 == command.main([f"--data-dir={offered}", "get", "cifar10", "mnits"])
    assert "unknown data set 'mnits'; known: mnist, fashion_mnist" in capsys.readouterr().err.splitlines()[-1]
    assert [] == server.requests == list(offered.iterdir())


def test_get_names_the_next_step_for_a_damaged_file_and_it_works(offered, capsys):
    (offered / "cifar10").mkdir()
    (offered / ARCHIVE).write_bytes(b"damaged")
    options = ["get", "cifar10", f"--data-dir={offered}"]
    assert 1 == command.main(options)
    step = f"; delete it and run python -m loaders {' '.join(options)}, or put the file from {cifar10.SOURCES['cifar10'].files[0].address} there"
    assert step in capsys.readouterr().err
    (offered / ARCHIVE).unlink()
    assert 0 == command.main(options)


def test_the_overview_has_the_command_for_missing_data(offered, capsys):
    data_writers.written(offered, "mnist")
    command.main([f"--data-dir={offered}"])
    missing = " ".join(name for name in loaders.names() if name != "mnist" and hasattr(loaders.module(name), "SOURCES"))
    assert missing.startswith("fashion_mnist cifar10 svhn ")
    assert f"to download what is missing: python -m loaders get {missing} --data-dir={offered}" == capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(("stream", "pause"), [(Terminal, command.REWRITTEN), (io.StringIO, command.EVERY)], ids=["terminal", "file"])
def test_progress_is_one_line_on_a_terminal_and_a_line_a_minute_elsewhere(monkeypatch, stream, pause):
    now = [1000.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: now[0])
    out = stream()
    progress = command._progress(out)
    for count in range(0, 11):
        now[0] += 0.4 * pause
        progress("x.gz", count * 1_000_000, 10_000_000)
    progress("y.gz", 1_000_000, None)
    expected = {
        "terminal": ["x.gz: 0 MB of 10 MB", "x.gz: 3 MB of 10 MB", "x.gz: 6 MB of 10 MB", "x.gz: 9 MB of 10 MB", "x.gz: 10 MB of 10 MB"],
        "file": ["x.gz: 2 MB of 10 MB", "x.gz: 5 MB of 10 MB", "x.gz: 8 MB of 10 MB"],
    }["terminal" if out.isatty() else "file"]
    assert expected == re.findall(r".\.gz: .*? of \d+ MB", out.getvalue())
    assert (1 if out.isatty() else len(expected)) == out.getvalue().count("\n")
