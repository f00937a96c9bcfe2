"""The handwritten digits that come with scikit-learn: 1,797 images, without a download.

8x8 pixels of 17 grey levels become MNIST's 28x28: each pixel 3x3, a black border of two. The last
360 are the test images, since most of their writers wrote none of the first 1,437.
"""

import numpy as np

TEST = 360
CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def make(name):
    """The four arrays, images uint8 (N, 28, 28, 1), labels int32 (N,); the class names; and where they come from."""
    import sklearn
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    grey = np.rint(small.reshape(-1, 8, 8) * (255 / 16)).astype("uint8")
    images = np.pad(np.kron(grey, np.ones((1, 3, 3), "uint8")), ((0, 0), (2, 2), (2, 2)))[..., None]
    labels = labels.astype("int32")
    return (images[:-TEST], labels[:-TEST], images[-TEST:], labels[-TEST:]), CLASSES, {"scikit-learn": sklearn.__version__}
