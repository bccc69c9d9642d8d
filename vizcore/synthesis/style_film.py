"""Style of a film: painted picture by picture, and held steady along what moves."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from vizcore.dial import Range
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import check_cancel
from vizcore.synthesis.feedforward_style import StyleName, one_style, painted, resized_batch
from vizcore.synthesis.optical_flow import optical_flow, reliable, warp_error, warped


@dataclass(frozen=True)
class Film:
    """A film so far, all as 8 bits (N, 3, H, W): what was painted, each picture `alone` and held `steady`; the warp
    errors of each from the second picture on, and how much of each picture the flow can be believed for.

    >>> still = torch.full((2, 3, 64, 64), 0.5)
    >>> next(frame.detail.believed for frame in stylize_film(still, "ink", size=128) if frame.step == 2)
    [1.0]
    """

    given: torch.Tensor
    alone: torch.Tensor
    steady: torch.Tensor
    errors: list[tuple[float, float]]
    believed: list[float]

    @property
    def beside(self) -> torch.Tensor:
        """Alone on the left, steady on the right: (N, 3, H, 2 W)."""
        return torch.cat([self.alone, self.steady], 3)


def stylize_film(
    images: Sequence[torch.Tensor],
    style_name: StyleName,
    *,
    steadiness: Annotated[float, Range(0, 20, 0.5, help="What a change along the motion costs, beside 1 for a change "
                                "of the painting.")] = 6.0,
    size: Annotated[int, Range(128, 512, 64, help="Longer side of the film, in pixels.")] = 256,
) -> Generator[Frame, None, None]:  # fmt: skip
    """Paint a film so that what moves keeps its strokes, where every picture painted alone would flicker.

    Ruder et al. 2016: the picture painted before is seen along the optical flow, and a change from it costs
    `steadiness`, at the pixels c where flow and flow back agree and nothing was hidden before. They add this to the
    losses of style transfer; for a network that paints in one pass f(I), the least of |x - f(I)|^2 +
    steadiness c |x - warped|^2 is a mean of the two pictures, and nothing has to be climbed. Elsewhere the picture is
    painted anew.

    `images` are (3, H, W), or together (N, 3, H, W). A frame's picture is the latest (3, H, W), held steady, its
    detail the `Film` so far. Its terms are the mean warp errors of every picture painted alone and of those held
    steady: the mean squared difference of a painted picture and the one before, seen along the motion, where that
    can be believed.

    >>> from vizcore import bundled_image, last
    >>> cat = bundled_image("cat")
    >>> film = [cat[:, :256, place : place + 256] for place in (0, 6, 12)]
    >>> errors = last(stylize_film(film, "dots", size=128)).terms
    >>> round(errors["steady"] / errors["alone"], 2)
    0.02
    """
    mix, before = one_style(style_name), None
    given, alone, steady, errors, believed = [], [], [], [], []
    for number, image in enumerate(images):
        now = resized_batch(image[None], size)[0]
        fresh = painted(now[None], mix)[0]
        kept = fresh
        if before is not None:
            flow, back = optical_flow(now, before[0]), optical_flow(before[0], now)
            mask = reliable(flow, back)
            kept = held(fresh, warped(before[2], flow), mask, steadiness)
            errors.append(tuple(warp_error(one, other, flow, mask) for one, other in ((fresh, before[1]),
                                                                                     (kept, before[2]))))  # fmt: skip
            believed.append(mask.float().mean().item())
        before = now, fresh, kept
        for film, picture in ((given, now), (alone, fresh), (steady, kept)):
            film.append((picture * 255).round().byte())
        means = [sum(one) / len(errors) for one in zip(*errors, strict=True)] or [0.0, 0.0]
        film = Film(torch.stack(given), torch.stack(alone), torch.stack(steady), list(errors), list(believed))
        yield Frame(number + 1, len(images), kept, dict(zip(("alone", "steady"), means, strict=True)), film)
        check_cancel()


def held(fresh: torch.Tensor, moved: torch.Tensor, mask: torch.Tensor, steadiness: float) -> torch.Tensor:
    """The picture (3, H, W) of least |x - fresh|^2 + steadiness mask |x - moved|^2: a mean of the two, pixel by pixel.

    >>> held(torch.zeros(3, 1, 2), torch.ones(3, 1, 2), torch.tensor([[True, False]]), 4.0)[0]
    tensor([[0.8000, 0.0000]])
    """
    share = steadiness * mask / (1 + steadiness * mask)
    return (fresh + share * (moved - fresh)).clamp(0, 1)


METHODS = (
    Method(
        "A film",
        stylize_film,
        formula=r"x_t = \arg\min_x \; \lVert x - f(I_t) \rVert^2 + \alpha \sum_i c_i \bigl( x_i - \omega(x_{t-1})_i "
        r"\bigr)^2 = \frac{f(I_t) + \alpha \, c \; \omega(x_{t-1})}{1 + \alpha \, c}",
        paper="Ruder et al. 2016, *Artistic Style Transfer for Videos*",
        misleads="The warp error counts only where the flow can be believed, and a film that stood still would have "
        "none; look at both films.",
        engine=(stylize_film, held, reliable),
    ),
)
