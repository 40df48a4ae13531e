"""Hook of MkDocs: writes the table of training arguments from the help texts of the dataclass."""

import ast
from pathlib import Path

ARGUMENTS = Path(__file__).parents[1] / "hf_metalr" / "trainer" / "arguments.py"
PLACE = "{{ training_arguments }}"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the table where a page asks for it."""
    return markdown.replace(PLACE, arguments_table()) if PLACE in markdown else markdown


def arguments_table() -> str:
    """Return one row per field of `MetaLRTrainingArguments`: name, default, help. Read, not imported: that is fast."""
    rows = ["| argument | default | |", "|---|---|---|"]
    for node in ast.walk(ast.parse(ARGUMENTS.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.value.keywords}
            text = keywords["metadata"]["help"].replace("|", "\\|").replace("%%", "%").replace("*", "\\*")
            rows.append(f"| `{ast.unparse(node.target)}` | `{keywords['default']!r}` | {text} |")
    return "\n".join(rows)
