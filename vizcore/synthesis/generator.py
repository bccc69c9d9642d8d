"""Generator: activation maximisation in the space of a decoder's codes, so that what is painted stays a picture."""

from collections.abc import Sequence
from typing import Annotated

import torch

from vizcore.ascent import Dials, Step
from vizcore.dial import Choice, Range
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.synthesis.beginnings import STARTS, generators, resized
from vizcore.synthesis.decoder import Decoder, codes, decoders, opened
from vizcore.synthesis.presets import Frames, Pictures, Seed, alone, painted
from vizcore.synthesis.targets import Target, aim, units
from vizcore.synthesis.views import seen_size, whole
from vizcore.zoo import open_probe

NETWORK = "tiny-vgg"  # whose deepest decoder is the prior
SIDE = 64  # of its pictures
RATE, KEPT = 1.0, 0.99  # of a step at first, in deviations of the code; what a step leaves of the code
REACH = 3  # deviations above the mean that a number of the code may have


def generator(
    probe: Probe,
    unit: Target,
    *,
    steps: Annotated[int, Range(8, 400, 8)] = 200,
    pictures: Pictures = 1,
    seed: Seed = 0,
    start: Annotated[
        str | torch.Tensor, Choice(*STARTS, help="The code it begins with; the mean is that of photographs.")
    ] = "noise",
    size: int | None = None,
    rate: Annotated[float, Range(0.05, 2, 0.05, help="of the first step, in deviations of the code")] = RATE,
    weights: Sequence[float] = (),
) -> Frames:
    """Paint only what a trained decoder can draw: the gradient goes on through it, to the code behind the picture.

    Nguyen et al. 2016, DGN-AM: every step changes the code along the gradient, g / mean |g| times a rate that falls to
    zero. Then every number of the code is brought back to between 0 and 3 deviations above the mean that photographs
    give it, and made 1 % smaller. The decoder is that of the deepest layer of `tiny-vgg`, whose code is 256 averages
    and whose pictures have 64 pixels a side; the paper's codes are AlexNet's, with 227 pixels. Here a code is counted
    in the deviations of its numbers. Another network sees the picture enlarged to what it takes,
    and is seldom convinced; `size` enlarges the one that is shown. `start` is the code: "noise" draws it, "zeros" and
    "mean" say it, and an image (3, H, W) gives its own.

    >>> from vizcore import last, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> probe.predict(last(generator(probe, "goldfish", steps=24)).picture)[0].label
    'goldfish'
    """
    decoder = deepest(probe.device)
    size = size or SIDE
    begun = first_code(decoder, start, generators(seed, pictures))
    most = (decoder.mean / decoder.deviation + REACH).view(-1, 1, 1)

    def paint(code: torch.Tensor) -> torch.Tensor:
        return resized(decoder(code * decoder.deviation.view(-1, 1, 1)), size)

    def parts(unit: Target, steps: int, rate: float) -> Dials:
        return {
            "objective": aim(probe, unit, weights),
            "views": [whole(seen_size(probe, *units(probe, unit)))],
            "projections": [lambda code: KEPT * torch.minimum(code.clamp_min(0), most)],
            "step": falling(rate, steps),
            "steps": steps,
        }

    turned = {"unit": unit, "steps": steps, "rate": rate}
    yield from painted(probe, (begun, paint), parts, turned, alone(pictures))


def falling(rate: float, steps: int) -> Step:
    """Steps whose numbers are `rate` on average, which falls in a line to zero over so many steps (Nguyen et al. 2016).

    >>> step = falling(1.0, 4)
    >>> change, count = step(torch.tensor([[3.0, -1.0]]), None)
    >>> change, step(torch.tensor([[3.0, -1.0]]), count)[0]
    (tensor([[ 1.5000, -0.5000]]), tensor([[ 1.1250, -0.3750]]))
    """

    def step(gradient: torch.Tensor, count: int | None) -> tuple[torch.Tensor, int]:
        done = count or 0
        size = gradient.abs().flatten(1).mean(1).view(-1, *[1] * (gradient.ndim - 1))
        now = rate * max(0.0, 1 - done / steps)
        return torch.where(size > 0, now * gradient / size, 0), done + 1

    return step


def deepest(device: torch.device) -> Decoder:
    """The decoder of the deepest layer that has one."""
    *_, layer = decoders()[NETWORK]
    return opened(NETWORK, layer, device)[0]


def first_code(decoder: Decoder, start: str | torch.Tensor, chance: Sequence[torch.Generator]) -> torch.Tensor:
    """The codes (N, C, 1, 1) that an ascent begins with, in deviations, one for each generator."""
    shape = len(decoder.mean), 1, 1
    if isinstance(start, torch.Tensor):
        *_, layer = decoders()[NETWORK]
        images = start if start.ndim == 4 else start[None]
        found = codes(open_probe(NETWORK, device=decoder.mean.device), images, [layer])[0]
        found = found / decoder.deviation.view(shape)
        if len(found) not in (1, len(chance)):
            raise ValueError(
                f"{len(found)} images came to begin {len(chance)} pictures with; give one, or one for each."
            )
    elif start == "noise":
        noise = torch.stack([torch.randn(shape, generator=generator) for generator in chance])
        found = torch.as_tensor(noise, device=decoder.mean.device)
    elif start in STARTS:
        mean = decoder.mean / decoder.deviation
        found = (mean if start == "mean" else 0 * mean).view(1, *shape)
    else:
        raise ValueError(f"there is no start {start!r}; there are {', '.join(STARTS)}, or an image (3, H, W).")
    return found.expand(len(chance), -1, -1, -1).clone()


METHODS = (
    Method(
        "Generator",
        generator,
        formula=r"c^* = \arg\max_{0 \le c \le \mu + 3\sigma} \; S_u\big(D(c)\big), \qquad x^* = D(c^*)",
        paper="Nguyen et al. 2016, *Synthesizing the preferred inputs for neurons in neural networks via deep "
        "generator networks*",
        misleads="The decoder can draw only what it learned from photographs, so that what looks natural is its doing, "
        "and what the unit wants beyond that is not shown.",
    ),
)
