"""The page of an evaluation: one HTML file that opens from disk and needs no network, no script and no other file."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_metalr.evaluation.figures import TITLES
from hf_metalr.report import page as report_page
from hf_metalr.report.markup import IN_CELL, Markup, definitions, element, joined, prose, section, table

_STYLE = """
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 11rem), 1fr)); gap: 1rem; }
figure { margin: 0; }
figure img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
figcaption { color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
.text { white-space: pre-wrap; border-left: 3px solid var(--line); padding-left: .6rem; overflow-wrap: anywhere; }
"""
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
Examples = Sequence[tuple[str, str, Any]]


def build_page(content: Mapping[str, Any], figures: Mapping[str, Path], examples: Examples) -> str:
    """Return the page.

    Everything out of files is escaped, and the page's own policy forbids any script and any address.

    Args:
        content: of `evaluation.json`, every number finite or None.
        figures: files of the figures by name.
        examples: of the worst errors file, caption, and picture or text.
    """
    sections = [
        section("summary", "Summary", _facts(content), _metrics(content)),
        section("classes", "Classes", _per_class(content)),
        section("figures", "Figures", _figures(figures)),
        section("calibration", "How sure the model may be believed", *_calibration(content)),
        section("thresholds", "Operating points", *_points(content)),
        section("subgroups", "Subgroups", _subgroups(content)),
        section("against", "Against another model", *_against(content)),
        section("worst", "Worst errors", *_worst(content, examples)),
    ]
    return _page(f"{Path(str(content['model'])).name}: evaluation", [part for part in sections if part])


def _facts(content: Mapping[str, Any]) -> Markup:
    groups, rows = content["groups"], content["data"]["rows"]
    left = sum(entry["count"] for entry in rows["left_out"])
    facts = {
        "model": content["model"],
        "data": content["data"]["source"],
        "task": f"{content['task']} of {content['modality']}s",
        "rows evaluated": f"{content['rows']} ({content['split']})",
        "rows left out": f"{left} of {rows['found']}" if left else "none",
        "groups": f"{groups['count']} by {groups['name']}" if groups else "none named: rows are drawn",
        "intervals": f"{content['confidence']:.0%}, {content['bootstraps']} bootstraps",
    }
    return definitions({name: str(value) for name, value in facts.items()})


def _metrics(content: Mapping[str, Any]) -> Markup:
    rows = [(name.replace("_", " "), _with_range(found)) for name, found in content["metrics"].items()]
    return table("Metrics", ("metric", f"value [{content['confidence']:.0%} interval]"), rows)


def _per_class(content: Mapping[str, Any]) -> Markup:
    classes = content.get("per_class")
    if not classes:
        return Markup()
    names = [name for name in classes[0] if name != "class"]
    rows = [
        (
            row["class"],
            *(_with_range(row[name]) if isinstance(row[name], dict) else str(row[name]) for name in names),
        )
        for row in classes
    ]
    return table("By class", ("class", *(name.replace("_", " ") for name in names)), rows)


def _figures(figures: Mapping[str, Path]) -> Markup:
    shown = [_figure(_address(path), TITLES[name]) for name, path in figures.items()]
    return element("div", *shown, class_="figures") if shown else Markup()


def _calibration(content: Mapping[str, Any]) -> list[Markup]:
    found = content.get("calibration")
    if not found:
        return []
    rows = [("as the model answers", f"{found['ece']:.3f}", f"{found['brier']:.3f}")]
    note = "ECE is the mean distance of the reliability line from the diagonal; smaller is better, as of Brier's score."
    if fitted := found.get("temperature"):
        rows.append((f"at temperature {fitted['value']:.3g}", f"{fitted['ece']:.3f}", f"{fitted['brier']:.3f}"))
        note += (
            f" The temperature was fitted on {fitted['fitted_on']} rows of validation, never on the rows shown here."
        )
    return [element("p", note, class_="note"), table("Calibration", ("logits", "ECE", "Brier"), rows)]


def _points(content: Mapping[str, Any]) -> list[Markup]:
    found = content.get("operating_points")
    if not found or not found["points"]:
        return []
    note = (
        f"Thresholds were chosen on {found['chosen_on']} rows of validation; the rates are those of the rows evaluated."
    )
    rates = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")
    rows = [
        (f"{p['class']}: {p['rule']} ≥ {p['at_least']:g}", f"{p['threshold']:.3g}", *(_with_range(p[r]) for r in rates))
        for p in found["points"]
    ]
    heads = (
        "wanted",
        "threshold",
        "sensitivity",
        "specificity",
        "positive predictive value",
        "negative predictive value",
    )
    return [element("p", note, class_="note"), table("Operating points", heads, rows)]


def _subgroups(content: Mapping[str, Any]) -> Markup:
    groups = content.get("subgroups")
    if not groups:
        return Markup()
    names = list(groups[0]["metrics"])
    rows = [
        (
            f"{g['column']}: {g['value']}",
            str(g["rows"]),
            str(g.get("groups", "")),
            *(_with_range(g["metrics"][n]) for n in names),
        )
        for g in groups
    ]
    return table("By subgroup", ("subgroup", "rows", "groups", *(n.replace("_", " ") for n in names)), rows)


def _against(content: Mapping[str, Any]) -> list[Markup]:
    found = content.get("against")
    if not found:
        return []
    rows = [
        (name.replace("_", " "), _with_range(found["metrics"][name]), _with_range(d, sign=True))
        for name, d in found["differences"].items()
    ]
    parts = [
        element("p", f"{found['model']}, on the same rows; differences are this model minus that one.", class_="note"),
        table("Differences", ("metric", "the other model", "difference"), rows),
    ]
    if test := found.get("mcnemar"):
        words = (
            f"McNemar's exact test: this model alone is right in {test['only_this_right']} rows, the other alone in "
            f"{test['only_other_right']}; p = {test['p_value']:.3g}."
        )
        if test["rows_taken_for_independent"]:
            words += " It takes rows for independent, which rows of one group are not: believe the intervals."
        parts.append(element("p", words))
    return parts


def _worst(content: Mapping[str, Any], examples: Examples) -> list[Markup]:
    if not examples:
        return [element("p", "There is no wrong answer among these rows.")] if content["task"] != "segmentation" else []
    note = {
        "segmentation": "The lowest Dice. Green outlines the mask, orange the answer.",
        "regression": "The largest errors.",
    }.get(content["task"], "The answers that are most wrong: the least probability of the truth.")
    if isinstance(examples[0][2], str):
        shown = [
            element("figure", element("p", look, class_="text"), element("figcaption", f"{file}: {words}"))
            for file, words, look in examples
        ]
        return [element("p", note, class_="note"), *shown]
    shown = [_figure(_picture(look), f"{file}: {words}") for file, words, look in examples]
    return [element("p", note, class_="note"), element("div", *shown, class_="worst")]


def _figure(address: str, words: str) -> Markup:
    image = Markup(element("img", src=address, alt=words).removesuffix("</img>"))
    return element("figure", image, element("figcaption", words))


def _address(path: Path) -> str:
    return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _picture(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _with_range(found: Mapping[str, float | None], *, sign: bool = False) -> str:
    form = "+.3f" if sign else ".3f"
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return "undefined"
    return f"{value:{form}}" if low is None or high is None else f"{value:{form}} [{low:{form}}, {high:{form}}]"


def _page(name: str, sections: list[Markup]) -> str:
    style = Path(report_page.__file__).with_name("style.css").read_text(encoding="utf-8") + _STYLE
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    titles = [part.split("<h2>")[1].split("</h2>")[0] for part in sections]
    places = [part.split(' id="')[1].split('"')[0] for part in sections]
    links = (element("a", Markup(title), href=f"#{place}") for title, place in zip(titles, places, strict=True))
    head = joined(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            element("title", name),
            element("style", Markup(style)),
        ]
    )
    body = joined(
        [
            element("header", element("h1", prose(name, IN_CELL)), element("nav", *links, aria_label="Sections")),
            element("main", *sections),
            element("footer", "Written by hf_metalr. This page needs no network."),
        ]
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'
