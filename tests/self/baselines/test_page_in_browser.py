"""The page of a comparison in a real browser: headless Chromium, driven by selenium, without a network."""

import importlib.resources
import json
import shutil
import time

import pytest

from baselines.report import page
from tests.self.baselines.comparisons import of_ab
from tests.self.baselines.pages import comparison, large, row, slower, trained

pytestmark = pytest.mark.slow
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--hide-scrollbars"]
ENV = "the page is tried in a browser in: tox -e page"
READY = 2.0  # seconds, of a page with 60 cells of 200 files
SIZE = 3e6  # bytes, of the same
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture(scope="module")
def browser():
    """A selenium driver of Chromium with a new profile; its logs hold what it fetched and what its console said."""
    pytest.importorskip("matplotlib", reason=ENV)
    selenium = pytest.importorskip("selenium.webdriver", reason=ENV)
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no chromium and chromedriver; install them with: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    """Two pages, small and large: name -> path."""
    folder = tmp_path_factory.mktemp("pages")
    mine = row(history=[trained(1, commit="0ldc0de"), trained(2)], published_accuracy=0.95, floor=0.5, seconds=10.0)
    others = [row("vgg_like-mnist-afif", accuracy=0.95, seconds=2.0, verdict="REGRESSED (time)"), row("lenet5-svhn-afif", seconds=None)]
    more = {"ab": [of_ab(machine="fast-chip")], "red": ["vgg_like-mnist-afif is red"]}
    more["questions"] = [("afif", "Which is best?", ["data set", "best"], [["mnist", "lenet5"]])]
    made = {"small": comparison(mine, *others, slower(mine), **more), "large": large()}
    for name, each in made.items():
        page.write(folder / f"{name}.html", each)
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def opened(browser, pages):
    """A function that opens a page: name, theme, and the screen, a desktop's by default."""

    def load(name="small", theme="light", screen=None):
        features = [{"name": "prefers-color-scheme", "value": theme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        desktop = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen or desktop)
        browser.get(pages[name].as_uri())
        return browser

    return load


def column(browser, title):
    """The texts of a column of the first table that sorts, of the rows that are shown."""
    script = """
        const table = document.querySelector(".sortable table");
        const index = [...table.tHead.rows[0].cells].findIndex(each => each.textContent === arguments[0]);
        return [...table.tBodies[0].rows].filter(each => each.offsetParent).map(each => each.cells[index].innerText.split("\\n")[0]);
    """
    return browser.execute_script(script, title)


def header(browser, title):
    """The button of a column of the first table that sorts."""
    return browser.execute_script(
        """return [...document.querySelectorAll(".sortable th button")].find(each => each.textContent === arguments[0])""", title
    )


def test_a_click_sorts_by_value_a_second_one_the_other_way_and_what_is_missing_stays_last(opened):
    browser = opened()
    assert ["10.0", "2.00", "", "20.0"] == column(browser, "seconds an epoch")
    button = header(browser, "seconds an epoch")
    button.click()
    assert ["2.00", "10.0", "20.0", ""] == column(browser, "seconds an epoch")
    button.click()
    assert ["20.0", "10.0", "2.00", ""] == column(browser, "seconds an epoch")
    found = "return [...document.querySelectorAll('th[aria-sort]')].map(each => [each.textContent, each.getAttribute('aria-sort')])"
    assert [["seconds an epoch", "descending"]] == browser.execute_script(found)
    header(browser, "cell").click()
    assert sorted(column(browser, "cell")) == column(browser, "cell")
    assert [["cell", "ascending"]] == browser.execute_script(found)


def test_the_keyboard_alone_sorts_and_filters_and_the_count_says_how_many_rows_are_left(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    field = browser.find_element("css selector", ".sortable input")
    assert browser.find_element("css selector", ".sortable label").text.startswith("Show rows with these words")
    field.send_keys("MNIST fast-chip")
    count = browser.find_element("css selector", ".sortable output")
    assert ["lenet5-mnist-afif", "vgg_like-mnist-afif"] == column(browser, "cell")
    assert "2 of 4 rows" == count.text
    field.send_keys(Keys.TAB, "")
    focused = browser.switch_to.active_element
    assert "box" == focused.get_attribute("class"), "after the filter comes the table, which scrolls"
    focused.send_keys(Keys.TAB)
    assert "cell" == browser.switch_to.active_element.text.split(" ")[0]
    header(browser, "accuracy").send_keys(Keys.ENTER)
    header(browser, "accuracy").send_keys(Keys.ENTER)
    assert ["vgg_like-mnist-afif", "lenet5-mnist-afif"] == column(browser, "cell")
    field.clear()
    field.send_keys("no-such-cell")
    assert ([], "0 of 4 rows") == (column(browser, "cell"), count.text)


def test_nothing_is_fetched_and_the_console_stays_silent(opened, pages):
    browser = opened()
    browser.get_log("performance")
    browser.get_log("browser")
    opened("small", "dark")
    messages = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert [pages["small"].as_uri()] == [each for each in asked if not each.startswith("data:")]
    assert [] == browser.get_log("browser")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", [None, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(opened, theme, screen):
    pytest.importorskip("axe_core_python", reason=ENV)
    browser = opened("small", theme, screen)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    browser.execute_script((importlib.resources.files("axe_core_python") / "axe.min.js").read_text())
    found = browser.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
    assert len(found["passes"]) > 10
    assert [] == [(each["id"], each["impact"], [node["html"] for node in each["nodes"][:3]]) for each in found["violations"]]


def test_text_and_lines_of_charts_follow_the_theme(opened):
    script = """
        const drawing = document.querySelector("svg.drawing"), style = each => getComputedStyle(each);
        const line = drawing.querySelector("[style*='--series-0']");
        return [style(document.body).color, style(drawing.querySelector("text")).fill, style(line).stroke];
    """
    light, dark = (opened("small", theme).execute_script(script) for theme in ("light", "dark"))
    assert (light[0], dark[0]) == (light[1], dark[1])
    assert all(first != second for first, second in zip(light, dark, strict=True))


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_phone_scrolls_tables_and_never_the_page(opened, name):
    browser = opened(name, screen=PHONE)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    assert [360, 360] == browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    box = "const box = document.querySelector('.box'); return box.scrollWidth > box.clientWidth"
    assert browser.execute_script(box), "the wide table is in a box that scrolls"


def test_print_holds_every_row_and_no_controls(opened):
    browser = opened()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = "return [...document.querySelectorAll(arguments[0])].filter(each => each.offsetParent).length"
    assert [0, 0, 0] == [browser.execute_script(shown, each) for each in ("input", "nav", "figure details")]
    assert 4 == len(column(browser, "cell"))
    assert browser.execute_script("const box = document.querySelector('.box'); return box.scrollWidth <= box.clientWidth + 1")


def test_sixty_cells_of_two_hundred_files_are_small_and_ready_soon(opened, pages):
    assert SIZE > pages["large"].stat().st_size
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        browser = opened("large")
        browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")  # painted
        seconds.append(time.perf_counter() - begun)
    assert READY > min(seconds), seconds
    assert 240 == len(column(browser, "cell"))
    assert 122 == browser.execute_script("return document.querySelectorAll('svg.drawing').length")
