"""Live decoding: a frame comes back as `decode` draws the same pixels, and with what the network answers to each."""

import io
import json
import struct

import pytest
import torch
from PIL import Image

from tests.corpora.samples import probe as toy
from tests.pictures import encoded
from vizcore import bundled_image, load_image, open_probe, to_picture
from vizcore.imaging import percent
from vizcore.laboratory.live_decoding import live_decoding
from vizcore.synthesis import decode, decoded_layers


def unpacked(message: bytes) -> tuple[list, torch.Tensor]:
    """The answers of a message, and its pictures side by side (3, S, layers * S)."""
    (length,) = struct.unpack("<I", message[:4])
    picture = load_image(Image.open(io.BytesIO(message[4 + length :])))
    return json.loads(message[4 : 4 + length])["answers"], picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_frame_decoded_live_is_what_decode_draws_of_the_same_pixels(kind):
    probe = open_probe("tiny-vgg")
    content = encoded(to_picture(probe.prepare(bundled_image("coffee"))), kind)
    answers, drawn = unpacked(live_decoding(probe, content))
    pixels = load_image(content)
    expected = [decode(probe, pixels, layer) for layer in decoded_layers(probe)]
    torch.testing.assert_close(drawn, torch.cat(expected, 2), rtol=0, atol=0.5 / 255 + 1e-4)
    best = [probe.predict(picture, k=1)[0] for picture in (pixels, *expected)]
    assert answers == [[one.label, percent(one.probability)] for one in best]


def test_what_cannot_be_decoded_gets_a_sentence():
    with pytest.raises(ValueError, match="toy has no trained decoders"):
        live_decoding(toy(), b"")
    with pytest.raises(ValueError, match="send one of a million"):
        live_decoding(open_probe("tiny-vgg"), encoded(to_picture(torch.zeros(3, 1000, 1100)), "PNG"))
