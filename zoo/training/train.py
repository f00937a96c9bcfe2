"""Train one network by one recipe, and time its epochs.

An epoch is a few calls of a compiled program; the backend's own file defines it. Tracing
and compiling happen outside the clock, on a few batches whose effect is undone; the device is drained
before the clock is read; training and evaluation are timed apart.
"""

import math
import time
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

import zoo
from zoo.cost import cost
from zoo.training import device, feed, recipes, transfer
from zoo.training.state import ANY_EPOCH, EPOCHS, Epoch, Scores, Setup, Sums, prepare

LONGEST = 5.0  # seconds that a call of a program should last at most


def train(setup, progress=None, keep=None):
    """Train a network and return its accuracy, losses and times.

    Args:
        setup: Setup.
        progress: called after each epoch with (epoch from 1, epochs, accuracy on the watched images); the
            training ends with an epoch for which it returns true.
        keep: called at the end with the trained keras.Model from uint8 images of the data set's size to
            probabilities.

    Returns:
        dict of plain numbers: see ``result``.

    Raises:
        ValueError: the recipe cannot be followed with this network and data.
        zoo.WeightsMissing: pretrained weights cannot be fetched.
    """
    device.reset_peak()
    keras.utils.set_random_seed(setup.seed)
    state, epochs, total = prepare(setup), [], setup.recipe["epochs"]
    phases = {phase.first: phase for phase in recipes.phases(setup.recipe)}
    callbacks = keras.callbacks.CallbackList(recipes.callbacks(setup.recipe), model=state.trainer)
    callbacks.on_train_begin()
    for index in range(total):
        if index in phases:
            begin(state, phases[index])
        epochs.append(train_epoch(state, index))
        ended = progress and progress(index + 1, total, epochs[-1].watched.accuracy)
        if not math.isfinite(epochs[-1].loss):
            break
        callbacks.on_epoch_end(index, epochs[-1].logs())
        if ended or state.trainer.stop_training:
            break
    callbacks.on_train_end()  # may restore the weights of an earlier epoch
    final = epochs[-1].watched
    if state.watched is not state.tested or "stopping" in setup.recipe:
        final = evaluate(state, state.tested)
    if keep:  # without augmentation
        keep(recipes.trainer(state.network, setup.recipe, state.fitted.arrays[0], augmented=False))
    return result(state, epochs, final)


def begin(state, phase):
    """Begin a phase: choose the layers to train, make the optimizer and the programs, and compile them."""
    start = time.perf_counter()
    transfer.set_trainable(state.network, phase.trained, state.setup.family)
    optimizer = recipes.optimizer(phase.optimizer, state.steps * phase.epochs)
    state.trainer.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(state.trainer.trainable_variables)
    state.phase = phase
    state.train, state.evaluate = state.backend.programs(state.trainer, optimizer, state.setup.recipe["batch"])
    warm_up(state, state.trainer.variables + optimizer.variables)
    device.drain()
    state.compile_seconds += time.perf_counter() - start


def warm_up(state, variables):
    """Compile the phase's programs on a batch of each size, measure a step, and give the variables their values back."""
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    state.longest = 2
    for _ in range(2):  # the second time with everything compiled
        start = time.perf_counter()
        order, last = state.backend.order(state.setup.seed, 0, state.fitted.count), state.fitted.batches
        go_through(state, state.train, state.fitted, [(order, max(last - 2, 0), last)])
        step_seconds = (time.perf_counter() - start) / 2
        for split in [state.tested] if state.watched is state.tested else [state.watched, state.tested]:
            go_through(state, state.evaluate, split, [(split.in_order, max(split.batches - 2, 0), split.batches)])
        device.drain()
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    state.longest = max(1, int(LONGEST / step_seconds))


def train_epoch(state, index):
    """Train one epoch and evaluate the watched images, each timed: an Epoch."""
    if (rate := recipes.rate(state.phase.optimizer, index)) is not None:
        state.trainer.optimizer.learning_rate = rate
    rate = float(keras.ops.convert_to_numpy(state.trainer.optimizer.learning_rate))
    fitted, batch = state.fitted, state.setup.recipe["batch"]
    passes = feed.visits(index, state.steps, fitted.batches)
    images = sum(min(end * batch, fitted.count) - first * batch for _, first, end in passes)

    def go():
        orders = [(state.backend.order(state.setup.seed, number, fitted.count), first, end) for number, first, end in passes]
        return go_through(state, state.train, fitted, orders)

    sums, train_seconds = timed(go)
    watched, eval_seconds = timed(evaluate, state, state.watched)
    return Epoch(
        learning_rate=rate,
        loss=sums.loss / images,
        accuracy=sums.right / images,
        watched=watched,
        images=images,
        train_seconds=train_seconds,
        eval_seconds=eval_seconds,
        host_seconds=max(0.0, train_seconds - sums.seconds),
        calls=sums.calls,
    )


def timed(function, *args):
    """What a function returns, and its seconds; the device is drained before each reading of the clock."""
    device.drain()
    start = time.perf_counter()
    value = function(*args)
    device.drain()
    return value, time.perf_counter() - start


def evaluate(state, split):
    """The Scores of the network on a split's images."""
    sums = go_through(state, state.evaluate, split, [(split.in_order, 0, split.batches)])
    return Scores(sums.loss / split.count, sums.right / split.count, sums.answers)


def go_through(state, program, split, ranges):
    """The Sums of a program over ranges of batches of a split: see ``feed.stretches``."""
    sums, seconds, calls = (np.float32(0), np.int32(0)), 0.0, 0
    if program is state.evaluate:
        sums += (np.zeros(state.trainer.output_shape[-1], "int32"),)
    for stretch in feed.stretches(split, state.setup.recipe["batch"], state.longest, ranges, state.backend.put):
        start = time.perf_counter()
        sums = program(stretch, sums)
        seconds += time.perf_counter() - start
        calls += 1
    start = time.perf_counter()
    loss, right, *answers = (keras.ops.convert_to_numpy(each) for each in sums)
    seconds += time.perf_counter() - start
    return Sums(float(loss), int(right), answers[0].tolist() if answers else [], seconds, calls)


def result(state, epochs, final):
    """What ``train`` returns.

    Args:
        state: State, at the end.
        epochs: list of Epoch.
        final: Scores of the test images.

    Returns:
        dict of plain numbers: history (loss and accuracy by epoch on the training images, and as
        validation_* on the held-out images, or test_* where nothing is held out, and the learning rate), accuracy
        and loss on the test images at the end, train_seconds, eval_seconds and host_seconds by epoch, compile_seconds,
        epoch_images, images_per_second of the fastest epoch, macs of one image's forward pass, parameters, peak_memory
        in bytes; loop, how an epoch is computed; resident, whether the images stay on the device; calls, calls of the
        program in an epoch; divergence, what went wrong, or None.
    """
    logs = [epoch.logs("test_" if state.watched is state.tested else "validation_") for epoch in epochs]
    costs = cost(state.network)
    return {
        "accuracy": final.accuracy,
        "loss": final.loss,
        "history": {name: [each[name] for each in logs] for name in logs[0]},
        "train_seconds": [epoch.train_seconds for epoch in epochs],
        "eval_seconds": [epoch.eval_seconds for epoch in epochs],
        "host_seconds": [epoch.host_seconds for epoch in epochs],
        "compile_seconds": state.compile_seconds,
        "images_per_second": max(epoch.images / epoch.train_seconds for epoch in epochs),
        "epoch_images": [epoch.images for epoch in epochs],
        "macs": costs.macs,
        "loop": state.backend.LOOP,
        "resident": state.fitted.resident is not None,
        "calls": epochs[-1].calls,
        "divergence": divergence(epochs, final),
        "parameters": {
            "total": costs.parameters,
            "trainable": costs.trainable,
            "non_trainable": costs.parameters - costs.trainable,
        },
        "peak_memory": device.peak_bytes(),
    }


def divergence(epochs, final):
    """What went wrong with a training, as text, or None: an accuracy alone would hide it."""
    for number, epoch in enumerate(epochs, 1):
        if not math.isfinite(epoch.loss):
            return f"the loss is NaN or infinite from epoch {number} on"
    if not math.isfinite(final.loss):
        return "the loss on the test images is NaN or infinite"
    if len(final.answers) > 1 and max(final.answers) == sum(final.answers) > 1:
        return f"every test image is taken for class {final.answers.index(max(final.answers))}"
    return None


def prepared(network, data, recipe, seed, family=None):
    """A function that trains one more epoch of the recipe's first phase, as ``train`` would, and returns (seconds, mean loss).

    Args and errors are those of ``Setup`` and ``train``, with a built keras.Model in place of the function that builds it.
    """
    state, epochs = prepare(Setup(lambda: network, data, recipe, seed, family)), []
    begin(state, recipes.phases(recipe)[0])

    def epoch():
        epochs.append(train_epoch(state, len(epochs)))
        return epochs[-1].train_seconds, epochs[-1].loss

    return epoch


def sources(recipe, model):
    """The files that decide what a training does, apart from its network and its data: part -> list of Path.

    Args:
        recipe: a recipe's table.
        model: name of a model of the zoo.
    """
    names = ["zoo.training.train", "zoo.training.state", "zoo.training.feed", EPOCHS.get(device.backend(), ANY_EPOCH)]
    if "search" in recipe:
        names += ["zoo.training.search", "zoo.searched_cnn"]
    if {"pretrained", "phases"} & recipe.keys():
        names += ["zoo.training.transfer", zoo.module(model).__name__]
    parts = {"recipes": ["zoo.training.recipes"], "training": names}
    return {part: [Path(find_spec(name).origin) for name in names] for part, names in parts.items()}
