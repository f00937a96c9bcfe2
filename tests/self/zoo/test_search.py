"""The search of hyper-parameters: which trials it makes, which of them it returns, when it ends."""

import tempfile

import pytest

import loaders
import zoo

pytestmark = pytest.mark.self
SPACE = {"blocks": [1, 2], "maps": [4, 8], "kernel": [3], "dropout": [0.0, 0.25], "normalised": [True, False], "rate": [0.01, 0.001]}
RECIPE = {
    "input": "scaled",
    "optimizer": {"name": "Adam", "learning_rate": 0.001, "beta_1": 0.8},
    "batch": 16,
    "epochs": 3,
    "validation_split": 0.2,
    "search": {"trials": 3, "hours": 1.0, "patience": 2, "space": SPACE},
}


@pytest.fixture(scope="module", autouse=True)
def late_imports():
    """Keras comes with the first test, and not when tests are collected."""
    global module
    from zoo.training import search as module


@pytest.fixture(scope="module")
def data():
    return loaders.load("synthetic_8x8x1_3_60_30")


def search(data, seed=0, progress=None, keep=None, **changes):
    recipe = {**RECIPE, "search": {**RECIPE["search"], **changes}}
    setup = module.training.Setup(lambda: zoo.build("searched_cnn", (8, 8, 1), 3), data, recipe, seed)
    return module.search(setup, progress, keep)


@pytest.fixture
def pretended(monkeypatch):
    """Trainings that take no time, whose validation losses and accuracies are those of the list: (recipe, model) of each."""
    made, outcomes = [], []

    def train(setup, progress=None, keep=None):
        recipe = setup.recipe
        made.append((recipe, setup.build))
        losses, accuracies = outcomes[len(made) - 1]
        for epoch, accuracy in enumerate(accuracies, 1):
            if progress(epoch, recipe["epochs"], accuracy):
                losses, accuracies = losses[:epoch], accuracies[:epoch]
                break
        if keep:
            keep(f"network {len(made)}")
        history = {"loss": losses, "validation_loss": losses, "validation_accuracy": accuracies}
        return {"accuracy": len(made) / 10, "history": history, "seed": setup.seed}

    monkeypatch.setattr(module.training, "train", train)
    return made, outcomes


FAIR = ([3.0, 2.0, 1.0], [0.3, 0.4, 0.5])


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the search sees, in a list of one."""
    seconds = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    return seconds


def values(seen):
    return [trial["hyper_parameters"] for trial in seen["trials"]]


def test_a_search_returns_what_was_seen_of_the_best_trial_and_tells_of_all(data, capfd):
    told = []
    seen = search(data, progress=lambda *args: told.append(args))
    assert 3 == len(seen["trials"])
    for trial in seen["trials"]:
        assert SPACE.keys() == trial["hyper_parameters"].keys()
        assert all(type(value) is type(SPACE[name][0]) and value in SPACE[name] for name, value in trial["hyper_parameters"].items())
        assert 0 < trial["epochs"] <= 3
        assert trial["seconds"] > 0
    best = max(seen["trials"], key=lambda trial: trial["validation_accuracy"])
    assert (best["accuracy"], best["epochs"]) == (seen["accuracy"], len(seen["train_seconds"]))
    assert best["validation_accuracy"] in seen["history"]["validation_accuracy"]
    assert [number * 3 + epoch for number, trial in enumerate(seen["trials"]) for epoch in range(1, trial["epochs"] + 1)] == [
        epoch for epoch, _, _ in told
    ]
    assert {9} == {epochs for _, epochs, _ in told}
    assert ("", "") == capfd.readouterr()


def test_a_trials_probabilities_are_float32_in_mixed_precision(data, pretended):
    import keras

    made, outcomes = pretended
    outcomes.append(FAIR)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        search(data, trials=1)
        assert "float32" == made[0][1]().layers[-1].compute_dtype
    finally:
        keras.config.set_dtype_policy(before)


def test_the_first_trial_is_the_default_network_and_the_others_are_no_repetitions(data, pretended):
    _, outcomes = pretended
    outcomes += [FAIR] * 8
    space = {"blocks": [2, 3], "maps": [32, 64], "rate": [0.01, 0.001]}
    trials = values(search(data, trials=8, space=space))
    assert {"blocks": 3, "maps": 64, "rate": 0.001} == trials[0]
    assert len(trials) == len({tuple(trial.values()) for trial in trials})
    assert len(trials) > 4


def test_where_the_space_lacks_a_default_the_first_value_takes_its_place(data, pretended):
    pretended[1].append(FAIR)
    assert [{"blocks": 1, "rate": 0.1, "normalised": True}] == values(
        search(data, trials=1, space={"blocks": [1, 2], "rate": [0.1, 0.01], "normalised": [False, True]})
    )


def test_the_same_seed_makes_the_same_trials_whatever_came_out_and_another_does_not(data, pretended):
    made, outcomes = pretended
    seen = []
    for seed, outcome in (0, FAIR), (0, FAIR[::-1]), (1, FAIR):
        made.clear()
        outcomes[:] = [outcome] * 3
        seen.append(values(search(data, seed)))
    assert seen[0] == seen[1]
    assert seen[0][1:] != seen[2][1:]
    assert seen[0][0] == seen[2][0]


def test_the_same_seed_gives_the_same_accuracies(data):
    first, second = (search(data, seed=3, trials=1) for _ in range(2))  # what is proposed next is another test's
    assert first["history"] == second["history"]
    for trial in (*first["trials"], *second["trials"]):
        del trial["seconds"]
    assert first["trials"] == second["trials"]


def test_a_trial_is_trained_by_the_recipe_with_its_rate_and_stops_by_the_held_out_images(data, pretended):
    made, outcomes = pretended
    outcomes += [FAIR] * 3
    seen = search(data, seed=7)
    for (recipe, model), hyper in zip(made, values(seen), strict=True):
        assert {
            **{key: value for key, value in RECIPE.items() if key != "search"},
            "optimizer": {"name": "Adam", "learning_rate": hyper["rate"], "beta_1": 0.8},
            "stopping": {"patience": 2, "restore_best": True},
        } == recipe
        kinds = [type(layer).__name__ for layer in model().layers]
        assert (hyper["blocks"], hyper["normalised"]) == (kinds.count("Conv2D"), "BatchNormalization" in kinds)
    assert {0.001, 0.01} == {recipe["optimizer"]["learning_rate"] for recipe, _ in made}
    assert 7 == seen["seed"]


def test_the_best_is_that_of_the_validation_accuracy_which_was_restored_and_its_network_alone_is_kept(data, pretended):
    kept = []
    pretended[1][:] = [([3, 1, 2], [0.1, 0.5, 0.9]), ([3, 2, 1], [0.1, 0.2, 0.7]), ([1, 2, 3], [0.7, 0.8, 0.9])]
    seen = search(data, keep=kept.append)
    assert [0.5, 0.7, 0.7] == [trial["validation_accuracy"] for trial in seen["trials"]]
    assert [0.1, 0.2, 0.3] == [trial["accuracy"] for trial in seen["trials"]]
    assert (0.2, ["network 2"]) == (seen["accuracy"], kept)


def test_a_trial_tells_why_it_ended(data, pretended):
    nan = float("nan")
    pretended[1][:] = [FAIR, ([1.0, 2.0], [0.5, 0.4]), ([nan], [0.9]), ([2.0, nan], [0.4, 0.1])]
    seen = search(data, trials=4, patience=1)
    assert ["all epochs were over", "no lower validation loss in 1 epochs", "the loss was no number", "the loss was no number"] == [
        trial["ended"] for trial in seen["trials"]
    ]
    assert 0.4 == seen["trials"][3]["validation_accuracy"]


def test_no_trial_begins_when_the_hours_are_over(data, pretended, clock):
    pretended[1][:] = [FAIR] * 3

    def later(*args):
        clock[0] += 1000  # three epochs: 3000 of 3600 seconds, then 6000

    seen = search(data, progress=later)
    assert [("all epochs were over", 3), ("the hours were over", 1)] == [(trial["ended"], trial["epochs"]) for trial in seen["trials"]]
    assert [3000, 1000] == [trial["seconds"] for trial in seen["trials"]]


def test_a_trial_that_runs_when_the_hours_are_over_ends_with_its_epoch(data, clock):
    seen = search(data, progress=lambda *args: clock.append(clock.pop() + 2000))
    assert [("the hours were over", 2)] == [(trial["ended"], trial["epochs"]) for trial in seen["trials"]]
    assert 2 == len(seen["history"]["validation_loss"])


def test_a_search_leaves_no_file_behind_even_if_it_breaks_off(data, pretended, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pretended[1][:] = [FAIR] * 3
    with pytest.raises(KeyboardInterrupt):
        search(data, progress=lambda *args: (_ for _ in ()).throw(KeyboardInterrupt if list(tmp_path.iterdir()) else AssertionError))
    assert [] == list(tmp_path.iterdir())


def test_a_space_that_is_searched_through_ends_the_search(data, pretended):
    pretended[1][:] = [FAIR] * 5
    assert [{"blocks": 1}, {"blocks": 2}] == sorted(values(search(data, trials=5, space={"blocks": [1, 2]})), key=str)


@pytest.mark.parametrize(
    ("space", "complaint"), [({"block": [1]}, "block = .1.: .* blocks, maps, .*, rate"), ({"blocks": []}, "blocks = ..:")]
)
def test_a_space_of_what_no_network_has_is_refused_by_name(data, space, complaint):
    with pytest.raises(ValueError, match=f"search: {complaint}"):
        search(data, space=space)
