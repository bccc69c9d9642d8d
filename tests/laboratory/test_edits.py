"""Edits that are kept: painted cells, files that strangers wrote, and networks into which edits are written."""

import pytest
import torch
from torch import nn

from vizcore import Probe, Unit, bundled_image, open_probe
from vizcore.laboratory import with_edits
from vizcore.laboratory.edits import Edit, painted, parsed, restored, saved, wraps_of, written


@pytest.fixture(scope="module")
def probe() -> Probe:
    return open_probe("tiny-vgg")


@pytest.mark.parametrize(
    "text",
    ["remove conv4.relu:5", "boost conv2.relu:3; remove conv2.relu:4; boost conv2.relu:4", "remove scores:16",
     "boost conv6", "remove conv3.conv:7", "remove conv5.norm:1; boost conv1.relu:0"],
)  # fmt: skip
def test_a_sibling_answers_as_the_network_does_with_the_edits_in_force(probe, text):
    text = text.replace("boost conv6", "boost conv6.relu")
    pictures = torch.stack([probe.prepare(bundled_image(name)) for name in ("rocket", "flower")])
    expected, _ = probe.run(pictures, wraps=wraps_of(probe, parsed(probe, text), pictures[0]))
    sibling = with_edits(probe, text)
    scores, _ = sibling.run(pictures)
    torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-3)
    assert (scores - probe.run(pictures)[0]).abs().max() > 1e-3 and sibling.digest != probe.digest
    assert sibling.labels == probe.labels and sibling.name == f"tiny-vgg~{text}"


class Forked(nn.Module):
    """What a rectifier gets is read by another layer as well; a last layer saturates."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.end = nn.Conv2d(3, 4, 1), nn.ReLU(), nn.ReLU6()
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        with torch.no_grad():
            self.conv.weight.copy_(torch.arange(12.0).view(4, 3, 1, 1))

    def forward(self, pixels):
        before = self.conv(pixels)
        return self.pool(self.end(self.relu(before) + before))


def test_what_no_weights_can_say_is_refused_in_a_sentence(probe):
    forked = Probe(Forked(), name="forked", input_size=8)
    with pytest.raises(ValueError, match="cannot be written into its weights"):
        with_edits(forked, "remove relu:2")  # the channel from before the rectifier is still added
    with pytest.raises(ValueError, match="cannot be written into its weights"):
        with_edits(forked, "boost end:1")
    with pytest.raises(ValueError, match="depends on a picture"):
        with_edits(probe, "transplant pool2")
    with pytest.raises(ValueError, match="single cells"):
        with_edits(probe, "remove conv4.relu:5@2,3+2,4")


def test_painted_cells_are_one_edit_that_silences_them_and_no_others(probe):
    page = torch.ones(3, 96, 96)
    page[:, 12:37, 6:12] = 0  # of cells of six pixels: rows 2 to 5, column 1, and a sixth of row 6
    unit = Unit("conv4.relu", 5)
    edit = Edit("remove", painted(probe, unit, page))
    assert str(edit) == "remove conv4.relu:5@2,1+3,1+4,1+5,1"
    assert parsed(probe, written([edit])) == [edit]
    cat = probe.prepare(bundled_image("cat"))[None]
    _, before = probe.run(cat, ["conv4.relu"])
    _, after = probe.run(cat, ["conv4.relu"], wraps_of(probe, [edit], cat[0]))
    expected = before["conv4.relu"].clone()
    expected[0, 5, 2:6, 1] = 0
    assert torch.equal(after["conv4.relu"], expected) and not torch.equal(expected, before["conv4.relu"])
    with pytest.raises(ValueError, match="nothing was painted"):
        painted(probe, unit, torch.ones(3, 9, 9))
    with pytest.raises(ValueError, match="no longer knows where"):
        painted(probe, Unit("scores", 3), page)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[1, 2]", b"3", b'{"name": "a"}', b"[" * 100_000,
     b'{"name": 1, "network": "a", "edits": "", "donor": ""}', saved("a" * 200_000, "b", "c", "d")],
)  # fmt: skip
def test_a_file_that_holds_no_edits_is_told(content):
    with pytest.raises(ValueError, match=r"this file holds .*\.$"):
        restored(content)
