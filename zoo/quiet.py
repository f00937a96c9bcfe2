"""Import Keras without the lines that TensorFlow prints when it is imported."""

import os


def import_keras():
    """Import Keras and its backend with stderr closed: no environment variable turns TensorFlow's lines off."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
