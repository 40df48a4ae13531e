"""A page as a browser reads it, and a layer of a profile."""

import json
from html.parser import HTMLParser

from hf_metalr.transferability.profile import LayerTransferability

VOID = {"meta", "img", "wbr"}


class Page(HTMLParser):
    """What a browser would make of a page: elements with attributes, the text of each, and whether all are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def data(self) -> dict:
        return json.loads(next(text for text in self.texts["script"] if text.startswith("{")))


def layer(name: str, ratio: float = 3.0, is_head: bool = False) -> LayerTransferability:
    return LayerTransferability(name, is_head, 1, ratio, ratio * 0.9, ratio * 1.1, 0.0, 1.0, 1 / ratio, 0.1, 1.0)
