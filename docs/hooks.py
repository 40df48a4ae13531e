"""Hooks of MkDocs: the table of training arguments, from the help texts of the dataclass, and formulas as MathML."""

import html
import re
from dataclasses import fields

from latex2mathml.converter import convert

from hf_metalr.options.learned_rates import LearnedRateOptions

PLACE = "{{ training_arguments }}"
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the table where a page asks for it."""
    return markdown.replace(PLACE, arguments_table()) if PLACE in markdown else markdown


def on_page_content(content: str, **_: object) -> str:
    """Turn the formulas, which Arithmatex leaves in TeX, into MathML."""
    display = {"div": "block", "span": "inline"}
    return FORMULA.sub(lambda found: convert(html.unescape(found[2]).strip(), display=display[found[1]]), content)


def arguments_table() -> str:
    """Return one row per field that `MetaLRTrainingArguments` adds: name, default, help."""
    rows = ["| argument | default | |", "|---|---|---|"]
    for field in fields(LearnedRateOptions):
        text = field.metadata["help"].replace("|", "\\|").replace("%%", "%").replace("*", "\\*")
        rows.append(f"| `{field.name}` | `{field.default!r}` | {text} |")
    return "\n".join(rows)
