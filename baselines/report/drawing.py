"""Draws for the charts of the HTML page: matplotlib's static SVG, made fit to stand within a page.

60 learning curves are 0.8 MB, and there in 0.3 s without any script; drawn by Altair's script in the browser they take
1.7 s and 1.2 MB. Colours are the page's own (``currentColor``, ``--series-0``), so that a chart follows its theme; text
stays text.
"""

import io
import math
import re
import warnings
from html import escape
from importlib.util import find_spec

SERIES = 8  # colours of the page
MARKERS = "os^DvPX"  # one less than colours, so that both repeat together only after 56 series
TEXT = "#000001"  # stands for currentColor while matplotlib draws
BACK = "#000002"  # for the page's background
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a folder's name may hold dollar signs
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "xtick.bottom": False,  # the grid does it, in fewer bytes
    "ytick.left": False,
    "xtick.minor.bottom": False,
    "grid.alpha": 0.15,
    "grid.color": TEXT,
    "lines.linewidth": 1.5,
    "lines.markersize": 7,
    "legend.frameon": False,
    "legend.fontsize": 10,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), TEXT),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), "none"),
}


def missing():
    """What to do where charts cannot be drawn, in one line; "" where they can."""
    return "" if find_spec("matplotlib") else "--html needs matplotlib, which draws the charts; install it with: pip install matplotlib"


def text(value):
    """Any value as text that can be written as UTF-8: a folder's name need not be."""
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def colour(index):
    """Stands for the page's colour of a series while matplotlib draws."""
    return f"#0001{index % SERIES:02x}"


def marker(index):
    """The marker of a series."""
    return MARKERS[index % len(MARKERS)]


def svg(name, note, size, draw, margins=None):
    """A figure as an <svg> element that carries its name and note and whose ids no other chart's have.

    Args:
        name: what the chart shows.
        note: how to read it.
        size: width and height in CSS pixels.
        draw: function of a matplotlib Figure.
        margins: pixels left, right, top and under the axes; without them they are as wide as labels need, which takes longer.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    (width, height), out = size, io.StringIO()
    with matplotlib.style.context(["default", {**STYLE, "svg.hashsalt": name}]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph|.*constrained_layout|.*layout")  # the browser's font has the glyph
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout=None if margins else "constrained")
        if margins:
            left, right, top, bottom = margins
            figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, hspace=0.15)
        figure.patch.set_visible(False)
        draw(figure)
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawn = out.getvalue().partition("<svg")[2].partition(">")[2]
    drawn = re.sub(r">\s+<", "><", re.sub(r"<style.*?</style>", "", drawn, flags=re.DOTALL))
    drawn = re.sub(r"<[^>]*>", _tidy, drawn)  # in tags only: text stays as it is
    drawn = re.sub(r'<g([^>]*)>(<use [^>]*(style="[^"]*")/>(?:<use [^>]*\3/>)*)</g>', _hoisted, drawn)
    head = f'<svg class="drawing" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(name)}">'
    return f"{head}<desc>{escape(note)}</desc>{drawn}"


def _tidy(match):
    """A tag of matplotlib's with the page's colours and no more than it needs: half of a chart's bytes say nothing."""
    tag = match[0].replace("\n", "").replace("xlink:href", "href")
    if title := re.fullmatch(r'<g id="title:(.*)">', tag):
        return f"<g><title>{title[1]}</title>"
    tag = re.sub(r'^<(g|text|path) id="(?!m[0-9a-f]{10}")[^"]*"', r"<\1", tag)  # markers are used by their ids
    tag = re.sub(r"(\d\.\d)\d+", r"\1", re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)).replace(" L ", " ")
    tag = re.sub(r"font-family: [^;\"]*;? ?|; stroke-line(join: miter|cap: square)", "", tag)
    tag = tag.replace(TEXT, "currentColor").replace(BACK, "var(--back)").replace("; fill: currentColor", "")
    tag = re.sub(r"#0001(\d\d)", lambda found: f"var(--series-{int(found[1])})", tag)
    return re.sub(r' clip-path="[^"]*" style="[^"]*stroke-opacity[^"]*"', ' class="grid"', tag)


def _hoisted(match):
    """Markers of one style: the style is said once, of their group."""
    attributes, markers, style = match.groups()
    return f"<g{attributes} {style}>{markers.replace(f' {style}', '')}</g>"


def titled(artist, words):
    """Let an artist say its words where the mouse rests on it."""
    artist.set_gid(f"title:{text(words)}")


def point(axes, x, y, index, full, words):
    """One marker of a series; hollow unless ``full``."""
    style = {"marker": marker(index), "color": colour(index), "linestyle": "none"}
    (drawn,) = axes.plot([x], [y], **style, **({} if full else {"markerfacecolor": BACK}))
    titled(drawn, words)


def means(axes, points, index):
    """Mean and range of some numbers at each x, joined by a line. points: list of (x, numbers)."""
    points = sorted((x, values) for x, values in points if values)
    if not points:
        return
    style = {"color": colour(index), "marker": marker(index), "markersize": 5}
    axes.plot([x for x, _ in points], [sum(values) / len(values) for _, values in points], **style)
    ends = [(x, end) for x, values in points for end in (min(values), max(values), math.nan)]  # NaN ends a line: all are one path
    axes.plot(*zip(*ends, strict=True), color=colour(index), linewidth=1)


def level(axes, name, value, style, right=False):
    """A line across the axes at a value, with its name on the left or under it on the right; nothing without a value."""
    if value is not None:
        axes.axhline(value, color=TEXT, linestyle=style, linewidth=1)
        where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "fontsize": 9.5}
        side = {"xytext": (-2, -2), "ha": "right", "va": "top"} if right else {"xytext": (4, 2)}
        axes.annotate(f"{name} {value:.4g}", (float(right), value), **where, **side)


def log_time(axes, values):
    """A log scale of seconds on the x axis, with plain numbers at 1, 10, 100; also at 2 and 5 within a few of these."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < 100 * min(values) else (1,)))
    axes.xaxis.set_major_formatter(lambda value, _: number(value, 1) if value < 1 else f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("seconds an epoch (log scale)")


def legend(figure, names):
    """The names of series under the axes, one a line. names: index of a series -> its name."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour(i), marker=marker(i), linestyle="none", label=name) for i, name in sorted(names.items())]
    where = "lower left" if figure.get_layout_engine() is None else "outside lower left"
    figure.legend(handles=handles, loc=where, handletextpad=0.2, borderpad=0, borderaxespad=0.2)


def name_points(axes, points):
    """Names beside points, as many as do not overlap. points: list of (x, y, name)."""
    axes.figure.draw_without_rendering()  # lays it out
    pixels = [(*axes.transData.transform((x, y)), name) for x, y, name in points]
    taken = [(left - 5, bottom - 5, left + 5, bottom + 5) for left, bottom, _ in pixels]
    for (x, y, _), (left, bottom, name) in zip(points, pixels, strict=True):
        long = 6 * len(name)
        for dx, dy, align, start in (7, -3, "left", 7), (-7, -3, "right", -7 - long), (0, 7, "center", -long / 2):
            box = (left + start, bottom + dy, left + start + long, bottom + dy + 9)
            if not any(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken):
                axes.annotate(name, (x, y), (dx, dy), textcoords="offset points", fontsize=9.5, ha=align)
                taken.append(box)
                break


def number(value, digits=3):
    """A number with some significant digits and without an exponent; "" for None and for what is not finite."""
    if value is None or not math.isfinite(value):
        return ""
    size = math.floor(math.log10(abs(float(f"{value:.{digits}g}")))) if value else digits  # of the rounded number
    return f"{value:.{max(digits - 1 - size, 0)}f}"
