"""Tables of cells: what is read from them, chosen and estimated, and each mistake refused in a line that names it."""

import shutil
import subprocess
import sys

import pytest

import loaders
from baselines import tables
from baselines.cells import cells, choose, published_seconds
from baselines.tables import TableError

pytestmark = pytest.mark.self


@pytest.fixture
def edited(tmp_path):
    """A function that replaces text in a copy of the tables, and reads its cells."""

    def edit(old, new, file="ours.toml"):
        shutil.copytree(tables.FOLDER / "published", tmp_path / "published")
        shutil.copy(tables.FOLDER / "ours.toml", tmp_path)
        text = (tmp_path / file).read_text()
        assert old in text
        (tmp_path / file).write_text(text.replace(old, new, 1))
        return cells(tmp_path)

    return edit


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[recipes.gate]", "[recipes.gate", "ours.toml cannot be read as TOML"),
        ('study = "ours"', 'studdy = "ours"', "ours.toml: unknown key 'studdy'; known: cells, study, question, "),
        ("[cells]\nrows", "rows", "ours.toml: the key 'cells' is missing; known: cells, study"),
        ('study = "ours"', 'study = "mine"', "ours.toml: study = 'mine'; it must be the name of the file, 'ours'"),
        ('question = "Does', 'query = "Does', "ours.toml: unknown key 'query'; known: cells, study, question, "),
        ("[cells]", "[cell]", "ours.toml: unknown key 'cell'; known: .*cells"),
        ("rows = [", "row = [", r"ours.toml: \[cells\]: unknown key 'row'; known: rows"),
        ("rows = [", "rows = [1,", r"ours.toml, row 1 of \[cells\] is 1, not a table"),
        ("[floors]", "[floor]", "ours.toml: unknown key 'floor'; known: .*floors"),
        ("[datasets]", "[dataset]", "ours.toml: unknown key 'dataset'; known: .*datasets"),
        ("input = [28, 28, 1]", "inputs = [28, 28, 1]", "ours.toml: the data set digits: unknown key 'inputs'; known: input, classes, loader"),
        (", classes = 10", "", "ours.toml: the data set digits: the key 'classes' is missing; known: input, classes, loader"),
        ("input = [28, 28, 1]", "input = [28, 28]", r"ours.toml: the data set digits: .* needs input = \[height, width, channels\]"),
        ("classes = 10", 'classes = "ten"', "ours.toml: the data set digits: .* a number of classes"),
        ("digits = { ", 'digits = { loader = "digit", ', "ours.toml: the data set digits: unknown loader 'digit'; known: mnist"),
        ("batch = 256", "batchsize = 256", "ours.toml: recipe gate: unknown key 'batchsize'; known: input"),
        ("batch = 256", "", "ours.toml: recipe gate: key 'batch' is missing"),
        ('input = "scaled"', 'input = "scald"', "ours.toml: recipe gate: input is 'scald'; known: raw"),
        ("[recipes.gate]", "[recipes]\nflat = 1\n[recipes.gate]", "ours.toml: the recipe flat is 1, not a table"),
        ("quick = true", "quik = true", r"ours.toml, row 1 of \[cells\]: unknown key 'quik'; known: model, dataset, recipe, quick"),
        ('model = "lenet5", dataset = "mnist"', 'dataset = "mnist"', r"ours.toml, row 1 of \[cells\]: the key 'model' is missing; known: model"),
        ('model = "lenet5", dataset = "mnist"', 'model = "lenet6", dataset = "mnist"', "row 1 .*unknown model 'lenet6'; known: lenet5"),
        ('dataset = "digits", recipe = "digits_lenet"', 'dataset = "digit", recipe = "digits_lenet"', "row 2 .*unknown dataset 'digit'; known: mnist"),
        ('recipe = "gate"', 'recipe = "gait"', "row 1 .*unknown recipe 'gait'; known: gate"),
        ('model = "vgg_like", dataset = "digits", recipe = "digits_vgg"', 'model = "lenet5", dataset = "mnist", recipe = "gate"', "row 3 .*lenet5-mnist-gate has a row already, in ours.toml"),
        ("lenet5-mnist-gate = ", "lenet5-mnist-gait = ", "ours.toml: a floor for 'lenet5-mnist-gait', which is not a cell; known: lenet5-mnist-afif"),
        ("lenet5-mnist-gate = 0.98", "lenet5-mnist-gate = 98", "ours.toml: the floor of lenet5-mnist-gate = 98 is not a share of 1"),
        ("lenet5-mnist-gate = 0.98", 'lenet5-mnist-gate = "0.98"', "ours.toml: the floor of lenet5-mnist-gate = '0.98' is not a share of 1"),
    ],
)  # fmt: skip
def test_a_mistake_in_our_own_table_is_refused(edited, old, new, complaint):
    with pytest.raises(TableError, match=complaint) as caught:
        edited(old, new)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("train_loss = 0.0149", "trained_loss = 0.0149", r"srivastava.toml, row 1 of \[cells\]: unknown key 'trained_loss'; known: .*train_loss"),
        ("train_loss = 0.0149", 'train_loss = "0.0149"', "row 1 .*alexnet_64-mnist-srivastava: train_loss = '0.0149' is not a number of 0 or more"),
        ("train_loss = 0.0149", "train_loss = nan", "row 1 .*train_loss = nan is not a number of 0 or more"),
        ("train_loss = 0.0149", "train_loss = true", "row 1 .*train_loss = True is not a number of 0 or more"),
        ("epoch_seconds = 52 ", "epoch_seconds = -52 ", "row 3 .*epoch_seconds = -52 is not a number of 0 or more"),
        ("percent = true", "percent = false", "row 1 .*accuracy = 9.* is not a share of 1; .*percent = true"),
        ("train_accuracy = 99.53", "train_accuracy = 199.53", "row 1 .*train_accuracy = 1.9953 is not a share of 1"),
        ("train_loss = \"Table", "trainloss = \"Table", r"srivastava.toml: \[where\]: unknown key 'trainloss'; known: parameters, .*train_loss"),
        ("train_loss = \"Table", "# \"Table", r"row 1 .*\[where\] does not say where the study prints 'train_loss'; add the key 'train_loss' to \[where\]"),
        ("plateau = {", "plato = {", "srivastava.toml: recipe srivastava: unknown key 'plato'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_published_table_is_refused(edited, old, new, complaint):
    with pytest.raises(TableError, match=complaint) as caught:
        edited(old, new, "published/srivastava.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('why = "the data', 'reason = "the data', r"imagenet32.toml: \[\[unassigned\]\] 1: unknown key 'reason'; known: where, why, model"),
        ("accuracy = 0.3015", "accuracy = 30.15", r"imagenet32.toml: \[\[unassigned\]\] 1: accuracy = 30.15 is not a share of 1"),
    ],
)
def test_a_mistake_in_an_unassigned_figure_is_refused(edited, old, new, complaint):
    with pytest.raises(TableError, match=complaint):
        edited(old, new, "published/imagenet32.toml")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            'machine = "GTX1080Ti"',
            'gpu = "GTX1080Ti"',
            r"afif.toml: \[\[elsewhere\]\] 1: unknown key 'gpu'; known: cell, machine, epoch_seconds, where",
        ),
        ("epoch_seconds = 35", "epoch_seconds = -35", r"afif.toml: \[\[elsewhere\]\] 1: epoch_seconds = -35 is not a number of 0 or more"),
        (
            'cell = "resnet20_v1',
            'cell = "resnet21_v1',
            "afif.toml: a time on another machine for 'resnet21_v1.*which is not a cell; known: lenet5",
        ),
    ],
)
def test_a_mistake_in_a_time_of_another_machine_is_refused(edited, old, new, complaint):
    with pytest.raises(TableError, match=complaint):
        edited(old, new, "published/afif.toml")


PETS = 'loader = "image_folder", path = "pets", input = [64, 64, 3], classes = 2'
MINE = 'loader = "arrays", path = "mine.npz", input = [28, 28, 1], classes = 10'


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (f"{PETS}, resise = 'nearest'", "unknown key 'resise'; known: loader, path, input, classes, test, resize"),
        (f"{MINE}, test = 0.2", "unknown key 'test'; known: loader, path, input, classes$"),
        (PETS.replace("loader", "laoder"), "unknown key 'laoder'; known: loader, path, input, classes, test, resize"),
        (PETS.replace("image_folder", "folder"), "unknown loader 'folder'; known: mnist, .*, image_folder, arrays"),
        (PETS.replace('loader = "image_folder", ', ""), "unknown loader 'pets'; known: mnist, .*, image_folder, arrays"),
        (PETS.replace('"image_folder"', '["arrays"]'), r"unknown loader \"\['arrays'\]\"; known: mnist"),
        (PETS.replace("image_folder", "mnist"), "unknown key 'path'; known: input, classes, loader"),
        (PETS.replace('path = "pets", ', ""), "the key 'path' is missing; known: loader, path, input"),
        (MINE.replace(', classes = 10', ""), "the key 'classes' is missing; known: loader, path, input"),
        (PETS.replace('"pets"', "3"), "path = 3 is not the path of a folder or file"),
        (PETS.replace('"pets"', '""'), "path = '' is not the path of a folder or file"),
        (PETS.replace("pets", "~nobody_of_that_name/pets"), "path = '~nobody_of_that_name/pets' cannot be followed"),
        (PETS.replace("64, 3]", "64, 4]"), r"input = \[64, 64, 4\]: an image has 1 channel \(grey\) or 3 \(colour\)"),
        (PETS.replace("64, 3]", "64]"), r"needs input = \[height, width, channels\]"),
        *((f"{PETS}, test = {test}", f"test = {shown} is not a share between 0 and 1, such as 0.2") for test, shown in (("0", "0"), ("1.0", "1.0"), ("20", "20"), ("true", "True"), ("nan", "nan"), ("'0.2'", "'0.2'"))),
        (f"{PETS}, resize = 'bicubic'", "unknown resize 'bicubic'; known: bilinear, nearest"),
        (f"{PETS}, resize = true", "unknown resize True; known: bilinear, nearest"),
    ],
)  # fmt: skip
def test_a_mistake_about_ones_own_images_is_refused(edited, entry, complaint):
    with pytest.raises(TableError, match=f"ours.toml: the data set pets: .*{complaint}") as caught:
        edited("[datasets]", f"[datasets]\npets = {{ {entry} }}")
    assert "\n" not in str(caught.value)


def test_the_path_of_ones_own_images_starts_from_the_tables_folder(edited, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    row = '{ model = "lenet5", dataset = "%s", recipe = "gate" },'
    entries = {
        "pets": PETS.replace('"pets"', '"../images/pets"') + ', test = 0.2, resize = "bilinear"',
        "mine": MINE,
        "far": MINE.replace("mine.npz", "/far/mine.npz"),
        "home": MINE.replace("mine.npz", "~/mine.npz"),
    }
    rows, entered = "".join(row % name for name in entries), "".join(f"{name} = {{ {entry} }}\n" for name, entry in entries.items())
    text = (tables.FOLDER / "ours.toml").read_text()
    found = edited(text, text.replace("[datasets]", f"[datasets]\n{entered}").replace("rows = [", f"rows = [{rows}"))
    pets = found["lenet5-pets-gate"]
    assert loaders.Own("image_folder", str(tmp_path.parent / "images" / "pets"), (64, 64, 3), 2, 0.2, "bilinear") == pets.data
    assert ((64, 64, 3), 2) == (pets.data_shape, pets.classes)
    assert [str(tmp_path / "mine.npz"), "/far/mine.npz", str(tmp_path / "home" / "mine.npz")] == [
        found[f"lenet5-{name}-gate"].data.path for name in ("mine", "far", "home")
    ]
    assert 4 == len({cell.data for cell in found.values() if isinstance(cell.data, loaders.Own)})


def test_one_key_of_where_covers_all_parameter_counts(edited):
    with pytest.raises(TableError, match=r"\[where\] does not say where the study prints 'total'; add the key 'parameters' to \[where\]"):
        edited("parameters = ", "# ", "published/afif.toml")


def test_a_study_is_added_by_one_file(tmp_path):
    table = 'study = "mine"\nquestion = "?"\n[recipes.short]\ninput = "raw"\noptimizer = { name = "SGD" }\nbatch = 8\nepochs = 1\n'
    table += '[cells]\nrows = [{ model = "vgg_like", dataset = "mnist", recipe = "short" }]\n'
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "mine.toml").write_text(table)
    shutil.copy(tables.FOLDER / "published" / "afif.toml", tmp_path / "published")
    shutil.copy(tables.FOLDER / "ours.toml", tmp_path)
    cell = cells(tmp_path)["vgg_like-mnist-short"]
    assert ("mine", (28, 28, 1), {}) == (cell.study, cell.shape, cell.published)


def test_reading_the_tables_imports_neither_keras_nor_numpy():
    code = "import sys; from baselines.cells import cells; cells(); print({'keras', 'numpy', 'scipy'} & sys.modules.keys())"
    assert (
        "set()"
        == subprocess.run([sys.executable, "-c", code], cwd=tables.FOLDER.parent, capture_output=True, text=True, check=True).stdout.strip()
    )


def test_cells_are_chosen_by_model_data_set_and_recipe():
    assert ["lenet5-mnist-afif", "lenet5-mnist-gate"] == [cell.id for cell in choose(["lenet5"], ["mnist"])]
    assert list(cells().values()) == choose() == choose([""])


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((["lenet6"],), "unknown model 'lenet6'; .*lenet5, vgg_like"),
        (([], ["mnits"]), "unknown dataset 'mnits'; .*mnist, fashion_mnist"),
        (([], [], ["afiff"]), "unknown recipe 'afiff'; .*afif, afif_resnet"),
        ((["vgg_like"], ["mnist"], ["gate"]), "no cell has that .*lenet5-mnist-gate"),
    ],
)
def test_unknown_names_and_empty_choices_are_refused_with_the_known_names(args, complaint):
    with pytest.raises(ValueError, match=complaint):
        choose(*args)


def test_published_seconds_are_per_epoch_whether_printed_for_one_or_for_all():
    cell = cells()["lenet5-mnist-afif"]
    assert 30 == published_seconds(cell._replace(published={"seconds": 30 * cell.recipe["epochs"]}))
    assert 30 == published_seconds(cell._replace(published={"epoch_seconds": 30}))
    assert published_seconds(cell._replace(published={"accuracy": 0.5})) is None
