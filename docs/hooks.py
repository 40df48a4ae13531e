"""Hooks of MkDocs: the table of training arguments, from the help texts of the dataclass, and formulas as MathML."""

import ast
import html
import re
from pathlib import Path

from latex2mathml.converter import convert

ARGUMENTS = Path(__file__).parents[1] / "hf_metalr" / "trainer" / "arguments.py"
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
    """Return one row per field of `MetaLRTrainingArguments`: name, default, help. Read, not imported: that is fast."""
    rows = ["| argument | default | |", "|---|---|---|"]
    for node in ast.walk(ast.parse(ARGUMENTS.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.value.keywords}
            text = keywords["metadata"]["help"].replace("|", "\\|").replace("%%", "%").replace("*", "\\*")
            rows.append(f"| `{ast.unparse(node.target)}` | `{keywords['default']!r}` | {text} |")
    return "\n".join(rows)
