"""HTML by small functions. Text is escaped here and nowhere else."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

# A browser breaks a number after the hyphen of its exponent, and a long name at any letter.
_EXPONENTIAL = re.compile(r"(?<![\w.])[+−-]?\d[\d.]*e[+-]?\d+(?!\w)")
_SEAM = re.compile(r"(?<=[/_.])(?=[A-Za-z])|(?<=[a-z0-9])(?=[A-Z])")

IN_CELL = 16  # letters that fit into a column of a table or list on a phone


class Markup(str):
    """Text that is HTML already: written by this package, its parts escaped."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Return a value as HTML; what is no `Markup` is escaped.

    >>> text("<script>"), text(Markup("<b>"))
    ('&lt;script&gt;', '<b>')
    """
    return value if isinstance(value, Markup) else Markup(escape(str(value), quote=True))


def prose(value: object, fits: int = 30) -> Markup:
    """Return a value as HTML that breaks into lines at sensible places: no number within, a long name at its seams.

    Args:
        value: what to write; `Markup` stays as it is.
        fits: names of fewer letters are kept whole; that of a paragraph is half of its lines on a phone.

    >>> prose("rate 1e-05"), prose("BertForSequenceClassification", fits=IN_CELL)
    ('rate <span class="whole">1e-05</span>', 'Bert<wbr>For<wbr>Sequence<wbr>Classification')
    """
    if isinstance(value, Markup):
        return value
    numbers = _EXPONENTIAL.sub(lambda found: whole(found.group()), text(value))
    return Markup(re.sub(rf"[\w./-]{{{fits},}}", lambda found: _SEAM.sub("<wbr>", found.group()), numbers))


def whole(value: object) -> Markup:
    """Return a value that is never broken into lines."""
    return element("span", value, class_="whole")


def joined(parts: Iterable[object]) -> Markup:
    """Return the parts one after the other."""
    return Markup("".join(map(text, parts)))


def element(name: str, *children: object, **attributes: object) -> Markup:
    """Return an element; an underscore behind an attribute's name is dropped, others become hyphens, None is left out.

    >>> element("p", "a < b", class_="note", aria_label=None)
    '<p class="note">a &lt; b</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def table(caption: str, header: Sequence[object], rows: Iterable[Sequence[object]], class_: str = "") -> Markup:
    """Return a table whose first column names its rows, within a box that scrolls where the page is narrow."""
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = (
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    )
    content = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    # A box that scrolls must be reachable by keyboard.
    return element("div", content, class_=f"scroll {class_}".strip(), tabindex="0", role="region", aria_label=caption)


def definitions(values: Mapping[str, str]) -> Markup:
    """Return names and their values as a list; nothing without any."""
    if not values:
        return Markup()
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", prose(value, IN_CELL))) for name, value in values.items()),
    )


def section(identifier: str, title: str, *parts: object) -> Markup:
    """Return a section with its heading; nothing where all parts are empty."""
    kept = [part for part in parts if str(part)]
    return element("section", element("h2", title), *kept, id=identifier) if kept else Markup()
