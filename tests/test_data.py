"""The facts known about published data sets and samples, compared with what the loaders read.

``contracts.toml`` holds, for each data set, published facts and the facts of data that was read, by fingerprint
(``pytest --update-goldens`` adds those of other data). Arrays are compared with those of independent code.
"""

import functools
import gzip
import hashlib
import io
import json
import tarfile
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

import loaders
from loaders import user

pytestmark = pytest.mark.quick
CONTRACTS = Path(__file__).with_name("contracts.toml")


@functools.lru_cache(maxsize=1)
def official(name, root):
    """The data set; where it is missing, the test is skipped with the reason."""
    try:
        return loaders.load(name, root, download=False)
    except loaders.DataMissing as missing:
        pytest.skip(str(missing))


def facts(data):
    """Facts that identify a data set: dict of plain values."""
    images = {"train": data.x_train, "test": data.x_test}
    hashes = {part: [hash(image.tobytes()) for image in images[part]] for part in images}  # of 64 bits
    counts = sum(_counts(data.x_train[start : start + 64]) for start in range(0, len(data.x_train), 64))
    means = [float(count @ np.arange(256) / count.sum()) for count in counts]
    return {
        "kind": data.kind,
        "shape": list(data.x_train.shape[1:]),
        "train": np.bincount(data.y_train, minlength=len(data.classes)).tolist(),
        "test": np.bincount(data.y_test, minlength=len(data.classes)).tolist(),
        "mean": [round(mean / 255, 6) for mean in means],
        "spread": [
            round(float(count @ (np.arange(256) - mean) ** 2 / count.sum()) ** 0.5 / 255, 6)
            for count, mean in zip(counts, means, strict=True)
        ],
        "range": [int(min(part.min() for part in images.values())), int(max(part.max() for part in images.values()))],
        "repeated": [len(part) - len(set(part)) for part in hashes.values()],  # exact copies of other images
        "shared": len(set(hashes["train"]) & set(hashes["test"])),
        "ends": [hashlib.sha256(part[i].tobytes()).hexdigest()[:16] for part in images.values() for i in (0, -1)],
        "classes": hashlib.sha256("\n".join(data.classes).encode()).hexdigest()[:16],
    }


def _counts(images):
    """How often each value occurs in each channel; of a few images, so that NumPy's int64 copy of them fits the processor's cache."""
    return np.stack([np.bincount(images[..., channel].ravel(), minlength=256) for channel in range(images.shape[3])])


def written(contracts):
    head = "# Of each data set: what is published of it, and facts of data that was at hand, by its fingerprint.\n"
    return head + "".join(
        f"\n[{name}.{key}]\n" + "".join(f"{fact} = {json.dumps(value)}\n" for fact, value in table.items())
        for name, tables in contracts.items()
        for key, table in tables.items()
    )


@pytest.mark.parametrize("name", loaders.names())
def test_a_data_set_has_its_known_facts(name, data_root, update):
    data = official(name, data_root)
    contracts = tomllib.loads(CONTRACTS.read_text())
    known, now = contracts.get(name, {}), facts(data)
    if update and known.get(data.fingerprint) != now:
        contracts.setdefault(name, {})[data.fingerprint] = now
        update(CONTRACTS, written(contracts))
    if data.kind == "canonical":
        for fact, value in known.get("published", {}).items():
            assert value == pytest.approx(now[fact], abs=6e-5 if fact in ("mean", "spread") else 0), fact
    if data.fingerprint not in known and (data.kind == "sample" or not known):
        pytest.skip(f"contracts.toml has no facts of this {name}, {data.fingerprint}; pytest --update-goldens adds them")
    assert "published" in known or known[data.fingerprint] == now
    assert known.get(data.fingerprint, now) == now


@pytest.mark.parametrize("name", loaders.names())
def test_known_counts_of_images_are_those_of_the_loader(name):
    known = tomllib.loads(CONTRACTS.read_text()).get(name)
    if not known:
        pytest.skip(f"contracts.toml has no facts of {name}; add [{name}.published] to check its counts of images")
    source = getattr(loaders.module(name), "SOURCES", {}).get(name)
    if source:
        assert source.counts == (sum(known["published"]["train"]), sum(known["published"]["test"]))
    for contract in known.values():
        assert contract.get("kind") != "canonical" or all(
            contract[fact] == value for fact, value in known.get("published", {}).items() if fact not in ("mean", "spread")
        )


def _idx(folder):
    for name, skip in ("train-images-idx3", 16), ("train-labels-idx1", 8), ("t10k-images-idx3", 16), ("t10k-labels-idx1", 8):
        content = np.frombuffer(gzip.decompress((folder / f"{name}-ubyte.gz").read_bytes())[skip:], "uint8")
        yield content.reshape(-1, 28, 28, 1) if skip == 16 else content


def _cifar10(folder):
    with tarfile.open(folder / "cifar-10-binary.tar.gz") as archive:
        batches = {member.name[21:]: archive.extractfile(member).read() for member in archive if member.name.endswith(".bin")}
    names = [f"data_batch_{number}.bin" for number in (1, 2, 3, 4, 5)]
    for content in b"".join(batches[name] for name in names), batches["test_batch.bin"]:
        planes = np.frombuffer(content, "uint8").reshape(-1, 3073)
        yield np.stack([planes[:, 1 + 1024 * plane :][:, :1024].reshape(-1, 32, 32) for plane in range(3)], axis=-1)
        yield planes[:, 0]


def _svhn(folder):
    from scipy.io import loadmat

    for name in "train", "test":
        content = loadmat(folder / f"{name}_32x32.mat")
        yield content["X"].transpose((3, 0, 1, 2))  # as in the afif study's listing
        yield np.where(content["y"][:, 0] == 10, 0, content["y"][:, 0])


READINGS = {"mnist": _idx, "fashion_mnist": _idx, "cifar10": _cifar10, "svhn": _svhn}


@pytest.mark.parametrize("name", READINGS)
def test_arrays_are_those_that_independent_code_reads(name, data_root):
    data = official(name, data_root)
    for expected, ours in zip(READINGS[name](data_root / name), data[:4], strict=True):
        assert expected.shape == ours.shape
        assert (expected[::7] == ours[::7]).all()


def test_tiny_imagenet_is_what_independent_code_reads(data_root):
    tensorflow = pytest.importorskip("tensorflow", reason="compared with TensorFlow's JPEG decoder")
    data = official("tiny_imagenet", data_root)
    with zipfile.ZipFile(data_root / "tiny_imagenet" / "tiny-imagenet-200.zip") as archive:
        names = sorted(
            name for name in archive.namelist() if "/train/" in name and name.endswith(".JPEG")
        )  # as flow_from_directory has them
        lines = [line.split() for line in archive.read("tiny-imagenet-200/val/val_annotations.txt").decode().splitlines()]
        wnids = sorted(archive.read("tiny-imagenet-200/wnids.txt").decode().split())
        val = [f"tiny-imagenet-200/val/images/{line[0]}" for line in lines]
        for files, images, stride in (names, data.x_train, 40), (val, data.x_test, 10):
            assert len(files) == len(images)
            for i in range(0, len(files), stride):
                pixels = tensorflow.io.decode_jpeg(archive.read(files[i]), channels=3, dct_method="INTEGER_ACCURATE").numpy()
                assert (pixels == images[i]).all(), files[i]
    assert [wnids.index(name.split("/")[2]) for name in names] == data.y_train.tolist()
    assert [wnids.index(line[1]) for line in lines] == data.y_test.tolist()


def test_class_numbers_of_the_imagenet32_study_are_tiny_imagenets_labels(data_root):
    classes = official("tiny_imagenet", data_root).classes
    assert ("n03617480 kimono", "n02669723 academic gown, academic robe, judge's robe") == (classes[112], classes[60])


@pytest.mark.parametrize(("name", "seconds"), [("mnist", 0.1), ("cifar10", 0.5)])
def test_a_cached_data_set_is_ready_at_once(name, seconds, data_root):
    official(name, data_root)
    try:
        (folder := user.cache_folder()).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, user.PathError) as error:
        pytest.skip(f"this user cannot keep anything in a cache: {error}")
    taken = []
    for _ in range(5):
        start = time.process_time()  # of this process: other processes must not count
        loaders.load(name, data_root, download=False)
        taken.append(time.process_time() - start)
        if taken[-1] <= seconds:
            break
    assert min(taken) <= seconds, taken


def test_the_picture_of_a_data_set_shows_its_images(data_root):
    from PIL import Image

    from loaders.__main__ import picture

    data = official("mnist", data_root)
    buffer = io.BytesIO()
    picture(data).save(buffer, "PNG")
    sheet = np.asarray(Image.open(buffer))
    first = data.x_train[np.flatnonzero(data.y_train == 9)[0], ..., 0]
    left = sheet.shape[1] - 10 * 30
    assert (sheet[9 * 30 + 1 : 9 * 30 + 29, left : left + 28, 0] == first).all()
