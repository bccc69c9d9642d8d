"""Live decoding: a picture from a browser in, and out what the trained decoders draw of what every layer made of it."""

import json
import struct

import torch

from vizcore.imaging import percent, png
from vizcore.laboratory.live_frame import frame_image
from vizcore.probe import Predictions, Probe
from vizcore.synthesis.decoder import decode_depths, decoded_layers


def live_decoding(probe: Probe, content: bytes) -> bytes:
    """Decode a picture that came as a file from every layer that has a decoder, and pack the pictures for the browser.

    The length of a note in JSON, the note, then one PNG with the pictures side by side, the shallowest layer first. The
    note says what the network answers to the picture itself and to each that was decoded: label and share in words.
    Raises ValueError for a picture that cannot be, and for a network without decoders.

    >>> import struct
    >>> from vizcore import bundled_image, open_probe
    >>> from vizcore.imaging import jpeg
    >>> probe = open_probe("tiny-vgg")
    >>> message = live_decoding(probe, jpeg(probe.prepare(bundled_image("cat"))))
    >>> (length,) = struct.unpack("<I", message[:4])
    >>> json.loads(message[4 : 4 + length])["answers"][0][0]
    'tabby'
    """
    if not decoded_layers(probe):
        raise ValueError(f"{probe.name} has no trained decoders.")
    image = probe.prepare(frame_image(content))
    pictures = decode_depths(probe, image)
    scores, _ = probe.run(torch.cat([image[None], pictures]))
    shares = probe.probabilities(scores.detach()).cpu()
    best = [Predictions.best(probe.labels, *row, k=1)[0] for row in zip(shares, scores.detach().cpu(), strict=True)]
    note = json.dumps({"answers": [(one.label, percent(one.probability)) for one in best]}).encode()
    return b"".join((struct.pack("<I", len(note)), note, png(torch.cat([*pictures], 2))))
