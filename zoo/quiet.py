"""Keras without TensorFlow's greeting."""

import os


def import_keras():
    """Import Keras and its backend without TensorFlow's greeting, which no variable silences."""
    spoken, silence = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(spoken, 2)
        os.close(spoken)
        os.close(silence)
