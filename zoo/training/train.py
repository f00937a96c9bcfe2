"""Train one network by one recipe, and stop the clock honestly.

An epoch is a few calls of a compiled program; what it is made of stands in the backend's own file. Tracing
and compiling happen outside the clock, on a few batches whose effect is undone; the device is drained
before the clock is read; training and evaluation are timed apart.
"""

import math
import time
from importlib import import_module
from types import SimpleNamespace

import keras
import numpy as np

from zoo.cost import cost
from zoo.training import device, feed, recipes

EPOCHS = {"tensorflow": "zoo.training.epoch_tensorflow", "jax": "zoo.training.epoch_jax"}  # any other backend: zoo.training.epoch_fit
LONGEST = 5.0  # seconds that a call of a program should last at most


def train(model, data, recipe, seed, progress=None, keep=None):
    """Train a network and return everything that was seen.

    Args:
        model: function without arguments that builds the keras.Model, so that its initial weights
            follow from the seed.
        data: anything with x_train, y_train, x_test, y_test: uint8 images (N, height, width,
            channels) and int32 labels (N,).
        recipe: a recipe's table, as ``recipes.KEYS`` describes it.
        seed: int; the same seed gives the same bits on a CPU.
        progress: called after each epoch with (epoch from 1, epochs, accuracy on the watched images); the
            training ends with an epoch for which it returns true.
        keep: called at the end with the trained keras.Model from uint8 images of the data set's size to
            probabilities.

    Returns:
        dict of plain numbers: history (loss and accuracy by epoch on the training images, and as
        validation_* on the held-out images, or test_* where nothing is held out, and the learning rate), accuracy
        and loss on the test images at the end, train_seconds, eval_seconds and host_seconds (of the training's,
        those between the calls of its programs) by epoch, compile_seconds, epoch_images, images_per_second of the fastest
        epoch, macs of one image's forward pass, parameters, peak_memory in bytes; loop, how an epoch is run; resident, whether
        the images stay on the device; calls, into how many an epoch is cut; divergence, what went wrong, or None.

    Raises:
        ValueError: the recipe cannot be followed with this network and data.
        OSError: pretrained weights are not to be had.
    """
    device.reset_peak()
    keras.utils.set_random_seed(seed)
    network = model()
    run = _prepare(network, data, recipe, seed)
    history = _epochs(run, network, progress)
    if run.watched is not run.tested or "stopping" in recipe:
        run.loss, run.accuracy, run.answered = _evaluate(run, run.tested)
    if keep:
        keep(_without_augmentation(run, network))
    trainable = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    return {
        "accuracy": run.accuracy,
        "loss": run.loss,
        "history": history,
        "train_seconds": run.train_seconds,
        "eval_seconds": run.eval_seconds,
        "host_seconds": run.host_seconds,
        "compile_seconds": run.compile_seconds,
        "images_per_second": max(images / seconds for images, seconds in zip(run.images, run.train_seconds, strict=True)),
        "epoch_images": run.images,
        "macs": cost(network).macs,
        "loop": run.epoch.LOOP,
        "resident": bool(run.fitted.resident),
        "calls": run.calls,
        "divergence": _divergence(run, history),
        "parameters": {
            "total": network.count_params(),
            "trainable": trainable,
            "non_trainable": network.count_params() - trainable,
        },
        "peak_memory": device.peak_bytes(),
    }


def prepared(network, data, recipe, seed):
    """A function without arguments that trains one epoch more, as ``train`` would in the recipe's first phase: (seconds, mean loss).

    Args and errors are those of ``train``, with a built keras.Model in place of the function that builds it.
    """
    run = _prepare(network, data, recipe, seed)
    _, trained, table = recipes.phases(recipe)[0]
    steps = recipes.steps_an_epoch(recipe, run.fitted.images)
    _begin(run, network, trained, table, steps * recipe["epochs"])

    def epoch():
        seen = _timed_epoch(run, len(run.train_seconds), steps)
        return run.train_seconds[-1], seen["loss"]

    return epoch


def _prepare(network, data, recipe, seed):
    """Everything that the epochs need: the model behind its input layers, and the images, on the device where they fit."""
    if recipe.get("pretrained"):
        from zoo import densenet

        densenet.imagenet_weights(network)
    if "l2" in recipe:
        recipes.penalise(network, recipe["l2"])
    epoch = import_module(EPOCHS.get(device.backend(), "zoo.training.epoch_fit"))
    fitted, watched, tested = recipes.fitted_and_watched(recipe, data)
    stay = device.fits(sum(split[0].nbytes for split in (fitted, watched, tested)))

    def split(arrays):
        resident = tuple(map(epoch.put, arrays)) if stay else None
        every = epoch.put(np.arange(len(arrays[1]), dtype="int32"))
        a_pass = math.ceil(len(arrays[1]) / recipe["batch"])
        return SimpleNamespace(arrays=arrays, resident=resident, every=every, batches=a_pass, images=len(arrays[1]))

    run = SimpleNamespace(recipe=recipe, seed=seed, epoch=epoch, fitted=split(fitted), tested=split(tested))
    run.watched = run.tested if watched is tested else split(watched)
    run.trainer = recipes.trainer(network, recipe, fitted[0])
    run.train_seconds, run.eval_seconds, run.host_seconds, run.images = [], [], [], []
    run.compile_seconds, run.longest, run.calls = 0.0, 1, 0
    return run


def _epochs(run, network, progress):
    """Train for the recipe's epochs, or fewer where it stops early or nothing can come of it any more; the history."""
    recipe, trainer = run.recipe, run.trainer
    phases = recipes.phases(recipe)
    steps = recipes.steps_an_epoch(recipe, run.fitted.images)
    callbacks = keras.callbacks.CallbackList(recipes.callbacks(recipe))
    history = {}
    for epoch in range(recipe["epochs"]):
        for place, (start, trained, table) in enumerate(phases):
            if start == epoch:
                end = phases[place + 1][0] if place + 1 < len(phases) else recipe["epochs"]
                _begin(run, network, trained, table, steps * (min(end, recipe["epochs"]) - start))
                rates = table
        if epoch == 0:
            callbacks.set_model(trainer)
            trainer.stop_training = False
            callbacks.on_train_begin()
        if (rate := recipes.rate(rates, epoch)) is not None:
            trainer.optimizer.learning_rate = rate
        seen = {"learning_rate": float(keras.ops.convert_to_numpy(trainer.optimizer.learning_rate))}
        seen |= _timed_epoch(run, epoch, steps)
        seen |= {"val_loss": run.loss, "val_accuracy": run.accuracy}
        for name, value in seen.items():
            watched = "test_" if run.watched is run.tested else "validation_"
            history.setdefault(name.replace("val_", watched), []).append(value)
        ended = progress and progress(epoch + 1, recipe["epochs"], run.accuracy)
        if not math.isfinite(seen["loss"]):
            break
        callbacks.on_epoch_end(epoch, seen)
        if ended or trainer.stop_training:
            break
    callbacks.on_train_end()
    return history


def _begin(run, network, trained, table, steps):
    """Begin a phase: free and freeze layers, make the optimizer and the programs, and compile them."""
    start = time.perf_counter()
    _set_trainable(network, trained)
    optimizer = recipes.optimizer(table, steps)
    run.trainer.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(run.trainer.trainable_variables)
    run.train, run.evaluate = run.epoch.programs(run.trainer, optimizer, run.recipe["batch"])
    variables = run.trainer.variables + optimizer.variables
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    run.longest = 2
    for _ in range(2):  # the second time with everything compiled
        began = time.perf_counter()
        order = run.epoch.order(run.seed, 0, run.fitted.images)
        last = run.fitted.batches  # and the one before it: of each size of batch one
        _sums(run, run.train, run.fitted, [(order, max(last - 2, 0), last)])
        a_step = (time.perf_counter() - began) / 2
        for split in (run.watched, run.tested)[: 1 if run.watched is run.tested else 2]:
            _sums(run, run.evaluate, split, [(split.every, max(split.batches - 2, 0), split.batches)])
        device.drain()
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    run.longest = max(1, int(LONGEST / a_step))
    device.drain()
    run.compile_seconds += time.perf_counter() - start


def _set_trainable(network, trained):
    """What of a network a phase trains: all, head, or the last so many layers of the body and the head."""
    frozen = []
    if trained != "all":
        from zoo import densenet

        body = densenet.body(network)
        frozen = body[: len(body) - (0 if trained == "head" else trained)]
    for layer in network.layers:
        layer.trainable = layer not in frozen


def _timed_epoch(run, epoch, steps):
    """One epoch of training and one evaluation of the watched images, each timed; loss and accuracy of the training."""
    device.drain()
    start = time.perf_counter()
    passes = feed.visits(epoch, steps, run.fitted.batches)
    orders = [(run.epoch.order(run.seed, number, run.fitted.images), first, end) for number, first, end in passes]
    sums, inside, run.calls = _sums(run, run.train, run.fitted, orders)
    device.drain()
    middle = time.perf_counter()
    run.loss, run.accuracy, run.answered = _evaluate(run, run.watched)
    device.drain()
    end = time.perf_counter()
    batch = run.recipe["batch"]
    images = sum(min(end * batch, run.fitted.images) - first * batch for _, first, end in passes)
    run.train_seconds.append(middle - start)
    run.eval_seconds.append(end - middle)
    run.host_seconds.append(max(0.0, middle - start - inside))
    run.images.append(images)
    return {"loss": float(sums[0]) / images, "accuracy": int(sums[1]) / images}


def _evaluate(run, split):
    """Loss, accuracy, and how often each class was the answer: float, float, list of int."""
    sums, _, _ = _sums(run, run.evaluate, split, [(split.every, 0, split.batches)])
    return float(sums[0]) / split.images, int(sums[1]) / split.images, np.asarray(sums[2]).tolist()


def _sums(run, program, split, wanted):
    """What a program sums up over some batches, the seconds until it has, but for those between its calls, and their number."""
    sums, inside, calls = (np.float32(0), np.int32(0)), 0.0, 0
    if program is run.evaluate:
        sums += (np.zeros(run.trainer.output_shape[-1], "int32"),)
    for stretch in feed.stretches(split.arrays, split.resident, run.recipe["batch"], run.longest, wanted, run.epoch.put):
        start = time.perf_counter()
        sums = program(*stretch, sums)
        inside += time.perf_counter() - start
        calls += 1
    start = time.perf_counter()
    sums = tuple(keras.ops.convert_to_numpy(each) for each in sums)
    return sums, inside + time.perf_counter() - start, calls


def _divergence(run, history):
    """What went wrong with a training, in words, or None: an accuracy alone would hide it."""
    for epoch, loss in enumerate(history["loss"], 1):
        if not math.isfinite(loss):
            return f"the loss is no number from epoch {epoch} on"
    if not math.isfinite(run.loss):
        return "the loss on the test images is no number"
    if len(run.answered) > 1 and max(run.answered) == run.tested.images > 1:
        return f"every test image is taken for class {run.answered.index(max(run.answered))}"
    return None


def _without_augmentation(run, network):
    """The trained model of Keras's plain layers alone: what can be saved, and loaded anywhere."""
    return recipes.trainer(network, run.recipe, run.fitted.arrays[0], augmented=False)
