"""The search of hyper-parameters: its trials, the one that it returns, and when it ends."""

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
    """Keras is imported with the first test, not when tests are collected."""
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
def fake_training(monkeypatch):
    """Replace training by a list of outcomes (validation losses, accuracies); returns (recipe and model of each training, outcomes)."""
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


def test_a_search_returns_its_best_trial_and_describes_all(data, capfd):
    reported = []
    seen = search(data, progress=lambda *args: reported.append(args))
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
        epoch for epoch, _, _ in reported
    ]
    assert {9} == {epochs for _, epochs, _ in reported}
    assert ("", "") == capfd.readouterr()


def test_a_trials_probabilities_are_float32_in_mixed_precision(data, fake_training):
    import keras

    made, outcomes = fake_training
    outcomes.append(FAIR)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        search(data, trials=1)
        assert "float32" == made[0][1]().layers[-1].compute_dtype
    finally:
        keras.config.set_dtype_policy(before)


def test_the_first_trial_is_the_default_network_and_no_trial_repeats(data, fake_training):
    _, outcomes = fake_training
    outcomes += [FAIR] * 8
    space = {"blocks": [2, 3], "maps": [32, 64], "rate": [0.01, 0.001]}
    trials = values(search(data, trials=8, space=space))
    assert {"blocks": 3, "maps": 64, "rate": 0.001} == trials[0]
    assert len(trials) == len({tuple(trial.values()) for trial in trials})
    assert len(trials) > 4


def test_a_default_outside_the_space_is_replaced_by_the_first_value(data, fake_training):
    fake_training[1].append(FAIR)
    assert [{"blocks": 1, "rate": 0.1, "normalised": True}] == values(
        search(data, trials=1, space={"blocks": [1, 2], "rate": [0.1, 0.01], "normalised": [False, True]})
    )


def test_trials_depend_on_the_seed_and_not_on_accuracies(data, fake_training):
    made, outcomes = fake_training
    seen = []
    for seed, outcome in (0, FAIR), (0, FAIR[::-1]), (1, FAIR):
        made.clear()
        outcomes[:] = [outcome] * 3
        seen.append(values(search(data, seed)))
    assert seen[0] == seen[1]
    assert seen[0][1:] != seen[2][1:]
    assert seen[0][0] == seen[2][0]


def test_the_same_seed_gives_the_same_accuracies(data):
    first, second = (search(data, seed=3, trials=1) for _ in range(2))  # the test above covers further trials
    assert first["history"] == second["history"]
    for trial in (*first["trials"], *second["trials"]):
        del trial["seconds"]
    assert first["trials"] == second["trials"]


def test_a_trial_trains_by_the_recipe_with_its_rate_and_early_stopping(data, fake_training):
    made, outcomes = fake_training
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


def test_the_trial_with_the_best_restored_validation_accuracy_is_kept(data, fake_training):
    kept = []
    fake_training[1][:] = [([3, 1, 2], [0.1, 0.5, 0.9]), ([3, 2, 1], [0.1, 0.2, 0.7]), ([1, 2, 3], [0.7, 0.8, 0.9])]
    seen = search(data, keep=kept.append)
    assert [0.5, 0.7, 0.7] == [trial["validation_accuracy"] for trial in seen["trials"]]
    assert [0.1, 0.2, 0.3] == [trial["accuracy"] for trial in seen["trials"]]
    assert (0.2, ["network 2"]) == (seen["accuracy"], kept)


def test_a_trial_states_why_it_ended(data, fake_training):
    nan = float("nan")
    fake_training[1][:] = [FAIR, ([1.0, 2.0], [0.5, 0.4]), ([nan], [0.9]), ([2.0, nan], [0.4, 0.1])]
    seen = search(data, trials=4, patience=1)
    assert [
        "all epochs were over",
        "no lower validation loss in 1 epochs",
        "the loss was NaN or infinite",
        "the loss was NaN or infinite",
    ] == [trial["ended"] for trial in seen["trials"]]
    assert 0.4 == seen["trials"][3]["validation_accuracy"]


def test_no_trial_begins_after_the_hours_are_over(data, fake_training, clock):
    fake_training[1][:] = [FAIR] * 3

    def later(*args):
        clock[0] += 1000  # three epochs: 3000 of 3600 seconds, then 6000

    seen = search(data, progress=later)
    assert [("all epochs were over", 3), ("the hours were over", 1)] == [(trial["ended"], trial["epochs"]) for trial in seen["trials"]]
    assert [3000, 1000] == [trial["seconds"] for trial in seen["trials"]]


def test_the_current_trial_ends_with_its_epoch_when_the_hours_are_over(data, clock):
    seen = search(data, progress=lambda *args: clock.append(clock.pop() + 2000))
    assert [("the hours were over", 2)] == [(trial["ended"], trial["epochs"]) for trial in seen["trials"]]
    assert 2 == len(seen["history"]["validation_loss"])


def test_an_interrupted_search_leaves_no_file_behind(data, fake_training, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fake_training[1][:] = [FAIR] * 3
    with pytest.raises(KeyboardInterrupt):
        search(data, progress=lambda *args: (_ for _ in ()).throw(KeyboardInterrupt if list(tmp_path.iterdir()) else AssertionError))
    assert [] == list(tmp_path.iterdir())


def test_a_search_ends_when_its_space_is_exhausted(data, fake_training):
    fake_training[1][:] = [FAIR] * 5
    assert [{"blocks": 1}, {"blocks": 2}] == sorted(values(search(data, trials=5, space={"blocks": [1, 2]})), key=str)


@pytest.mark.parametrize(
    ("space", "complaint"), [({"block": [1]}, "block = .1.: .* blocks, maps, .*, rate"), ({"blocks": []}, "blocks = ..:")]
)
def test_an_unknown_or_empty_hyper_parameter_is_refused_by_name(data, space, complaint):
    with pytest.raises(ValueError, match=f"search: {complaint}"):
        search(data, space=space)
