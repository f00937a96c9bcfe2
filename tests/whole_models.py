"""What a model does that no small network stands for, as numbers: the model itself, small and with few classes."""

import math
import time
import warnings

import numpy as np
import pytest

import zoo
from tests import golden_numbers, small_networks
from tests.golden_files import TOLERANCE, apart, float64

SMALLEST = 17  # pixels a side; with fewer, many a map is one pixel, and a sequence one patch
LIMIT = 20  # seconds of processor time, which other processes do not lengthen; what takes longer is left out
AGREED = TOLERANCE / 4  # between float32 and float64, which leaves room for another backend


def names():
    """The models that have no small networks: those of the project, and what somebody has added to the suite."""
    return [name for name in zoo.names() if not small_networks.stand_for(name)]


def side(name):
    """Pixels a side of the images: the least size that a model takes, or what multiple of it is not too small."""
    least = small_networks.least(name)
    return least * math.ceil(SMALLEST / least)


def examine(name, steps=golden_numbers.STEPS, limit=math.inf, like=()):
    """Build a model for small images, give it its weights, let it answer and train.

    Args:
        steps: of training; of one step, only the loss is computed.
        limit: seconds of processor time; what takes longer until the first loss is not trained.
        like: losses; training ends with the first loss that is another one.

    Returns:
        (key -> list of float, seconds of processor time until the first loss, and in all). The keys are outputs,
        regularisation, losses and, of several steps, trained.
    """
    import keras

    shape = (side(name), side(name), zoo.models()[name].shape[2])
    began = time.process_time()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so small an input
        golden_numbers.draw_by_a_pattern(patch)
        model = zoo.build(name, shape, small_networks.CLASSES)
        golden_numbers.weigh(model)
        weights, (images, labels) = model.get_weights(), golden_numbers.batch(model, 0)
        once = {"run_eagerly": keras.backend.backend() == "tensorflow"}  # which traces for longer than it computes
        golden_numbers.compile_plain(model, **once)
        numbers = {"outputs": model.predict_on_batch(images), "regularisation": [float(sum(model.losses))]}
        trained_on = _in_training(model)
        trained_on.compile(**once)
        loss = keras.losses.sparse_categorical_crossentropy(labels, trained_on.predict_on_batch(images))
        numbers["losses"] = [float(np.mean(keras.ops.convert_to_numpy(loss))) + numbers["regularisation"][0]]
        first = time.process_time() - began
        if steps > 1 and first <= limit:
            model.set_weights(weights)  # answering in training has moved the statistics of normalisation
            numbers["losses"] = _losses(model, images, labels, steps, like)
            if len(numbers["losses"]) == steps:
                numbers["trained"] = model.predict_on_batch(images)
    return {key: np.ravel(values).tolist() for key, values in numbers.items()}, first, time.process_time() - began


def _losses(model, images, labels, steps, like):
    """The loss before each step of training, up to the first that is another one than in ``like``, unless that is empty."""
    found = []
    for loss in golden_numbers.losses(model, images, labels, steps):
        found.append(loss)
        if like and apart(like[: len(found)], found) > AGREED:
            break
    return found


def _in_training(model):
    """A model that answers as another does in training."""
    import keras

    class InTraining(keras.Layer):
        def __init__(self):
            super().__init__()
            self.model = model

        def call(self, images):
            return self.model(images, training=True)

    images = keras.Input(model.input_shape[1:])
    return keras.Model(images, InTraining()(images))


def golden(name):
    """What the golden of a model has to hold: its numbers in float64, as far as float32 agrees, or why they are left out."""
    if small_networks.least(name) is None:
        return {"left_out": f"takes no square input of up to {zoo.LARGEST_SEARCHED} pixels a side"}
    single, first, seconds = examine(name, limit=LIMIT)
    if first > LIMIT:
        return {"left_out": f"takes {first:.0f} s of processor time"}
    with float64():
        exact, *_ = examine(name, golden_numbers.STEPS if seconds <= LIMIT else 1, like=single["losses"])
    away = {key: apart(exact[key], single[key]) for key in ("outputs", "regularisation")}
    away["losses"] = apart(exact["losses"][:1], single["losses"][:1])
    for key, share in away.items():
        if share > AGREED:
            return {"left_out": f"float32 and float64 differ in {key} by {share:.1g} of the largest"}
    if any(apart(exact.get(key, []), single.get(key, [np.inf])) > AGREED for key in ("losses", "trained")):
        exact = {key: numbers for key, numbers in exact.items() if key != "trained"} | {"losses": exact["losses"][:1]}
    return exact
