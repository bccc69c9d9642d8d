"""What the pages under test have drawn: the data of their canvases, and their numbers."""

import base64
import json
import re

import torch
from streamlit.testing.v1 import AppTest


def canvas(app: AppTest, key: str) -> dict:
    """What was given to the canvas of that key."""
    (found,) = [element.proto for element in app.get("bidi_component") if element.proto.id.endswith(f"-{key}")]
    return json.loads(found.json)[0]


def canvases(app: AppTest) -> list[str]:
    """The keys of all canvases on the page."""
    return [re.sub(r"^.*?-[0-9a-f]{32}-", "", element.proto.id) for element in app.get("bidi_component")]


def values(canvas: dict) -> torch.Tensor:
    """The map of a canvas, as the browser reads it: (rows, columns)."""
    numbers = torch.frombuffer(bytearray(base64.b64decode(canvas["values"])), dtype=torch.float32)
    return numbers.view(canvas["rows"], canvas["columns"])


def numbers(app: AppTest) -> dict[str, str]:
    """The page's row of numbers, by name."""
    text = next(element.proto.body for element in app.get("html") if 'class="numbers"' in element.proto.body)
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)<small>", text))


def drawn(app: AppTest) -> str:
    """Everything the page has drawn as markup."""
    return " ".join(element.proto.body for element in app.get("html"))
