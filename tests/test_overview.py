"""The start page's small answers: what they say is what the methods themselves say."""

import pytest

from vizcore import bundled_image, open_probe
from vizcore.laboratory import ablate
from vizcore.laboratory.scalpel import supported
from vizcore.overview import laboratory
from vizcore.probe import Unit


@pytest.mark.parametrize("picture", ["cat", "coffee"])
def test_the_channels_in_colour_are_the_fewest_of_the_powers_of_two_without_which_the_answer_changes(picture):
    probe = open_probe("tiny-vgg")
    image = probe.prepare(bundled_image(picture))
    found = laboratory(probe, image)
    facts = found.facts
    _, support = supported(probe, image[None], facts["layer"], [])
    order = support.argsort(descending=True).tolist()

    def answer(count: int) -> str:
        units = [Unit(facts["layer"], channel) for channel in order[:count]]
        scores, _ = probe.run(image[None], wraps=ablate(probe, units))
        return probe.labels[scores.argmax().item()]

    assert answer(0) == facts["before"] != facts["after"] == answer(facts["removed"])
    assert answer(facts["removed"] // 2) == facts["before"]
    red, _, blue = found.picture
    tinted = (red > blue + 0.1).unfold(0, 48, 52).unfold(1, 48, 52).flatten(2).any(2)
    assert tinted.shape == (8, 8) and tinted.sum() == facts["removed"]
