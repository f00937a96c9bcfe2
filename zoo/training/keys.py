"""What a recipe may say: one row a key, with its check and its meaning. A recipe is a table in TOML.

To add a key: a row here, and its use in recipes.py, or wherever the training needs it.
"""

from typing import NamedTuple


class Key(NamedTuple):
    check: object  # function of the value -> what is wrong with it, as "is ..., not ...", or None
    meaning: str
    needed: bool = False


def choice(*known):
    return lambda value: None if value in known else f"is {value!r}; known: {', '.join(known)}"


def whole(least):
    return lambda value: None if type(value) is int and value >= least else f"is {value!r}, not a whole number of at least {least}"


def number(low, high=float("inf")):
    limits = f"from {low} to {high}" if high < float("inf") else f"of at least {low}"
    return lambda value: None if type(value) in (int, float) and low <= value <= high else f"is {value!r}, not a number {limits}"


def flag(value):
    return None if type(value) is bool else f"is {value!r}, not true or false"


def text(value):
    return None if isinstance(value, str) else f"is {value!r}, not a text"


def pair(value):
    fits = isinstance(value, list) and len(value) == 2 and all(type(each) is int and each > 0 for each in value)
    return None if fits else f"is {value!r}, not a list of two whole numbers of at least 1"


def table(needed=(), **checks):
    """The check of a table of keys, those that are needed among them."""

    def check(value):
        if not isinstance(value, dict):
            return f"is {value!r}, not a table"
        known = ", ".join(checks)
        for key in value:
            if key not in checks:
                return f"has an unknown key {key!r}; known: {known}"
            if problem := checks[key](value[key]):
                return f"has a key {key!r} that {problem}"
        missing = [key for key in needed if key not in value]
        return f"lacks the key {missing[0]!r}; known: {known}" if missing else None

    return check


def optimizer(value):
    """A table whose name and hyper-parameters Keras checks, beside a schedule and rates, which are ours."""
    if not isinstance(value, dict):
        return f"is {value!r}, not a table"
    if problem := text(value.get("name")):
        return f"has a name that {problem}, such as Adam"
    if "schedule" in value and (problem := choice("cosine")(value["schedule"])):
        return f"has a schedule that {problem}"
    rates = value.get("rates", [])
    steps = [each for each in rates if isinstance(each, list) and len(each) == 2] if isinstance(rates, list) else None
    if steps is None or len(steps) != len(rates) or any(whole(0)(epoch) or number(0)(rate) for epoch, rate in steps):
        return f"has rates = {rates!r}, not a list such as [[81, 1e-4], [121, 1e-5]]: epochs from 0, and the rate from each of them on"
    return "has a schedule and rates, which both set the learning rate; give one" if "schedule" in value and rates else None


def phases(value):
    if not isinstance(value, list) or not value:
        return f"is {value!r}, not a list of tables"
    trained = lambda each: None if each in ("all", "head") else whole(0)(each) and f"is {each!r}; known: all, head, or a number of layers"  # noqa: E731
    for phase in value:
        if problem := table(("from", "train"), **{"from": whole(0), "train": trained}, optimizer=optimizer)(phase):
            return f"has a phase {phase!r} that {problem}"
    starts = [phase["from"] for phase in value]
    if starts[0] != 0 or sorted(set(starts)) != starts:
        return f"begin at epochs {starts}; the first begins at 0, each later than the one before"
    return None


KEYS = {
    "input": Key(choice("raw", "scaled", "mean_subtracted"), "raw (0-255), scaled (0-1), mean_subtracted (0-1, less the mean image)", True),
    "size": Key(pair, "[height, width] in pixels that the images are resized to"),
    "interpolation": Key(choice("nearest", "bilinear"), "how they are resized: nearest (as in Pillow) or bilinear"),
    "images": Key(pair, "[training, test]: numbers of images; only the first ones of each split are used"),
    "optimizer": Key(
        optimizer,
        "a table: name, as Keras knows it, and its hyper-parameters; schedule = 'cosine' lets the rate fall to 0; "
        "rates = [[81, 1e-4], ...] sets it from those epochs on, counted from 0",
        True,
    ),
    "batch": Key(whole(1), "images a step", True),
    "epochs": Key(whole(1), "number of epochs, at most", True),
    "steps": Key(whole(1), "steps an epoch, in place of one pass over the images; passes go on from epoch to epoch"),
    "augment": Key(
        table(shift=number(0, 1), flip=flag, interpolation=choice("nearest", "bilinear")),
        "a table: shift, as a share of the side (filled with the nearest pixel); interpolation (default bilinear); flip (left-right)",
    ),
    "validation_split": Key(number(0, 1), "share of the training images, the last ones, that is held out and watched during the training"),
    "held_out": Key(whole(1), "number of training images, evenly spaced, at most a fifth, that are held out and watched instead"),
    "plateau": Key(
        table(("factor", "patience"), factor=number(0, 1), patience=whole(0), min_rate=number(0), cooldown=whole(0)),
        "a table: factor, patience, min_rate, cooldown: of Keras's ReduceLROnPlateau, on the watched images' loss",
    ),
    "stopping": Key(
        table(("patience",), patience=whole(0), restore_best=flag),
        "a table: patience, in epochs without a lower validation loss; restore_best = true",
    ),
    "l2": Key(number(0), "strength of an L2 penalty on every kernel, instead of any that the network defines"),
    "pretrained": Key(choice("imagenet"), "imagenet: the body starts from weights that were trained on ImageNet"),
    "phases": Key(
        phases,
        "a list of tables: from, an epoch counted from 0; train: all, head, or N: the head and the last N layers of the body; "
        "optimizer, where it is another",
    ),
    "search": Key(
        table(
            ("trials", "hours", "patience", "space"), trials=whole(1), hours=number(0), patience=whole(0),
            space=lambda value: None if isinstance(value, dict) else f"is {value!r}, not a table",
        ),
        "a table: trials, hours, patience and space, the values of each hyper-parameter that is searched",
    ),
    "note": Key(text, "what the study does not state and was chosen here"),
}  # fmt: skip


def check(name, recipe):
    """Raise ValueError where a recipe lacks a key, or says something that cannot be meant; the message names recipe, key and choices."""
    for key, value in recipe.items():
        if key not in KEYS:
            raise ValueError(f"recipe {name}: unknown key {key!r}; known: {', '.join(KEYS)}")
        if problem := KEYS[key].check(value):
            raise ValueError(f"recipe {name}: {key} {problem}")
    for key, row in KEYS.items():
        if row.needed and key not in recipe:
            raise ValueError(f"recipe {name}: key {key!r} is missing; known: {', '.join(KEYS)}")
    if problem := _together(recipe):
        raise ValueError(f"recipe {name}: {problem}")


def _together(recipe):
    """What is wrong with keys that do not go together, or None."""
    if ("size" in recipe) != ("interpolation" in recipe):
        return "size and interpolation go together; give both or neither"
    if "validation_split" in recipe and "held_out" in recipe:
        return "validation_split and held_out are two ways to do the same; give one"
    for key in "stopping", "search":
        if key in recipe and not (recipe.get("validation_split") or recipe.get("held_out")):
            return f"{key} needs a validation_split or held_out: the test images must not decide"
    tables = [recipe["optimizer"], *(phase.get("optimizer", {}) for phase in recipe.get("phases", []))]
    if "plateau" in recipe and any("schedule" in each for each in tables):
        return "plateau and the optimizer's schedule both set the learning rate of a step; give one"
    if any("schedule" in each and "learning_rate" not in each for each in tables):
        return "an optimizer has a schedule without a learning_rate, from which the rate falls"
    return None
