"""What the pages under test have drawn: the data of their canvases, and their numbers."""

import base64
import json
import re

import torch
from playwright.sync_api import Page
from streamlit.testing.v1 import AppTest

from pages.parts.components import FOLDER

MOUNT = """data => {
    window.told = []
    const setTriggerValue = (what, value) => told.push([what, value])
    window.mount = (data) => component({ data: [data], parentElement: document.body, setTriggerValue })
    mount(data)
}"""


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


def mounted(page: Page, name: str, data: dict, *, on: str = "") -> None:
    """Mount one of our components alone on an empty page, as Streamlit does; `mount(data)` there draws it once more,
    and what it tells lies in `told`."""
    html, script = FOLDER.joinpath(f"{name}.html").read_text(), FOLDER.joinpath(f"{name}.js").read_text()
    if on:
        html = html.replace(f"<!-- {on} -->", FOLDER.joinpath(f"{on}.html").read_text())
        script = FOLDER.joinpath(f"{on}.js").read_text() + script
    page.set_content(f"<body>{html}</body>")
    page.add_script_tag(content=script.replace("export default function", "function component"))
    page.evaluate(MOUNT, data)
