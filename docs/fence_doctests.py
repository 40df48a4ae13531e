"""Extension of griffe: fences doctests, which Markdown would take for quotations."""

from typing import Any

import griffe


class FenceDoctests(griffe.Extension):
    """Puts ``` around every run of lines from `>>>` to the next blank line of a docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring with its doctests fenced, at their own indentation."""
    lines: list[str] = []
    fence = None
    for line in text.splitlines():
        if fence is None and line.lstrip().startswith(">>>"):
            fence = line[: len(line) - len(line.lstrip())] + "```"
            lines.append(f"{fence}pycon")
        elif fence is not None and not line.strip():
            lines.append(fence)
            fence = None
        lines.append(line)
    return "\n".join(lines if fence is None else [*lines, fence])
