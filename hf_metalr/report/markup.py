"""HTML by small functions. Text is escaped here and nowhere else."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already: written by this package, its parts escaped."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Return a value as HTML; what is no `Markup` is escaped.

    >>> text("<script>"), text(Markup("<b>"))
    ('&lt;script&gt;', '<b>')
    """
    return value if isinstance(value, Markup) else Markup(escape(str(value), quote=True))


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
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in values.items()))


def section(identifier: str, title: str, *parts: object) -> Markup:
    """Return a section with its heading; nothing where all parts are empty."""
    kept = [part for part in parts if str(part)]
    return element("section", element("h2", title), *kept, id=identifier) if kept else Markup()
