"""Fixtures that several of the loaders' tests use."""

import hashlib
import threading
from http.server import ThreadingHTTPServer

import pytest

from loaders import cifar10, download, tiny_imagenet
from tests.self.loaders import data_writers
from tests.self.loaders.server import CONTENT, Handler


@pytest.fixture
def three_classes(monkeypatch):
    """Tiny ImageNet is expected to have the few classes that ``data_writers`` writes."""
    monkeypatch.setattr(tiny_imagenet, "CLASSES", len(data_writers.WNIDS))


@pytest.fixture
def root(tmp_path):
    """A data directory with a small MNIST, listed in SHA256SUMS."""
    (tmp_path / "data").mkdir()
    return data_writers.written(tmp_path / "data", "mnist")


@pytest.fixture
def server(monkeypatch):
    """A server of ``server.content`` that behaves as ``server.acts`` says, and lists in ``server.requests`` each request's Range."""
    monkeypatch.setattr(download, "PAUSE", 0.001)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.requests, serving.acts, serving.content, serving.handle_error = [], ["serve"], CONTENT, lambda *args: None
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def offered(server, tmp_path, monkeypatch):
    """An empty data directory, and a server that has CIFAR-10, published with six training and four test images."""
    data_writers.write_cifar10(tmp_path, *data_writers.small("cifar10"))
    server.content = (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").read_bytes()
    source, address = cifar10.SOURCES["cifar10"], f"http://127.0.0.1:{server.server_port}/x"
    file = source.files[0]._replace(sum=hashlib.md5(server.content).hexdigest(), address=address)
    monkeypatch.setitem(cifar10.SOURCES, "cifar10", source._replace(files=(file,), counts=(6, 4)))
    (tmp_path / "new").mkdir()
    return tmp_path / "new"
