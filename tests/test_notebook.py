"""Results show themselves in a notebook, whatever words they carry; the tour runs, and every cell shows something."""

import ast
import io
import json
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from vizcore import Frame, Map, Prediction, bundled_image, load_image, open_probe
from vizcore.adversarial import Attack
from vizcore.imaging import render, sheet
from vizcore.probe.prediction import Predictions

TOUR = Path(__file__).resolve().parent.parent / "examples" / "tour.ipynb"
HOSTILE = '<script>alert("1 & 2")</script>'


class Seen(HTMLParser):
    """What a reader sees of HTML: its pictures, its words, and which elements there are."""

    def __init__(self, html: str):
        super().__init__()
        self.pictures, self.words, self.elements, self.open = [], "", set(), []
        self.feed(str(html))  # as plain text, which no longer escapes what is added to it
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        if tag == "img":
            kind, _, content = dict(attributes)["src"].partition(";base64,")
            assert kind in ("data:image/png", "data:image/jpeg")
            self.pictures.append(load_image(b64decode(content)))
        elif tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def seen(result: Any) -> Seen:
    return Seen(result._repr_html_())


def levels(picture: torch.Tensor) -> torch.Tensor:
    """A picture in the 8 bits of a file."""
    return (picture.clamp(0, 1) * 255).round()


def test_a_map_shows_its_colours_its_range_and_its_note():
    map = Map(torch.tensor([[0.0, -2.0], [1.0, 0.5]]), signed=True, measure=HOSTILE, note="Coarse.")
    shown = seen(map)
    assert levels(shown.pictures[0]).equal(levels(render.heatmap(map)))
    assert shown.words == f"{HOSTILE}, from −2.00 to 1.00. Coarse." and "script" not in shown.elements


def test_predictions_show_bars_as_long_as_the_probabilities():
    answers = Predictions([Prediction(HOSTILE, 0, 0.75, 2.0), Prediction("cat", 1, 0.0625, 1.0)])
    html = answers._repr_html_()
    assert Seen(html).words == f"{HOSTILE}75.0%cat6.2%" and "script" not in Seen(html).elements
    assert "width: 75.0%" in html and "width: 6.2%" in html


def test_a_network_gives_predictions_that_are_a_list():
    answers = open_probe("tiny-vgg").predict(bundled_image("cat"), k=3)
    assert isinstance(answers, list) and len(answers) == 3
    assert seen(answers).words.startswith(answers[0].label)


def test_a_frame_shows_its_pictures_and_what_is_weighed():
    pictures = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    shown = seen(Frame(3, 12, pictures, {HOSTILE: 0.5}))
    assert [levels(one).equal(levels(wanted)) for one, wanted in zip(shown.pictures, pictures, strict=True)] == [1, 1]
    assert shown.words == f"step 3 of 12, {HOSTILE} 0.500"
    assert len(seen(Frame(1, 1, pictures[0])).pictures) == 1


def test_a_frame_shows_a_map_as_the_map_does_and_anything_else_as_text():
    map = Map(torch.ones(2, 2), signed=False, measure="score")
    assert map._repr_html_() in Frame(1, 2, map)._repr_html_()
    assert seen(Frame(1, 2, None)).words == "step 1 of 2"
    assert seen(Frame(1, 2, HOSTILE)).words == f"{HOSTILE!r}step 1 of 2"


def test_an_attack_shows_each_picture_before_and_after_and_ten_times_the_change():
    before = torch.full((2, 3, 4, 4), 0.5)
    after, classes = before + torch.tensor([0.02, -0.04]).view(2, 1, 1, 1), torch.tensor([7, 8])
    attack = Attack(before, after, classes, torch.tensor([7, 9]), torch.tensor([False, True]), epsilon=0.04)
    shown = seen(attack)
    wanted = [before[0], attack.difference(10)[0], after[0], before[1], attack.difference(10)[1], after[1]]
    assert all(levels(one).equal(levels(two)) for one, two in zip(shown.pictures, wanted, strict=True))
    assert "class 8ten times the change, of at most 10.2 of 255class 9" in shown.words
    assert shown.words.endswith("1 of 2 succeeded")


@pytest.mark.parametrize("photographs", [False, True], ids=["png", "jpeg"])
def test_a_sheet_shows_its_file(photographs):
    made = sheet(torch.rand(5, 3, 8, 8), photographs=photographs)
    shown = seen(made)
    assert shown.pictures[0].equal(load_image(Image.open(io.BytesIO(made.file))))


def shown_by(cell: str, names: dict) -> Any:
    """Run a cell as a notebook does; what it shows is the value of its last line."""
    body = ast.parse(cell)
    assert isinstance(body.body[-1], ast.Expr), f"the cell ends without showing anything:\n{cell}"
    shown = ast.Expression(body.body.pop().value)
    exec(compile(body, "tour.ipynb", "exec"), names)
    return eval(compile(shown, "tour.ipynb", "eval"), names)


@pytest.mark.slow
def test_the_tour_runs_and_keeps_no_outputs():
    cells = [cell for cell in json.loads(TOUR.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    names = {"__name__": "__main__"}
    shown = [shown_by("".join(cell["source"]), names) for cell in cells]
    for result in shown:
        assert isinstance(result, (Image.Image, list)) or seen(result).pictures
    assert names["tiny"].predict(names["painted"].picture)[0].label == "goldfish"
    assert names["attack"].success.all() and names["attack"].classes.item() == names["koala"]
    assert names["needed"].flipped and names["needed"].before[0].label == "tabby"


def test_the_tour_visits_every_chapter():
    text = TOUR.read_text()
    assert all(f"from vizcore.{chapter} import" in text for chapter in (
        "inspection", "representation", "attribution", "synthesis", "adversarial", "laboratory"))  # fmt: skip
