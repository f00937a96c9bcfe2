"""Made-up images of any size and number, for timing and for tests.

A class is a coarse random pattern of 4x4 tiles, an image its class's pattern plus noise. This is so easy to
learn that a network that does not learn it is broken. The pixels follow from the name alone and never change.
"""

import re

import numpy as np

SIZES = re.compile(r"synthetic_([1-9]\d*)x([1-9]\d*)x([1-9]\d*)_([1-9]\d*)_([1-9]\d*)_([1-9]\d*)", re.ASCII)
FORM = "synthetic_HEIGHTxWIDTHxCHANNELS_CLASSES_TRAIN_TEST, as synthetic_64x64x3_200_4096_512"
DEFAULT = "synthetic_32x32x3_10_1024_256"


def make(name):
    """The four arrays, images uint8 (N, height, width, channels), labels int32 (N,); the class names; and no files.

    Args:
        name: 'synthetic', which is ``DEFAULT``, or a name of the form ``FORM``.
    """
    height, width, channels, classes, train, test = map(int, SIZES.fullmatch(DEFAULT if name == "synthetic" else name).groups())
    random = np.random.RandomState(0)  # whose numbers never change, unlike a Generator's
    tiles = random.randint(0, 192, (classes, 4, 4, channels)).astype("uint8")
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    patterns = tiles[:, rows[:, None], columns]
    arrays = []
    for count in train, test:
        labels = (np.arange(count) % classes).astype("int32")
        random.shuffle(labels)
        noise = np.frombuffer(random.bytes(count * height * width * channels), "uint8").reshape(count, height, width, channels)
        images = noise // 4  # 0 to 63, so that the sum stays below 256
        for start in range(0, count, 1000):
            images[start : start + 1000] += patterns[labels[start : start + 1000]]
        arrays += [images, labels]
    return tuple(arrays), tuple(str(label) for label in range(classes)), {}
