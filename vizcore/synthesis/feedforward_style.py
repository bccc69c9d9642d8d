"""Style in one pass: a small network that learned to paint, so that a picture takes one forward and no ascent."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Annotated

import torch
import torch.nn.functional as F
from safetensors import safe_open

from vizcore.dial import Choice, Range
from vizcore.folders import project_folder
from vizcore.imaging import luminance
from vizcore.method import Method
from vizcore.probe import checked
from vizcore.synthesis.any_size import longest, resized
from vizcore.synthesis.painter import Painter
from vizcore.synthesis.style_pictures import STYLES, known_style

WEIGHTS = project_folder() / "assets" / "weights" / "styles.safetensors"
EDGE = 16  # pixels around a picture

StyleName = Annotated[str, Choice(*STYLES)]


def stylize(
    image: torch.Tensor,
    style_name: str,
    *,
    own_colours: bool = False,
    size: Annotated[
        int, Range(128, 1024, 64, help="Longer side of the picture, in pixels; strokes keep their size.")
    ] = 512,
) -> torch.Tensor:
    """Paint a picture in one of five styles, in one pass through a small network.

    Johnson et al. 2016: the network was trained so that what it paints is near its content and its style by the
    measures of style transfer, and so learned in advance what `style` climbs to for every picture anew. Every channel
    is normalised within the picture (Ulyanov et al. 2017); of all the network's numbers, only the scale and the shift
    after that are a style's own (Dumoulin et al. 2017). The picture (3, H, W), or a batch (N, 3, H, W), is resized to
    `size` pixels along its longer side. With its `own_colours` it keeps its hues, and only what is bright and dark is
    painted (Gatys et al. 2016). Raises ValueError that names the nearest style where there is none of that name.

    >>> from vizcore import bundled_image
    >>> cat = stylize(bundled_image("cat"), "night", size=128)
    >>> round((cat[2].mean() / cat[0].mean()).item())  # times as much blue as red
    4
    """
    mix = one_style(style_name)
    several = getattr(image, "ndim", 3) == 4
    pictures = resized_batch([checked(one) for one in (image if several else [image])], size)
    found = painted(pictures, mix)
    if own_colours:
        found = in_colours_of(pictures, found)
    return found if several else found[0]


def painted(pictures: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 3, H, W) as the network paints them at their own size, in a mix (styles,) of its styles.

    They are mirrored beyond their edges, and what is painted there is cut off: close to an edge it paints a frame.
    """
    with torch.no_grad():
        wide = F.pad(pictures.detach().cpu().float(), (EDGE,) * 4, mode="reflect")
        found = open_painter()(wide.contiguous(memory_format=torch.channels_last), mix.expand(len(wide), -1))
        return found[:, :, EDGE:-EDGE, EDGE:-EDGE].contiguous()


def one_style(name: str) -> torch.Tensor:
    """A style by its name as a mix of all: 1 at its place, and else 0."""
    known_style(name)
    return torch.tensor([float(name == other) for other in STYLES])


def resized_batch(pictures: Sequence[torch.Tensor], size: int) -> torch.Tensor:
    """Pictures (N, 3, H, W) of which the longer side has `size` pixels, and no side fewer than the network can see."""
    height, width = longest(pictures[0], size)
    height, width = max(height, 2 * EDGE), max(width, 2 * EDGE)
    return torch.stack([resized(picture, (height, width)) for picture in pictures])


def in_colours_of(pictures: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """What was painted (N, 3, H, W), in the hues of other pictures: only brightness is the painting's.

    >>> red = torch.tensor([0.5, 0.1, 0.1]).view(1, 3, 1, 1)
    >>> in_colours_of(red, torch.full((1, 3, 1, 1), 0.3)).flatten()
    tensor([0.5804, 0.1804, 0.1804])
    """
    return (pictures + luminance(found - pictures)).clamp(0, 1)


@cache
def open_painter() -> Painter:
    """The network that paints, opened once for all who ask, and frozen; on the processor, where it is quick enough."""
    with safe_open(WEIGHTS, "pt") as file:
        names = json.loads(file.metadata()["styles"])
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    quick = {name: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
             for name, value in weights.items()}  # fmt: skip
    if names != [*STYLES]:
        raise ValueError(f"{WEIGHTS.name} paints {', '.join(names)}; train it anew for {', '.join(STYLES)}.")
    with torch.device("meta"):  # where numbers are only promised, none is drawn by chance
        painter = Painter(len(names))
    painter.load_state_dict(quick, assign=True)
    return painter.eval().requires_grad_(False)


METHODS = (
    Method(
        "In one pass",
        stylize,
        formula=r"\hat y = f_W(x, s), \qquad W = \arg\min_W \; \mathbb{E}_{x, s} \, \frac{\lVert \Phi(f_W(x, s)) - "
        r"\Phi(x) \rVert^2}{\lVert \Phi(x) \rVert^2} + \lambda_s \sum_l \frac{\lVert G_l(f_W(x, s)) - G_l(s) \rVert^2}"
        r"{\lVert G_l(s) \rVert^2}",
        paper="Johnson et al. 2016, *Perceptual Losses for Real-Time Style Transfer and Super-Resolution*",
        misleads="It has learned five pictures by heart and knows no sixth; what it paints is what its judge, "
        "a small classifier, could tell apart while it learned.",
        engine=(stylize, painted),
    ),
)
