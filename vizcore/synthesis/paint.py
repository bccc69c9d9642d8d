"""Paint: a sketch, a photograph or a hole in one becomes what a class is to a network, step by step."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from typing import Annotated

import torch
import torch.nn.functional as F

from vizcore.ascent import along, ascend
from vizcore.dial import Range
from vizcore.frames import Frame, frames_of
from vizcore.imaging import blurred
from vizcore.method import Method
from vizcore.probe import Probe, Unit
from vizcore.synthesis.beginnings import GRAIN
from vizcore.synthesis.canvas import plain
from vizcore.synthesis.penalties import total_variation
from vizcore.synthesis.quality import clean
from vizcore.synthesis.targets import aim, rivals


def paint(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    steps: Annotated[int, Range(5, 200, 5)] = 60,
    epsilon: Annotated[float, Range(0.5, 40, 0.5, help="how far it may go from where it began, as a length")] = 12.0,
    length: Annotated[float, Range(0.05, 1, 0.01, help="of a step")] = 0.35,
) -> Generator[Frame, None, None]:
    """Change a picture, in steps of one length along the gradient, until it is what a unit wants to see.

    Santurkar et al. 2019: with a classifier trained under attack this turns a sketch into a picture and a photograph
    into one of another class, since its gradient is made of what we see as well. The score climbed is the class's, less
    half of what all come to together. The image never goes further than `epsilon`, in L2, from the prepared one;
    lengths are those for 64 pixels, and more as a picture is wider. A frame's picture is (3, S, S), its terms the
    `length` of the change so far and, of a class, its `probability`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe = open_probe("tiny-vgg-robust")
    >>> frame = last(paint(probe, bundled_image("cat"), "goldfish", steps=40))
    >>> probe.predict(frame.picture)[0].label, frame.terms["length"] <= 12
    ('goldfish', True)
    """
    start = probe.prepare(image).cpu()[None]
    wider = probe.input_size / 64
    climb = ascend(
        probe,
        aim(probe, unit) - rivals(probe, unit),
        plain(start),
        projections=[within(start, epsilon * wider), lambda pixels: pixels.clamp(0, 1)],
        step=along(length * wider),
        steps=steps,
        revive=True,
    )
    for frame in climb:
        terms = {
            "length": (frame.picture - start).norm().item(),
            "probability": clean(probe, unit, frame.picture).item(),
        }
        yield Frame(frame.step, steps, frame.picture[0], terms)


def fill(
    probe: Probe,
    image: torch.Tensor,
    unit: Unit | int | str,
    *,
    mask: torch.Tensor | None = None,
    hole: Annotated[float, Range(0.1, 0.8, 0.05, help="side of the square hole, of the picture's")] = 0.4,
    down: Annotated[float, Range(0, 1, 0.05, help="where the middle of the square lies, from the top")] = 0.5,
    across: Annotated[float, Range(0, 1, 0.05, help="where the middle of the square lies, from the left")] = 0.5,
    join: Annotated[float, Range(0, 0.5, 0.01, help="how smooth it is to be, and how well its edge is to fit")] = 0.05,
    steps: Annotated[int, Range(5, 200, 5)] = 40,
    length: Annotated[float, Range(0.05, 1, 0.01, help="of a step")] = 0.4,
    seed: Annotated[int, Range(0, 99)] = 0,
) -> Generator[Frame, None, None]:
    """Fill a hole in a picture with what a unit wants to see there; outside the hole every pixel stays as it is.

    Santurkar et al. 2019 (inpainting): the pixels that are missing begin with the colours around them and climb the
    class's score, less half of what all come to together. What is outside the hole reaches in twice, since the network
    sees it too, and since `join` times the roughness of the picture, across the hole's edge as well, is taken off.
    The hole is where `mask` (H, W), laid over the prepared picture, is not zero; without one it is a square. A frame's
    picture is (3, S, S), its terms are, of a class, its `probability`. Raises ValueError for a mask without a hole, and
    for one that leaves nothing.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat = open_probe("tiny-vgg-robust"), bundled_image("cat")
    >>> frame = last(fill(probe, cat, "goldfish", steps=20))
    >>> kept = ~square(64, 0.4, 0.5, 0.5)
    >>> probe.predict(frame.picture)[0].label, torch.equal(frame.picture[:, kept], probe.prepare(cat)[:, kept])
    ('goldfish', True)
    """
    size = probe.input_size
    missing = square(size, hole, down, across) if mask is None else laid(mask, size)
    start = emptied(probe.prepare(image).cpu(), missing, seed)[None]
    climb = ascend(
        probe,
        aim(probe, unit) - rivals(probe, unit),
        (start, lambda pixels: torch.where(missing, pixels, start)),
        penalties=[lambda pixels: join * total_variation(pixels)],
        projections=[lambda pixels: pixels.clamp(0, 1)],
        step=along(length * size / 64),
        steps=steps,
        revive=True,
    )
    for frame in climb:
        yield Frame(frame.step, steps, frame.picture[0], {"probability": clean(probe, unit, frame.picture).item()})


def square(size: int, hole: float, down: float, across: float) -> torch.Tensor:
    """A square hole (size, size): its side and where its middle lies, as shares of the picture's side.

    >>> square(4, 0.5, 0.5, 1.0).int()
    tensor([[0, 0, 0, 0],
            [0, 0, 0, 1],
            [0, 0, 0, 1],
            [0, 0, 0, 0]], dtype=torch.int32)
    """
    middles = (torch.arange(size) + 0.5) / size
    rows, columns = ((middles - place).abs() < hole / 2 for place in (down, across))
    return rows[:, None] & columns


def laid(mask: torch.Tensor, size: int) -> torch.Tensor:
    """A mask (H, W) over a picture of so many pixels a side, true where it is not zero.

    >>> laid(torch.tensor([[0, 1]]), 2)
    tensor([[False,  True],
            [False,  True]])
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask came as {tuple(mask.shape)}; it has rows and columns, (H, W).")
    found = F.interpolate((mask != 0)[None, None].float(), (size, size))[0, 0] > 0
    if found.all() or not found.any():
        what = "covers the whole picture" if found.any() else "has no hole in it"
        raise ValueError(f"the mask {what}; mark what is to be filled, and leave something around it.")
    return found.cpu()


def marked(picture: torch.Tensor) -> torch.Tensor:
    """Where something was painted on white paper (3, H, W), as a mask (H, W).

    >>> marked(torch.tensor([[1.0, 0.9], [1.0, 0.2], [1.0, 0.5]]).view(3, 1, 2))
    tensor([[False,  True]])
    """
    return (1 - picture).amax(0) > 0.5


def emptied(image: torch.Tensor, missing: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A picture (3, S, S) whose missing pixels (S, S) are the average of what is known around them, and a little noise.

    >>> grey = emptied(torch.full((3, 8, 8), 0.5), square(8, 0.5, 0.5, 0.5))
    >>> grey[:, 0].unique(), (grey - 0.5).abs().max() < 0.2
    (tensor([0.5000]), tensor(True))
    """
    known = (~missing).float().expand(1, 3, -1, -1)
    reach, average = len(missing) / 8, image[:, ~missing].mean(1).view(3, 1, 1)  # which the middle of a wide hole takes
    around = (blurred(image * known, reach) + 1e-4 * average) / (blurred(known, reach) + 1e-4)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return torch.where(missing, (around[0] + GRAIN * noise).clamp(0, 1), image)


def within(start: torch.Tensor, radius: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A projection to within so far, in L2, of where each of the images (N, 3, H, W) began.

    >>> within(torch.zeros(1, 1, 1, 2), 1.0)(torch.tensor([3.0, 4.0]).view(1, 1, 1, 2)).flatten()
    tensor([0.6000, 0.8000])
    """

    def project(images: torch.Tensor) -> torch.Tensor:
        away = images - start
        far = away.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        return torch.where(far > radius, start + away * (radius / far.clamp_min(1e-12)), images)

    return project


def beside(
    probes: Sequence[Probe], image: torch.Tensor, unit: Unit | int | str, method: Callable = paint, **dials: float
) -> Generator[Frame, None, None]:
    """The same steps on several networks at once: a frame's picture is (N, 3, S, S), its detail each network's frame.

    >>> from vizcore import bundled_image, last, open_probe
    >>> twins = [open_probe("tiny-vgg-robust"), open_probe("tiny-vgg")]
    >>> frame = last(beside(twins, bundled_image("coffee"), "goldfish", steps=12))
    >>> [probe.predict(picture)[0].label for probe, picture in zip(twins, frame.picture)]
    ['espresso', 'goldfish']
    """
    with ExitStack() as open_runs:
        runs = [open_runs.enter_context(closing(frames_of(method, probe, image, unit, **dials))) for probe in probes]
        for frames in zip(*runs, strict=True):
            yield Frame(frames[0].step, frames[0].of, torch.stack([frame.picture for frame in frames]), detail=frames)


def change(images: torch.Tensor, start: torch.Tensor, times: float = 1) -> torch.Tensor:
    """What changed of a picture (3, H, W) as pictures (N, 3, H, W), so many times as strong, around mid-grey.

    >>> change(torch.full((1, 3, 1, 1), 0.6), torch.full((3, 1, 1), 0.5), times=3).mean()
    tensor(0.8000)
    """
    return (0.5 + times * (images - start)).clamp(0, 1)


def example(size: int = 64) -> torch.Tensor:
    """A sketch to begin with, (3, size, size): an orange body with a tail, in blue.

    >>> example(8)[:, 4, 4]
    tensor([0.9500, 0.5000, 0.1000])
    """
    along = (2 * torch.arange(size) + 1) / size - 1
    y, x = torch.meshgrid(along, along, indexing="ij")
    body = (x - 0.15).square() / 0.3 + y.square() / 0.12 < 1
    tail = (x < -0.3) & (x > -0.8) & (y.abs() < -(x + 0.3) * 0.8)
    water, orange = (torch.tensor(colour).view(3, 1, 1) for colour in ((0.35, 0.55, 0.7), (0.95, 0.5, 0.1)))
    return torch.where(body | tail, orange, water)


METHODS = (
    Method(
        "Paint",
        paint,
        formula=r"x \leftarrow P_{\lVert x - x_0 \rVert_2 \le \epsilon}\big(x + \eta \, g / \lVert g \rVert_2\big), "
        r"\qquad g = \frac{\partial}{\partial x} \Big( S_u(x) - \tfrac{1}{2} \log \sum_k e^{S_k(x)} \Big)",
        paper="Santurkar et al. 2019, *Image Synthesis with a Single (Robust) Classifier*",
        misleads="What it adds is what tells the class from the others, and not all that belongs to it.",
    ),
    Method(
        "Fill a hole",
        fill,
        formula=r"x^* = \arg\max_{x \,=\, x_0 \text{ outside}} \; S_u(x) - \tfrac{1}{2} "
        r"\log \sum_k e^{S_k(x)} - \lambda \, \mathrm{TV}(x)",
        paper="Santurkar et al. 2019, *Image Synthesis with a Single (Robust) Classifier*",
        misleads="It is what would make the whole picture the class to this network, and not what was there.",
    ),
)
