"""The report: sections in their order, and the page around them."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_metalr.plotting.history_table import HistoryTable, read_table, thinned
from hf_metalr.plotting.pushes import WITHIN, Pushes, measure_pushes, push_scale
from hf_metalr.report.charts import line_chart, push_map, rate_map
from hf_metalr.report.colours import ON_DARK, ON_LIGHT, line_colours
from hf_metalr.report.markup import IN_CELL, Markup, element, joined, prose, section
from hf_metalr.report.run import Run
from hf_metalr.report.scale import LogScale, rate_scale
from hf_metalr.report.tables import metrics_table, rates_table, summary, transferability_table, words_table

# As many as a screen can show apart; the page stays below 1 MB with 60 layer groups.
MOST_STEPS, MOST_SPANS = 240, 100
MANY_LINES = 24  # beyond this they are drawn thinner
# Letters of a layer group's name that fit beside a map (longer ones are cut), and the width of one of them.
LEAST_NAME, MOST_NAME, REM_PER_LETTER = 9, 28, 0.46
DIGITS = 3  # significant ones of a value under the pointer


def build_report(run: Run) -> str:
    """Return the page of a run as HTML that needs no other file and no network.

    Everything out of files is escaped, and the page's own policy forbids any script but its own and any address.
    Histories are thinned to `MOST_STEPS` meta steps (rates) and `MOST_SPANS` spans (means of hypergradients).

    Raises:
        ValueError: the history cannot be drawn; see `hf_metalr.plotting.history_table.read_table`.
    """
    whole = read_table(run.rows)
    table, pushes = thinned(whole, MOST_STEPS), measure_pushes(whole, MOST_SPANS)
    scale = rate_scale(whole.lrs)
    sections = [
        section("summary", "Summary", *summary(run, whole), metrics_table(run.metrics)),
        section("rates", "Learned rates", *_rates(table, scale, run.head_groups, len(whole.steps))),
        section("hypergradients", "Hypergradients", *_pushes(pushes, table.groups, run.head_groups)),
        section("layers", "Rates by layer", *rates_table(run, whole, pushes)),
        section("transferability", "Transferability", *transferability_table(run.profile)),
        section("settings", "Settings", words_table("Settings of the run", ("setting", "value"), run.settings)),
        section("versions", "Versions", words_table("Versions of libraries", ("library", "version"), run.versions)),
    ]
    return _page(run.name, table.groups, [part for part in sections if part], _data(table, pushes, scale))


def _rates(table: HistoryTable, scale: LogScale, head_groups: Sequence[str], steps: int) -> list[Markup]:
    thinner = f" {len(table.steps)} of {steps} meta steps are drawn." if len(table.steps) < steps else ""
    note = (
        "The learned base rate of each layer group; the schedule's factor multiplies it. Lines run from the "
        f"darkest at the input to the lightest at the output; heads are dashed.{thinner}"
    )
    look = " dots" if len(table.steps) == 1 else " many" if len(table.groups) > MANY_LINES else ""
    return [
        element("p", note, class_="note"),
        element("h3", "Over the steps"),
        element("div", line_chart(table, scale, head_groups), class_=f"box{look}"),
        element("h3", "By layer and step"),
        rate_map(table, head_groups),
    ]


def _pushes(pushes: Pushes, groups: Sequence[str], head_groups: Sequence[str]) -> list[Markup]:
    if not np.isfinite(pushes.values).any():
        return []
    scale = push_scale(pushes)
    among = (
        "each column is one meta step"
        if pushes.per_span == 1
        else f"each column is the mean of {pushes.per_span} meta steps; pure noise would be about "
        f"±{pushes.per_span**-0.5:.2f} there"
    )
    note = (
        "Which way each layer's rate was pushed: −∂L/∂ ln α, by how much the meta loss would fall, to first order, if "
        "the rate were larger by a factor e. Each layer is in units of its own root mean square over the run, so that "
        "layers compare. Teal, above 0: a larger rate would have lowered the meta loss; brown, below 0: a smaller "
        f"rate. Colours follow a symmetric logarithm, linear to about ±{scale.width:.2g}; {WITHIN} % of the pushes lie "
        f"within ±{scale.limit:.2g}. Here {among}."
    )
    unknown = element("p", element("i", class_="unknown"), "not finite, or skipped", class_="legend")
    return [
        element("p", note, class_="note"),
        push_map(pushes, groups, head_groups),
        unknown if np.isnan(pushes.values).any() else Markup(),
    ]


def _data(table: HistoryTable, pushes: Pushes, scale: LogScale) -> str:
    """Return the values under the pointer as JSON that cannot end its own element."""
    content = {
        "groups": list(table.groups),
        "steps": table.steps.tolist(),
        "low": scale.low,
        "high": scale.high,
        "rates": _short(table.lrs),
        "spans": pushes.edges.tolist(),
        "pushes": _short(np.round(pushes.values, 2)),
    }
    written = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _short(values: np.ndarray) -> list[list[Any]]:
    return [[float(f"{v:.{DIGITS}g}") if np.isfinite(v) else None for v in row] for row in values]


def _page(name: str, groups: Sequence[str], sections: list[Markup], data: str) -> str:
    here = Path(__file__).parent
    script = (here / "script.js").read_text(encoding="utf-8")
    style = (here / "style.css").read_text(encoding="utf-8") + _variables(groups)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    titles = [part.split("<h2>")[1].split("</h2>")[0] for part in sections]
    places = [part.split(' id="')[1].split('"')[0] for part in sections]
    links = (element("a", Markup(title), href=f"#{place}") for title, place in zip(titles, places, strict=True))
    head = joined(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            element("title", f"{name}: learned rates"),
            element("style", Markup(style)),
        ]
    )
    body = joined(
        [
            element("header", element("h1", prose(name, IN_CELL)), element("nav", *links, aria_label="Sections")),
            element("main", *sections),
            element("footer", "Written by hf_metalr (MetaLR, arXiv 2206.01408). This page needs no network."),
            element("script", Markup(data), type="application/json", id="data"),
            element("script", Markup(script)),
        ]
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _variables(groups: Sequence[str]) -> str:
    """Return the colour of each line, and the room beside a map that its names take on a wide screen."""
    count, longest = len(groups), max(map(len, groups))
    names = round(min(max(longest, LEAST_NAME), MOST_NAME) * REM_PER_LETTER, 1)
    light, dark = (
        "".join(f"--c{index}:{colour};" for index, colour in enumerate(line_colours(count, part)))
        for part in (ON_LIGHT, ON_DARK)
    )
    return f":root{{--names:{names}rem;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
