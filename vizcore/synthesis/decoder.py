"""Decoders: up-convolutional networks that were trained to turn a layer's answer back into the picture it came from."""

import json
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from vizcore.dial import Range
from vizcore.folders import project_folder
from vizcore.method import Method
from vizcore.probe import Probe, checked

FOLDER = project_folder() / "assets" / "decoders"
LEAK = 0.2  # of the rectifiers, as the paper has it
PAPER = "Dosovitskiy and Brox 2016, *Inverting Visual Representations with Convolutional Networks*"


class Decoder(nn.Module):
    """An up-convolutional network: from a layer's answer (N, C, H, W) to pictures (N, 3, S, S) in [0, 1].

    Dosovitskiy and Brox 2016: a code without places is spread over 4 x 4 places first. Then every place becomes 2 x 2,
    and a convolution of 3 x 3 with a leaky rectifier follows, again and again; the last gives the colours. Repeating
    places instead of filling in zeros leaves no checkerboard (Odena et al. 2016). Codes are counted in their own
    deviations, which `mean` and `deviation` keep for every channel.

    >>> with torch.device("meta"):
    ...     decoder = Decoder((256, 1, 1), (128, 64, 32, 16))
    >>> [tuple(layer.weight.shape) for layer in decoder.doublings]
    [(64, 128, 3, 3), (32, 64, 3, 3), (16, 32, 3, 3), (3, 16, 3, 3)]
    """

    def __init__(self, code: tuple[int, int, int], widths: tuple[int, ...]):
        super().__init__()
        channels, side, _ = code
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        first = nn.Linear(channels, widths[0] * 16) if side == 1 else nn.Conv2d(channels, widths[0], 3, padding=1)
        self.first = first
        self.doublings = nn.ModuleList(nn.Conv2d(wide, less, 3, padding=1) for wide, less in pairwise((*widths, 3)))

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        code = (code - self.mean.view(-1, 1, 1)) / self.deviation.view(-1, 1, 1)
        if isinstance(self.first, nn.Linear):
            maps = self.first(code.flatten(1)).view(len(code), -1, 4, 4)
        else:
            maps = self.first(code)
        for conv in self.doublings:
            maps = conv(F.interpolate(F.leaky_relu(maps, LEAK), scale_factor=2, mode="nearest"))
        return maps.sigmoid()


@cache
def decoders() -> dict[str, dict[str, Path]]:
    """The decoders that come with the project: for every network that has some, its layers and their files.

    >>> {network: list(layers) for network, layers in decoders().items()}
    {'tiny-vgg': ['conv3.relu', 'conv5.relu', 'pool3']}
    """
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(FOLDER.glob("*/*.safetensors")):
        found.setdefault(file.parent.name, {})[file.stem] = file
    return found


@lru_cache(maxsize=16)
def opened(network: str, layer: str, device: torch.device) -> tuple[Decoder, str]:
    """A decoder that comes along, frozen, and the digest of the network whose layer it decodes."""
    with safe_open(decoders()[network][layer], framework="pt", device=str(device)) as file:
        kept = file.metadata()
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (no mapping)
    with torch.device("meta"):  # no weights are drawn, which would take from the random numbers of others
        decoder = Decoder(tuple(json.loads(kept["code"])), tuple(json.loads(kept["widths"])))
    decoder.load_state_dict(weights, assign=True)
    return decoder.requires_grad_(False), kept["digest"]


def decoded_layers(probe: Probe) -> tuple[str, ...]:
    """The layers of a network whose answers can be decoded, from the first to the last; none for most networks.

    >>> from vizcore import open_probe
    >>> decoded_layers(open_probe("tiny-vgg"))
    ('conv3.relu', 'conv5.relu', 'pool3')
    """
    layers = decoders().get(probe.name, {})
    known = [layer for layer in layers if opened(probe.name, layer, probe.device)[1] == probe.digest]
    return tuple(layer for layer in probe.layers if layer in known)


def decoder_of(probe: Probe, layer: str) -> Decoder:
    """The decoder of a layer; a ValueError that names those there are where it has none."""
    layers = decoded_layers(probe)
    if layer not in layers:
        have = {probe.name: layers} if layers else {f"the bundled {network}": of for network, of in decoders().items()}
        have = " and ".join(f"{network} has them for {listed(tuple(of))}" for network, of in have.items())
        raise ValueError(f"there is no trained decoder of {layer} in {probe.name}; {have}.")
    return opened(probe.name, layer, probe.device)[0]


def listed(names: tuple[str, ...]) -> str:
    """Names as a sentence has them.

    >>> listed(("conv3.relu", "conv5.relu", "pool3"))
    'conv3.relu, conv5.relu and pool3'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def decode(probe: Probe, image: torch.Tensor, layer: str) -> torch.Tensor:
    """Draw at once what a layer's answer to an image says of it, by a network that was trained to turn answers back.

    Dosovitskiy and Brox 2016: an up-convolutional network D learned from photographs, so that D(Phi(x)) is near x; of
    all the pictures that give the same answer it draws about their average, where inversion by optimisation searches
    for one. That of the deepest layer also learned to please a discriminator (their paper at NIPS 2016), which makes
    it sharper. Which layers have a decoder, `decoded_layers` tells; a ValueError for another.

    An image (3, H, W) gives a picture (3, S, S), S the network's input size; several (N, 3, H, W) give as many.

    >>> from vizcore import bundled_image, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> probe.predict(decode(probe, cat, "conv3.relu"))[0].label
    'tabby'
    """
    several = isinstance(image, torch.Tensor) and image.ndim == 4
    [pictures] = decoded(probe, image if several else checked(image)[None], [layer])
    return pictures if several else pictures[0]


def decode_depths(probe: Probe, image: torch.Tensor) -> torch.Tensor:
    """Decode an image (3, H, W) from every layer that has a decoder, the deepest last: (layers, 3, S, S).

    Dosovitskiy and Brox 2016, whose figures show so what each layer keeps; the layers are those of `decoded_layers`.

    >>> from vizcore import bundled_image, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> away = (decode_depths(probe, cat) - probe.prepare(cat)).square().mean((1, 2, 3))
    >>> away[0] < away[1] < away[2]
    tensor(True)
    """
    return torch.cat(decoded(probe, checked(image)[None], decoded_layers(probe)))


def walk(
    probe: Probe,
    image: torch.Tensor,
    other: torch.Tensor,
    layer: str,
    *,
    steps: Annotated[int, Range(2, 16, help="pictures on the way, both ends counted")] = 9,
) -> torch.Tensor:
    """Go from one image's code to another's in a straight line, and draw by the trained decoder what lies between.

    Dosovitskiy and Brox 2016, who walk so between the codes of two photographs: D((1 - t) Phi(x) + t Phi(y)), for
    `steps` values of t from 0 to 1: (steps, 3, S, S). The ends are what `decode` draws of the two images.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> way = walk(probe, bundled_image("cat"), bundled_image("coffee"), "conv3.relu", steps=3)
    >>> [probe.predict(picture)[0].label for picture in (way[0], way[-1])]
    ['tabby', 'espresso']
    """
    decoder = decoder_of(probe, layer)
    [(first, second)] = codes(probe, torch.stack([probe.prepare(image), probe.prepare(other)]), [layer])
    along = torch.linspace(0, 1, steps, device=first.device).view(-1, 1, 1, 1)
    return drawn(decoder, torch.lerp(first[None], second[None], along))


def decoded(probe: Probe, images: torch.Tensor, layers: Sequence[str]) -> list[torch.Tensor]:
    """What the decoders of some layers draw of images (N, 3, H, W), all from one pass: (N, 3, S, S) of each layer."""
    of_layers = [decoder_of(probe, layer) for layer in layers]
    return [drawn(decoder, code) for decoder, code in zip(of_layers, codes(probe, images, layers), strict=True)]


def codes(probe: Probe, images: torch.Tensor, layers: Sequence[str]) -> list[torch.Tensor]:
    """The answers of some layers to images (N, 3, H, W), from one pass: (N, C, h, w) of each."""
    _, found = probe.run(torch.stack([probe.prepare(one) for one in images]), layers, scores=False)
    return [found[layer].detach() for layer in layers]


def drawn(decoder: Decoder, code: torch.Tensor) -> torch.Tensor:
    """What a decoder makes of codes, on the processor: (N, 3, S, S)."""
    with torch.no_grad():
        return decoder(code).cpu()


METHODS = (
    Method(
        "Up-convolutional decoder",
        decode,
        formula=r"D^* = \arg\min_D \; \mathbb{E}_x \lVert D(\Phi(x)) - x \rVert^2",
        paper=PAPER,
        misleads="Where the layer does not say, it draws what photographs are like on average, so that blur is doubt "
        "and a detail may come from the pictures it was trained on.",
        engine=(decoded, codes, drawn),
    ),
    Method(
        "Latent walk",
        walk,
        formula=r"x_t = D\big((1 - t) \, \Phi(x) + t \, \Phi(y)\big), \qquad t \in [0, 1]",
        paper="Dosovitskiy and Brox 2016, *Generating Images with Perceptual Similarity Metrics based on Deep "
        "Networks*",
        misleads="No picture need have a code that lies between two others, and what is drawn there is the decoder's "
        "guess.",
        engine=(walk, codes, drawn),
    ),
)
