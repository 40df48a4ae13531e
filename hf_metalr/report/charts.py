"""The charts of the report. Drawings stretch with the page while their text does not: ticks and names are HTML."""

from collections.abc import Sequence

import numpy as np

from hf_metalr.plotting.history_table import HistoryTable, body_rates, column_edges
from hf_metalr.plotting.line_labels import spread
from hf_metalr.plotting.pushes import Pushes, push_scale
from hf_metalr.plotting.rate_axis import format_rate
from hf_metalr.report.colours import BROWN_TO_TEAL, VIRIDIS, picture, shades
from hf_metalr.report.markup import Markup, element, joined, whole
from hf_metalr.report.scale import LogScale, rate_scale, step_ticks

GRID = 1000  # units of a drawing in both directions
# More names than this do not fit beside the lines: 24 lines of 14 pixels fill the 340 of the chart.
MOST_NAMES, NAME_GAP = 24, 14 / 340


def line_chart(table: HistoryTable, scale: LogScale, head_groups: Sequence[str]) -> Markup:
    """Draw the learned rates, one line per layer group; the heads are dashed."""
    first, last = float(table.steps[0]), float(table.steps[-1])
    across = (table.steps - first) / (last - first) if last > first else np.full(1, 0.5)
    down = 1 - scale.place(table.lrs)
    lines = joined(
        element(
            "path",
            d=_path(across, down[index]),
            class_="head" if group in head_groups else None,
            style=None if group in head_groups else f"stroke:var(--c{index})",
        )
        for index, group in enumerate(table.groups)
    )
    grid = joined(
        element("path", class_="grid", d=f"M0 {_units(1 - place)}H{GRID}")
        for place in scale.place(np.array(scale.ticks()))
    )
    summary = f"Lines of the learned rate of {len(table.groups)} layer groups over steps {first:.0f} to {last:.0f}."
    drawing = element(
        "svg",
        grid,
        lines,
        viewBox=f"0 0 {GRID} {GRID}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{summary} The values are in the table of rates by layer.",
    )
    rate_ticks = [(1 - float(scale.place(np.array(tick))), format_rate(tick)) for tick in scale.ticks()]
    steps = [((tick - first) / (last - first) if last > first else 0.5, str(tick)) for tick in step_ticks(first, last)]
    names = _end_names(table.groups, down, head_groups)
    return _chart("lines", drawing, _ticks("y", rate_ticks), _ticks("x", steps), names)


def rate_map(table: HistoryTable, head_groups: Sequence[str]) -> Markup:
    """Draw the learned rates as a map of layer group by step, in colours that span those of the body."""
    scale = rate_scale(body_rates(table, head_groups))
    most = float(np.nanmax(table.lrs))
    beyond = f"; head up to {format_rate(most)}" if most > scale.high else ""
    drawing = _picture(picture(scale.place(table.lrs), VIRIDIS), "Map of the learned rate", table.groups, table.steps)
    ends = (format_rate(scale.low), format_rate(scale.high) + beyond)
    return _map("map", drawing, table.groups, head_groups, column_edges(table.steps), VIRIDIS, ends)


def push_map(pushes: Pushes, groups: Sequence[str], head_groups: Sequence[str]) -> Markup:
    """Draw which way each layer's rate was pushed."""
    scale = push_scale(pushes)
    drawing = _picture(
        picture(scale.place(pushes.values), BROWN_TO_TEAL), "Map of the hypergradients", groups, pushes.edges
    )
    ends = (f"−{scale.limit:.2g}, smaller rate", f"larger rate, +{scale.limit:.2g}")
    return _map("pushes", drawing, groups, head_groups, pushes.edges, BROWN_TO_TEAL, ends)


def span(scale: LogScale, start: float, end: float, mark: float, is_hollow_start: bool = False) -> Markup:
    """Draw a bar between two values and a dot at a third, for the cell of a table; nothing where they are unknown."""
    places = scale.place(np.array([start, end, mark]))
    if not np.isfinite(places).all():
        return Markup()
    low, high, dot = (f"{100 * float(np.clip(place, 0, 1)):.1f}%" for place in (*sorted(places[:2]), places[2]))
    bar = element("i", style=f"left:{low};right:calc(100% - {high})")
    begin = f"{100 * float(np.clip(places[0], 0, 1)):.1f}%"
    start_dot = element("u", style=f"left:{begin}") if is_hollow_start else ""
    return element("div", bar, start_dot, element("b", style=f"left:{dot}"), class_="span", aria_hidden="true")


def _map(
    kind: str,
    drawing: Markup,
    groups: Sequence[str],
    head_groups: Sequence[str],
    edges: np.ndarray,
    ramp: tuple[str, ...],
    ends: tuple[str, str],
) -> Markup:
    columns = len(edges) - 1
    # Columns are equally wide whatever their steps: a tick lies where its step falls among them.
    ticks = [
        (float(np.interp(tick, edges, np.arange(columns + 1))) / columns, str(tick))
        for tick in step_ticks(float(edges[0]), float(edges[-1]))
    ]
    if columns == 1:
        ticks = [(0.5, str(edges[0]))]  # the run has no step at the other edge
    size = "tall" if len(groups) > 80 else "dense" if len(groups) > 14 else "wide"
    names = element(
        "div",
        *(
            element("span", element("bdi", group), class_="head" if group in head_groups else None, title=group)
            for group in groups
        ),
        class_=f"rows {size}",
    )
    stops = ",".join("#" + bytes(colour).hex() for colour in shades(ramp, np.linspace(0, 1, 9)))
    legend = element(
        "p",
        whole(ends[0]),
        element("i", style=f"background:linear-gradient(90deg,{stops})"),
        whole(ends[1]),
        class_="legend",
    )
    return joined([_chart(kind, drawing, names, _ticks("x", ticks)), legend])


def _chart(kind: str, *parts: Markup) -> Markup:
    """Return a plot that answers to pointer, touch and arrow keys (script.js)."""
    keys = "Point at the chart or use the arrow keys to read single values."
    unit = element("span", "optimizer step", class_="unit")
    plot = element(
        "div", *parts, unit, element("div", class_="cross"), class_="plot", tabindex="0", role="group", aria_label=keys
    )
    return element(
        "div", plot, element("p", keys, class_="readout", role="status"), class_=f"chart {kind}", data_kind=kind
    )


def _picture(address: str, what: str, groups: Sequence[str], steps: np.ndarray) -> Markup:
    summary = (
        f"{what}: {len(groups)} layer groups from {groups[0]} (top) to {groups[-1]}, steps {steps[0]} to {steps[-1]}."
    )
    return Markup(element("img", src=address, alt=summary).removesuffix("</img>"))


def _ticks(axis: str, ticks: Sequence[tuple[float, str]]) -> Markup:
    side = "left" if axis == "x" else "top"
    return joined(
        element(
            "span",
            label,
            class_=f"tick {axis}" + (" last" if axis == "x" and place > 0.95 else ""),  # not over the page's edge
            style=f"{side}:{100 * place:.2f}%",
        )
        for place, label in ticks
    )


def _end_names(groups: Sequence[str], down: np.ndarray, head_groups: Sequence[str]) -> Markup:
    """Name the lines at their ends, or the heads alone where there are too many."""
    known = np.isfinite(down)
    shown = [
        index
        for index, group in enumerate(groups)
        if known[index].any() and (len(groups) <= MOST_NAMES or group in head_groups)
    ]
    ends = [float(down[index][known[index]][-1]) for index in shown]
    places = spread(ends, NAME_GAP)
    leaders = element(
        "svg",
        *(
            element(
                "path",
                d=f"M0 {_units(end)}L{GRID} {_units(place)}",
                class_="leader",
                style=f"stroke:var(--{_colour(index, groups[index] in head_groups)})",
            )
            for index, end, place in zip(shown, ends, places, strict=True)
        ),
        class_="leaders",
        viewBox=f"0 0 {GRID} {GRID}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    names = joined(
        element(
            "span",
            element("bdi", groups[index]),
            title=groups[index],
            class_="end head" if groups[index] in head_groups else "end",
            style=f"top:{100 * place:.2f}%",
        )
        for index, place in zip(shown, places, strict=True)
    )
    return joined([leaders, names])


def _colour(index: int, is_head: bool) -> str:
    return "head" if is_head else f"c{index}"


def _path(across: np.ndarray, down: np.ndarray) -> str:
    """Return a line through the known points, broken at unknown ones; a point between unknown ones becomes a dot."""
    pieces, joins = [], False
    for x, y in zip(across, down, strict=True):
        if np.isfinite(y):
            pieces.append(f"{'L' if joins else 'M'}{_units(x)} {_units(y)}" + ("" if joins else "h0"))
        joins = bool(np.isfinite(y))
    return "".join(pieces)


def _units(place: float) -> int:
    return round(GRID * float(place))
