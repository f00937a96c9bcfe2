"""Hyper-parameter search, as the imagenet32 study let AutoKeras do it: train some networks within some hours, and keep the best.

AutoKeras does not run on Keras 3.15; KerasTuner, the engine under its later versions, proposes the trials. It draws
them at random, as its Bayesian search draws the first three trials for each hyper-parameter. So the trials of one seed
are the same on every machine, whatever their accuracies. The test images decide nothing.
"""

import inspect
import math
import tempfile
import time
from contextlib import closing

import zoo
from zoo.searched_cnn import network
from zoo.training import train as training


def search(setup, progress=None, keep=None):
    """Train the networks that a search proposes, and return the result of the one that is best on the held-out images.

    Args:
        setup: train.Setup. The proposed networks have the input and classes of its network; its recipe holds images out
            and has ``search``: trials, at most; hours, after which no trial begins and the current one ends with its epoch;
            patience, in epochs without a lower validation loss; space, hyper-parameter of ``searched_cnn.network``, or
            rate, the optimizer's -> list of its values.
        progress: called after each epoch with (epoch, epochs, accuracy on the held-out images) of all trials.
        keep: as ``train.train`` takes it; called once, with the best network.

    Returns:
        what ``train.train`` returned of the trial with the highest validation accuracy, the first of equal ones, and
        trials: list of {hyper_parameters, epochs, validation_accuracy of the epoch that was restored, accuracy on the
        test images, seconds with compilation, ended: why}.

    Raises:
        ValueError: the space has an unknown hyper-parameter, or no value for one.
    """
    recipe, start, trials, best = setup.recipe, time.monotonic(), [], None
    whole = zoo.weightless(setup.build)

    def over():
        return time.monotonic() - start >= recipe["search"]["hours"] * 3600

    def tell(epoch, epochs, accuracy):
        if progress:
            progress(len(trials) * epochs + epoch, recipe["search"]["trials"] * epochs, accuracy)
        return over()

    with closing(_proposals(recipe, setup.seed, trials)) as proposals:
        for values in proposals:
            if trials and over():
                break
            began, kept = time.monotonic(), []
            seen = training.train(_trial_setup(setup, whole, values), tell, kept.append if keep else None)
            trials.append(_trial(values, seen, recipe, time.monotonic() - began))
            if best is None or trials[-1]["validation_accuracy"] > best[0]:
                best = trials[-1]["validation_accuracy"], seen, kept
    _, seen, kept = best
    if keep:
        keep(*kept)
    return {**seen, "trials": trials}


def _proposals(recipe, seed, trials):
    """Yield the hyper-parameters of each trial, a dict; the trial before it must be in trials by then."""
    import keras_tuner

    space, first = recipe["search"]["space"], _first(recipe)
    indices = keras_tuner.HyperParameters()  # of the values in their lists, since a Choice makes 1 and 0 of true and false
    for name, values in space.items():
        indices.Choice(name, list(range(len(values))))
    oracle = keras_tuner.oracles.RandomSearchOracle(
        keras_tuner.Objective("validation_accuracy", "max"),
        max_trials=recipe["search"]["trials"],
        seed=1 + 1000 * seed,  # the oracle counts up from its seed, and takes 0 as no seed
        hyperparameters=indices,
    )
    oracle.verbose = 0
    with tempfile.TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "search")  # else only a keras_tuner.Tuner sets it
        while (trial := oracle.create_trial("search")).status == "RUNNING":
            if not trials:
                trial.hyperparameters.values = {name: values.index(first[name]) for name, values in space.items()}
            yield {name: space[name][index] for name, index in trial.hyperparameters.values.items()}
            oracle.update_trial(trial.trial_id, {"validation_accuracy": trials[-1]["validation_accuracy"]})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)


def _first(recipe):
    """The first trial: the network's defaults and the recipe's rate, or the first value where the space lacks them."""
    own = {name: each.default for name, each in inspect.signature(network).parameters.items() if each.default is not each.empty}
    own["rate"] = recipe["optimizer"].get("learning_rate")
    for name, values in recipe["search"]["space"].items():
        if name not in own or not values:
            raise ValueError(f"search: {name} = {values}: expected one or more values, in a list, of one of {', '.join(own)}")
    return {name: own[name] if own[name] in values else values[0] for name, values in recipe["search"]["space"].items()}


def _trial_setup(setup, whole, values):
    """The Setup of one trial; its network has the input and the classes of ``whole``."""
    hyper = {name: value for name, value in values.items() if name != "rate"}
    rate = {"learning_rate": values["rate"]} if "rate" in values else {}
    recipe = {key: value for key, value in setup.recipe.items() if key != "search"}
    recipe["optimizer"] = {**recipe["optimizer"], **rate}
    recipe["stopping"] = {"patience": setup.recipe["search"]["patience"], "restore_best": True}

    def build():
        return zoo.softmax_in_float32(network("searched_cnn", whole.input_shape[1:], whole.output_shape[-1], **hyper))

    return setup._replace(build=build, recipe=recipe)


def _trial(values, seen, recipe, seconds):
    """The dict that describes one trial: see ``search``."""
    losses = [loss if math.isfinite(loss) else math.inf for loss in seen["history"]["validation_loss"]]
    restored, epochs, patience = losses.index(min(losses)), len(losses), recipe["search"]["patience"]
    if not math.isfinite(seen["history"]["loss"][-1]):
        ended = "the loss was NaN or infinite"
    elif epochs == recipe["epochs"]:
        ended = "all epochs were over"
    else:
        ended = f"no lower validation loss in {patience} epochs" if epochs - restored > patience else "the hours were over"
    return {
        "hyper_parameters": values,
        "epochs": epochs,
        "validation_accuracy": seen["history"]["validation_accuracy"][restored],
        "accuracy": seen["accuracy"],
        "seconds": seconds,
        "ended": ended,
    }
