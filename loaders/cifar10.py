"""CIFAR-10 from its official binary archive (https://www.cs.toronto.edu/~kriz/cifar.html).

Six members of 10,000 records each: a byte of label, then 32x32 bytes of red, of green and of blue, row by
row. The archive is read as a stream, and nothing is unpacked to disk.
"""

import gzip
import tarfile
import zlib

import numpy as np

from loaders.files import DataError, File, Source, member_name

RECORDS = 10_000  # in a member
RECORD = 1 + 3 * 32 * 32  # bytes
MEMBERS = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
MOST = 6 * RECORDS * RECORD + (1 << 20)  # bytes that the archive may unpack to
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class _Limited:
    """A stream that raises DataError once more than ``left`` bytes have been read."""

    def __init__(self, stream, left, path):
        self.stream, self.left, self.path = stream, left, path

    def read(self, size):
        block = self.stream.read(size)
        self.left -= len(block)
        if self.left < 0:
            raise DataError(f"{self.path}: unpacks to more than CIFAR-10 has ({MOST} bytes)")
        return block


def load(path):
    """The four arrays: images uint8 (N, 32, 32, 3), labels int32 (N,), in the order of the members.

    Raises:
        DataError: the archive is damaged, lacks a member, or holds what it should not.
    """
    images = np.empty((6 * RECORDS, 32, 32, 3), "uint8")  # memory is taken as it is written to
    labels = np.empty(6 * RECORDS, "int32")
    counts = [0] * 6
    try:
        with gzip.open(path) as unzipped:
            stream = _Limited(unzipped, MOST, path)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    index = _index(path, member)
                    if index is None:
                        continue
                    if counts[index]:
                        raise DataError(f"{path}: {member.name} is in it twice")
                    counts[index] = member.size // RECORD
                    _records(path, archive, member, images[index * RECORDS :], labels[index * RECORDS :])
            while stream.read(1 << 20):  # to the end, where gzip's own checksum is
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path}: not a whole gzipped tar archive ({error})") from error
    for name, count in zip(MEMBERS, counts, strict=True):
        if not count:
            raise DataError(f"{path}: {name} is not in it, or empty")
    end = 0
    for start, count in zip(range(0, 5 * RECORDS, RECORDS), counts, strict=False):
        if end != start:  # the archive is a sample, whose members may have fewer records
            images[end : end + count], labels[end : end + count] = images[start : start + count], labels[start : start + count]
        end += count
    test = slice(5 * RECORDS, 5 * RECORDS + counts[5])
    return images[:end], labels[:end], images[test], labels[test]


def _index(path, member):
    """Which of ``MEMBERS`` a tar member is, or None; DataError for one that is unsafe or of a wrong size."""
    name = member_name(member.name)
    if name is None or not (member.isfile() or member.isdir()):
        raise DataError(f"{path}: member {member.name!r} points out of the archive, or is a link, which CIFAR-10's archive never has")
    name = name.rpartition("/")[2]  # in whichever folder, since people pack archives anew
    if name not in MEMBERS:
        return None
    if member.size % RECORD or member.size > RECORDS * RECORD:
        raise DataError(f"{path}: {member.name} has {member.size} bytes, not {RECORDS} records of {RECORD}, or fewer")
    return MEMBERS.index(name)


def _records(path, archive, member, images, labels):
    """Read the records of one member into the arrays, a hundred at a time."""
    content = archive.extractfile(member)
    for start in range(0, member.size // RECORD, 100):
        block = content.read(100 * RECORD)
        if len(block) % RECORD:
            raise DataError(f"{path}: {member.name} is cut short")
        records = np.frombuffer(block, "uint8").reshape(-1, RECORD)
        labels[start : start + len(records)] = records[:, 0]
        images[start : start + len(records)] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


SOURCES = {
    "cifar10": Source(
        (
            File(
                "cifar10/cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                pickled=("cifar-10-python.tar.gz", "cifar-10-batches-py", "cifar-10-batches-py-target"),
            ),
        ),
        load,
        (32, 32, 3),
        (50_000, 10_000),
        CLASSES,
    )
}
