"""Numbers as they are printed: a whole map reads as its numbers do one at a time."""

import math

import torch

from vizcore.imaging import figures, numbers, ramp_bytes, readings, render
from vizcore.imaging.map import Map


def test_every_number_of_a_map_reads_as_it_does_alone():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(40, 30, generator=generator) * 10.0 ** torch.randint(-8, 8, (40, 30), generator=generator)
    values[0, :5] = torch.tensor([0.0, math.nan, math.inf, -math.inf, 1.0])
    texts, places = readings(values)
    alone = [[figures(value) for value in row] for row in values.tolist()]
    told = [[texts[place] for place in row] for row in places.tolist()]
    differ = sum(one != other for row, others in zip(told, alone, strict=True)
                 for one, other in zip(row, others, strict=True))  # fmt: skip
    assert differ <= 2, "only a number half way between two texts may take the other"
    assert told[0][:5] == ["0", "no number", "∞", "−∞", "1.00"]


def test_a_large_map_has_few_texts():
    values = torch.rand(224, 224, generator=torch.Generator().manual_seed(0))
    texts, places = readings(values)
    assert len(texts) < 2_500 and places.shape == values.shape
    assert torch.frombuffer(bytearray(numbers(places)), dtype=torch.int32).equal(places.flatten().int())


def test_the_browser_covers_the_picture_as_the_overlay_does():
    values = torch.linspace(-1, 1, 256)[None]
    map, image = Map(values, signed=True, measure="score"), torch.full((3, 1, 256), 0.25)
    ramp = torch.frombuffer(bytearray(ramp_bytes("signed", signed=True)), dtype=torch.uint8).view(256, 4) / 255
    colour, covers = ramp[:, :3].T, ramp[:, 3]
    expected = render.overlay(image, map, opacity=1.0)[:, 0]
    torch.testing.assert_close(render.faded(image)[:, 0] * (1 - covers) + colour * covers, expected, atol=0.01, rtol=0)
    assert set(ramp_bytes("unsigned", solid=True)[3::4]) == {255}


def test_what_rounds_to_a_thousand_reads_as_one():
    assert [figures(value) for value in (999.4, 999.5, -999.7, 1000.0)] == ["999", "1,000", "−1,000", "1,000"]
    texts, places = readings(torch.tensor([999.7]))
    assert texts[places[0]] == figures(999.7)
