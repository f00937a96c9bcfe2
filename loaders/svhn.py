"""SVHN's cropped digits, format 2, from its .mat files (http://ufldl.stanford.edu/housenumbers).

X is 32x32x3xN, y Nx1 with the digit zero as label 10. There are four sets: the published split, the same with
the extra digits added to the training images, and of each the balanced subsample of the afif study: 6,000
training images a class, drawn without replacement, or all where there are fewer.
"""

import functools

import numpy as np

from loaders.files import DataError, File, Source

MOST = 531_131  # digits in the largest file
EACH = 6_000  # training images a class of the balanced subsample


def read(path):
    """Images uint8 (N, 32, 32, 3) and labels int32 (N,), 0 to 9, of one file.

    Raises:
        DataError: the file is damaged, or not of format 2.
    """
    from scipy.io import loadmat, whosmat

    try:
        found = {name: (shape, kind) for name, shape, kind in whosmat(path, appendmat=False)}
        shape, kind = found.get("X", ((), ""))
        labels = found.get("y", ((), ""))[0]
        if len(shape) != 4 or shape[:3] != (32, 32, 3) or kind != "uint8" or not 0 < shape[3] <= MOST or labels != (shape[3], 1):
            raise DataError(f"{path}: holds {found}, not X of (32, 32, 3, N) uint8 and y of (N, 1)")
        content = loadmat(path, appendmat=False, variable_names=("X", "y"))
    except DataError:
        raise
    except Exception as error:  # scipy may raise anything for a damaged file
        raise DataError(f"{path}: not a whole MATLAB 5 file ({type(error).__name__}: {error})") from error
    images, labels = content["X"], content["y"][:, 0]
    if not set(np.unique(labels).tolist()) <= set(range(1, 11)):
        raise DataError(f"{path}: labels {np.unique(labels)[:12].tolist()}, not 1 to 10")
    images = images.transpose(3, 2, 1, 0)  # as it lies in memory, so that what follows can be done in place
    images = np.ascontiguousarray(images).reshape(-1, 3 * 32 * 32)
    for start in range(0, len(images), 100):
        block = images[start : start + 100]
        block[:] = block.reshape(-1, 3, 32, 32).transpose(0, 3, 2, 1).reshape(block.shape)
    return images.reshape(-1, 32, 32, 3), labels.astype("int32") % 10


def load(train, test, extra=None, balanced=False):
    """The four arrays, from the files' paths."""
    images, labels = read(train)
    if extra:
        more = read(extra)
        images, labels = np.concatenate([images, more[0]]), np.concatenate([labels, more[1]])
    if balanced:
        drawn = subsample(labels)
        images, labels = images[drawn], labels[drawn]
    return images, labels, *read(test)


def subsample(labels, each=EACH):
    """Indices of the study's subsample, class by class; the study's seed is unknown, this one is 0.

    Args:
        labels: integers (N,), 0 to 9.
        each: images a class; of a class with fewer, all.
    """
    random = np.random.RandomState(0)  # whose numbers never change, unlike a Generator's
    classes = [np.flatnonzero(labels == digit) for digit in range(10)]
    return np.concatenate([random.choice(members, min(each, len(members)), replace=False) for members in classes])


def _file(name, md5):
    return File(f"svhn/{name}", md5, f"http://ufldl.stanford.edu/housenumbers/{name}")


def _source(files, training, **how):
    return Source(files, functools.partial(load, **how), (32, 32, 3), (training, 26_032), tuple("0123456789"))


_SPLIT = (
    _file("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    _file("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
)
_ALL = (*_SPLIT, _file("extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"))

SOURCES = {
    "svhn": _source(_SPLIT, 73_257),
    "svhn_balanced": _source(_SPLIT, 55_974, balanced=True),
    "svhn_extra": _source(_ALL, 604_388),
    "svhn_extra_balanced": _source(_ALL, 60_000, balanced=True),
}
