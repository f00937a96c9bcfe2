"""HTML from plain values: whatever is not made here is escaped."""

from html import escape

from baselines.report.drawing import text

VOID = ("input",)  # elements without an end
WIDE, LONG = 20, 90  # characters from which on a cell gets more room


class Html(str):
    """Text that is HTML already."""


class Cell:
    """A table's cell: what it shows and, where that does not sort by itself, what it is sorted by."""

    def __init__(self, shown, by=None):
        self.shown, self.by = shown, by


def safe(value):
    """A value as HTML: Html as it is, anything else escaped."""
    return value if isinstance(value, Html) else Html(escape(text(value)))


def element(name, *content, **attributes):
    """An element. Content and values of attributes are escaped; "_" in an attribute's name stands for "-"; None is left out."""
    pairs = ((key.strip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    given = "".join(f' {key}="{escape(text(value))}"' for key, value in pairs)
    end = "" if name in VOID else f"</{name}>"
    return Html(f"<{name}{given}>{''.join(map(safe, content))}{end}")


def listed(items):
    """A list, or nothing without items."""
    return element("ul", *(element("li", each) for each in items)) if items else Html("")


def boxed(name, content):
    """What may be wider than a phone, in a box that scrolls by itself, with the keyboard, too."""
    return element("div", content, class_="box", tabindex=0, role="region", aria_label=name)


def table(name, headers, rows):
    """A table in a box. rows: lists of values or Cells; the first of each names the row."""
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in headers)))
    body = element("tbody", *(element("tr", *map(_cell, row, range(len(row)))) for row in rows))
    return boxed(name, element("table", element("caption", name), head, body))


def sortable(name, headers, rows, hint):
    """A table that sorts by a click on a header, with an input that filters its rows and a count of those shown."""
    buttons = [element("button", each, type="button") for each in headers]
    words = element("label", hint, " ", element("input", type="search"))
    count = element("output", f"{len(rows)} of {len(rows)} rows", aria_live="polite")
    return element("div", element("p", words, " ", count, class_="filter"), table(name, buttons, rows), class_="sortable")


def figure(chart):
    """A charts.Chart with its name, how to read it, and its data as a table to open."""
    caption = element("figcaption", element("strong", chart.title), " ", element("small", chart.note))
    data = element("details", element("summary", "Data of this chart"), table(f"Data: {chart.name}", chart.headers, chart.rows))
    drawn = Html(chart.svg)
    return element("figure", caption, boxed(f"Chart: {chart.name}", drawn) if chart.wide else drawn, data)


def _cell(value, index):
    found = value if isinstance(value, Cell) else Cell(value)
    content = safe(found.shown)
    if index == 0:
        return element("th", content, data_by=found.by, scope="row")
    plain = 0 if isinstance(found.shown, Html) else len(content)
    return element("td", content, data_by=found.by, class_="long" if plain > LONG else "wide" if plain > WIDE else None)
