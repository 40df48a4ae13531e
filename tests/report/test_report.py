"""The page says what the files say, needs nothing else, and lets nothing out of a file become markup."""

import base64
import hashlib
import io
import re

import numpy as np
import pytest
from PIL import Image

from hf_metalr.report import Run, build_report
from hf_metalr.transferability.profile import TransferabilityProfile
from tests.plotting.histories import full_history
from tests.report.page import Page, layer

ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def test_the_page_is_sound_and_needs_no_other_file() -> None:
    page = Page(build_report(Run("a run", full_history())))
    assert page.open == []
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "srcset", "poster") and value is not None
    ]
    assert addresses
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    assert not page.all("link")
    style = "".join(page.texts["style"])
    assert "@import" not in style
    assert "url(" not in style
    identifiers = {attributes.get("id") for _, attributes in page.elements}
    assert all(link["href"][1:] in identifiers for link in page.all("a"))


def test_the_policy_allows_the_pages_own_script_alone() -> None:
    page = Page(build_report(Run("a run", full_history())))
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    (script,) = [text for text in page.texts["script"] if not text.startswith("{")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
    ]


def test_nothing_out_of_a_file_becomes_markup() -> None:
    rows = [
        {"step": step, "base_lr": {ATTACK: 1e-3, "b": 1e-4}, "hypergradient": {ATTACK: 1.0}, "skipped": ATTACK}
        for step in (1, 2)
    ]
    profile = TransferabilityProfile((layer(ATTACK), layer("b")), ATTACK, ATTACK, ATTACK, recipe=ATTACK)
    texts = {ATTACK: ATTACK}
    run = Run(ATTACK, rows, [ATTACK], {}, texts, {ATTACK: {ATTACK: 1.0}}, texts, texts, profile)
    html, plain = (
        build_report(run),
        build_report(Run("a", rows[:1], profile=TransferabilityProfile((layer("b"),), "", "", ""))),
    )
    page = Page(html)
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in Page(plain).elements} | {"dl", "dt", "dd"}
    assert [script.get("id") for script in page.all("script")] == ["data", None]
    assert page.data()["groups"] == [ATTACK, "b"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    for tag in ("title", "h1", "dt", "dd", "caption", "th", "span"):
        assert tag == "caption" or ATTACK in "".join(page.texts[tag]), tag


def test_values_under_the_pointer_are_those_of_the_history() -> None:
    rows = full_history(3, steps=8)
    data = Page(build_report(Run("a", rows))).data()
    assert data["steps"] == [row["step"] for row in rows]
    for group, rates in zip(data["groups"], data["rates"], strict=True):
        assert rates == pytest.approx([row["base_lr"][group] for row in rows], rel=5e-3)
    assert data["low"] < min(map(min, data["rates"]))
    assert data["high"] > max(map(max, data["rates"]))
    assert len(data["spans"]) == len(data["pushes"][0]) + 1
    assert data["pushes"][0][0] < 0 < data["pushes"][-1][0]  # the history asks for less at the input, more at the head


def test_lines_are_where_the_rates_are() -> None:
    rows = full_history(3, steps=5)
    page = Page(build_report(Run("a", rows)))
    data = page.data()
    paths = [path["d"] for path in page.all("path") if path.get("class") not in ("grid", "leader")]
    assert len(paths) == 3
    for path, rates in zip(paths, data["rates"], strict=True):
        points = [tuple(map(int, point.split())) for point in re.findall(r"[ML](\d+ \d+)", path)]
        assert [x for x, _ in points] == [0, 250, 500, 750, 1000]
        expected = [1 - np.log(rate / data["low"]) / np.log(data["high"] / data["low"]) for rate in rates]
        assert [y / 1000 for _, y in points] == pytest.approx(expected, abs=5e-3)
    dashed = [path for path in page.all("path") if path.get("class") == "head"]
    assert [path["d"] for path in dashed] == [paths[-1]]


def test_a_head_far_off_does_not_dim_the_map_of_the_body() -> None:
    # catches: colours that span the head too, which leave all layers in one shade
    rows = [{"step": step, "base_lr": {"a": 1e-5 * 2**step, "b": 2e-4, "head": 2e-2}} for step in (1, 2, 3)]
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))).convert("L"), int)
        for image in Page(build_report(Run("a run", rows, ["head"]))).all("img")
    ]
    body = pictures[0][:2]
    assert body.max() - body.min() > 150
    assert "; head up to 2e-2" in build_report(Run("a run", rows, ["head"]))
    assert "; head up to" not in build_report(Run("a run", rows, []))


def test_sixty_groups_over_five_thousand_steps_stay_below_a_megabyte() -> None:
    rows = full_history(60, steps=1)
    rng = np.random.default_rng(0)
    many = [
        rows[0]
        | {
            "step": step,
            "base_lr": dict(zip(rows[0]["base_lr"], rng.uniform(1e-6, 1e-2, 60).tolist(), strict=True)),
            "hypergradient": dict(zip(rows[0]["base_lr"], rng.normal(size=60).tolist(), strict=True)),
        }
        for step in range(1, 5001)
    ]
    html = build_report(Run("a", many))
    assert len(html.encode()) < 1_000_000
    assert "240 of 5000 meta steps are drawn" in html
    assert Page(html).data()["steps"][-1] == 5000


@pytest.mark.parametrize(
    "rows",
    [
        full_history(2, steps=1),
        [{"step": 7, "base_lr": {"head": 1e-3}}],
        [{"step": step, "base_lr": {"stem": 0.0, "head": 1e-3}, "skipped": "why"} for step in (1, 2)],
    ],
    ids=["one step", "no hypergradients", "frozen group"],
)
def test_degenerate_histories_have_a_page(rows) -> None:
    html = build_report(Run("a", rows))
    page = Page(html)
    assert page.open == []
    assert "nan" not in re.sub(r"[A-Za-z0-9+/]{200,}", "", html).lower().split("<main>")[1]
    assert [path for path in page.all("path") if path.get("class") == "head"]
    if "hypergradient" not in rows[0]:
        assert "hypergradients" not in [attributes.get("id") for attributes in page.all("section")]


def test_every_chart_has_words_and_a_name_for_the_keyboard() -> None:
    page = Page(build_report(Run("a", full_history())))
    plots = [element for element in page.all("div") if element.get("class") == "plot"]
    assert len(plots) == 3
    assert all(plot["tabindex"] == "0" and plot["aria-label"] for plot in plots)
    assert all(len(image["alt"]) > 30 for image in page.all("img"))
    assert all(drawing.get("aria-hidden") or len(drawing["aria-label"]) > 30 for drawing in page.all("svg"))
    assert page.all("html") == [{"lang": "en"}]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_rings_and_dots_of_the_table_lie_where_rates_began_and_ended() -> None:
    rows = full_history(3, steps=9)
    rows[-1]["base_lr"] |= {"stem": 1e-6, "head": 1e-2}
    page = Page(build_report(Run("a", rows)))
    begun, ended = (
        [float(re.search(r"left:([\d.]+)%", mark["style"])[1]) for mark in page.all(tag) if "left" in mark["style"]]
        for tag in ("u", "b")
    )
    assert len(begun) == len(ended) == 3
    assert all(0 < place < 100 for place in [*begun, *ended])  # a place outside would be moved to the edge
    assert ended[0] < begun[0]  # the input's rate fell, the head's rose
    assert ended[2] > begun[2]
    assert ended[1] == pytest.approx(begun[1])


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out_in_both_modes(mode) -> None:
    style = Page(build_report(Run("a", full_history(60)))).texts["style"][0]
    colours = {
        name: found[mode]
        for name in ("page", "raised", "ink", "soft", "accent", "head")
        if (found := re.findall(rf"--{name}: (#\w+)", style))
    }
    assert len(colours) == 6
    for name in ("ink", "soft", "accent", "head"):
        assert contrast(colours[name], colours["page"]) >= 4.5, name
        assert contrast(colours[name], colours["raised"]) >= 4.5, name
    for index in range(60):
        line = re.findall(rf"--c{index}:(#\w+);", style)[mode]
        assert contrast(line, colours["page"]) >= 3.0, index


def test_long_names_are_cut_where_they_are_all_alike() -> None:
    """Names share their beginnings, so one too long for its place keeps its end; wide screens give it more room."""
    page = {}
    for prefix in ("", "base_model.model.encoder."):
        page[prefix] = build_report(Run("run", full_history(5, prefix=prefix)))
    longest = "base_model.model.encoder.layer.0"
    assert f'<span title="{longest}"><bdi>{longest}</bdi></span>' in page["base_model.model.encoder."]
    assert re.search(r"\.end, \.rows span \{ direction: rtl; \}", page[""])
    short, long = (float(re.search(r"--names:([\d.]+)rem", html)[1]) for html in page.values())
    assert short < long < 15  # the map keeps most of 60 rem


def test_names_break_at_their_seams_and_stay_what_they_are() -> None:
    html = build_report(
        Run("a", full_history(3), facts={"model": "Bert2BertForTokenClassification", "data": "a_b.csv"})
    )
    assert "<dd>Bert2<wbr>Bert<wbr>For<wbr>Token<wbr>Classification</dd>" in html
    assert "<dd>a_b.csv</dd>" in html  # short enough for any place
    assert "Bert2BertForTokenClassification" in "".join(Page(html).texts["dd"])


@pytest.mark.parametrize(("steps", "ticks"), [(1, ["1"]), (3, ["1", "2", "3", "4"])])
def test_a_map_of_one_meta_step_has_its_step_alone_as_a_tick(steps, ticks) -> None:
    html = build_report(Run("a", full_history(3, steps)))
    for part in html.split('data-kind="')[2:]:
        assert re.findall(r'class="tick x[^>]*>(\d+)<', part.split("</section>")[0]) == ticks
