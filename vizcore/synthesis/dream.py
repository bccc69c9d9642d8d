"""Dream: a picture changed so that a layer sees more of what it sees already."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import torch
import torch.nn.functional as F

from vizcore.ascent import Activations, Dials, Objective, Step, ascend, relayed
from vizcore.dial import Range, Suits
from vizcore.frames import Frame, last
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.synthesis.any_size import as_large_as, require_places, resized, shown

SMALLEST = 16  # pixels of the shorter side of the smallest octave
Layers = str | Sequence[str]


def usual_size(probe: Probe, *units: Any) -> int:
    """How long the longer side of a dream is where no size is given: half as long again as the network's own pictures.

    >>> from vizcore import open_probe
    >>> usual_size(open_probe("tiny-vgg"))
    96
    """
    return probe.input_size * 3 // 2


def sizes(probe: Probe, *units: Any) -> list[int]:
    """Sizes worth a choice: once to four times the network's own."""
    return [probe.input_size * halves // 2 for halves in (2, 3, 4, 6, 8)]


Size = Annotated[int | None, Suits(usual_size, among=sizes, help="Longer side of the picture, in pixels.")]
Strength = Annotated[float, Range(0.25, 4, 0.25, help="How far a pixel moves in a step on average, in 255ths.")]
Bands = Annotated[int, Range(1, 6, help="How many bands of detail grow equally; with 1 the finest wins.")]
Seed = Annotated[int, Range(0, 99)]


def caricature(
    probe: Probe,
    image: torch.Tensor,
    layer: str,
    *,
    steps: Annotated[int, Range(4, 128, 4)] = 24,
    strength: Strength = 2.0,
    size: Size = None,
) -> Generator[Frame, Dials | None, None]:
    """Change a picture, step by step, so that a layer answers to it as before, only louder.

    Mahendran and Vedaldi 2016: climb <Phi(x), Phi(x0)> / |Phi(x0)|^2 from the picture itself, where it is 1, by steps
    of one size, g / mean |g|. The picture is resized to `size` pixels along its longer side. A frame's picture is
    (3, H, W), its detail the value (1,) before its step. Between two frames, `send` changes `strength` or `steps`.
    Raises ValueError where the layer has no places, or answers nothing.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> [round(frame.detail.item(), 1) for frame in caricature(probe, cat, "conv4.relu", steps=3, size=64)]
    [1.0, 1.1, 1.2]
    """
    require_places(probe, [layer])
    start = as_large_as(image, size or usual_size(probe))[None]
    answer = shown(probe, start[0], [layer])[layer]
    if not answer.any():
        raise ValueError(f"{layer} of {probe.name} answers 0 to this picture throughout, which cannot be louder.")
    louder = Objective(lambda found: (found[layer] * answer).flatten(1).sum(1) / answer.square().sum(), [layer])
    frames = ascend(
        probe,
        louder,
        (start, lambda pixels: pixels),
        projections=[lambda pixels: pixels.clamp(0, 1)],
        step=even(strength / 255),
        steps=steps,
    )
    sent = {"strength": lambda strength: {"step": even(strength / 255)}, "steps": lambda steps: {"steps": steps}}
    yield from relayed(frames, lambda frame: replace(frame, picture=frame.picture[0]), sent)


def dream(
    probe: Probe,
    image: torch.Tensor,
    layer: Layers,
    *,
    guide: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    octaves: Annotated[int, Range(1, 6)] = 4,
    steps: Annotated[int, Range(2, 40, help="In each octave.")] = 10,
    strength: Strength = 2.0,
    bands: Bands = 4,
    jitter: Annotated[int, Range(0, 64, help="How many pixels the picture is rolled by at most.")] = 32,
    size: Size = None,
    seed: Seed = 0,
) -> Generator[Frame, Dials | None, None]:
    """Change a picture, step by step, so that a layer finds more of whatever it finds in it.

    Mordvintsev, Olah and Tyka 2015, DeepDream: climb half the mean squared activation, by steps of one size,
    g / mean |g|, on the picture rolled at random. All `bands` of detail of the gradient g are made equally strong, as
    in the authors' own notebook; else the finest drowns the others. It begins on a small copy of the picture; each of
    the `octaves` is 1.4 times as large as the one before and takes over the detail that has been dreamt so far. Of
    several layers, each counts over what it had at first. With a `guide`, every place is drawn to whatever place of
    that picture it matches best, by the dot product of their activations. A `mask` (H, W) holds how free each pixel
    is, from 0 to 1.

    The picture is resized to `size` pixels along its longer side. A frame's picture is (3, H, W), in the first octaves
    with coarse detail; its detail is the objective (1,) before its step. Between two frames, `send` changes `layer`,
    `strength` or `bands`. Raises ValueError for a layer that has no places.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> [frame.step for frame in dream(probe, cat, "conv4.relu", octaves=2, steps=2, size=64)]
    [1, 2, 3, 4]
    """
    whole = as_large_as(image, size or usual_size(probe))
    chance, detail = torch.Generator().manual_seed(seed), torch.zeros(3, 1, 1)
    turned: dict[str, Any] = {"layer": layer, "strength": strength, "bands": bands}
    share = 1.0 if mask is None else (mask != 0).float().mean().item()  # else few free pixels would move for all

    def sought(layer: Layers, base: torch.Tensor) -> Dials:
        turned["layer"] = layer
        beside = None if guide is None else as_large_as(guide, max(base.shape[1:]))
        return {"objective": more_of(probe, layer, base, beside)}

    def paced(**dial: float) -> Dials:
        turned.update(dial)
        return {"step": even(share * turned["strength"] / 255, turned["bands"])}

    scales = octave_sizes(whole.shape[1:], octaves)
    for number, scale in enumerate(scales):
        base, kept = resized(whole, scale), resized(detail, scale)
        free = torch.ones(1) if mask is None else resized(mask[None].type_as(base), scale)
        frames = ascend(
            probe,
            canvas=((base + kept).clamp(0, 1)[None], partial(laid_on, base, free)),
            views=[rolled(chance, jitter)],
            projections=[lambda pixels: pixels.clamp(0, 1)],
            steps=steps,
            **sought(turned["layer"], base),
            **paced(),
        )

        def show(frame: Frame, base: torch.Tensor = base, before: int = number * steps) -> Frame:
            nonlocal detail
            detail = frame.picture[0] - base
            dreamt = (whole + resized(detail, whole.shape[1:])).clamp(0, 1)
            return replace(frame, step=before + frame.step, of=len(scales) * steps, picture=dreamt)

        yield from relayed(
            frames,
            show,
            {
                "layer": partial(sought, base=base),
                "strength": lambda value: paced(strength=value),
                "bands": lambda value: paced(bands=value),
            },
        )


def dream_zoom(
    probe: Probe,
    image: torch.Tensor,
    layer: Layers,
    *,
    pictures: Annotated[int, Range(4, 96, 4)] = 24,
    zoom: Annotated[
        float, Range(1.01, 1.2, 0.01, help="How far each picture of the film goes into the one before.")
    ] = 1.06,
    steps: Annotated[int, Range(1, 12, help="In each of two octaves, for each picture.")] = 4,
    strength: Strength = 2.0,
    size: Size = None,
    seed: Seed = 0,
) -> Generator[Frame, None, None]:
    """Dream, go a little into the picture, dream on: a film into what the layer finds.

    Mordvintsev, Olah and Tyka 2015, as in `dream`. A frame's picture is the next one of the film (3, H, W), its detail
    all of them so far in 8 bits (pictures, 3, H, W); `vizcore.imaging.gif` makes a file of them.

    >>> from vizcore import bundled_image, last, open_probe
    >>> film = dream_zoom(open_probe("tiny-vgg"), bundled_image("cat"), "conv4.relu", pictures=4, steps=1, size=64)
    >>> [len(frame.detail) for frame in film]
    [1, 2, 3, 4]
    """
    film: list[torch.Tensor] = []
    now = as_large_as(image, size or usual_size(probe))
    dials = {"octaves": 2, "steps": steps, "strength": strength, "size": max(now.shape)}
    for number in range(pictures):
        now = last(dream(probe, now, layer, seed=seed + number, **dials)).picture
        film.append((now * 255).round().byte())
        yield Frame(number + 1, pictures, now, detail=torch.stack(film))
        now = into(now, zoom)


def laid_on(base: torch.Tensor, free: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (N, 3, H, W) where they are free, and the picture beneath (3, H, W) where they are not."""
    return base + free * (pixels - base)


def more_of(probe: Probe, layer: Layers, base: torch.Tensor, guide: torch.Tensor | None = None) -> Objective:
    """What a dream climbs: for every layer its activation, or its match with a guide's, over what it is at first."""
    names = [layer] if isinstance(layer, str) else list(layer)
    require_places(probe, names)
    guides = shown(probe, guide, names) if guide is not None else {}

    def amount(name: str, found: Activations) -> torch.Tensor:
        maps = probe.layer(name).maps(found[name]).flatten(2)  # (N, C, places)
        if name not in guides:
            return maps.square().mean((1, 2)) / 2
        places = probe.layer(name).maps(guides[name])[0].flatten(1)  # (C, places of the guide)
        return (maps.transpose(1, 2) @ places).amax(2).mean(1)

    first = shown(probe, base, names)
    scale = {name: amount(name, first).abs().clamp_min(1e-12) for name in names}
    return Objective(lambda found: sum(amount(name, found) / scale[name] for name in names), names)


def even(rate: float, bands: int = 1) -> Step:
    """Steps along the gradient that move every picture's pixels by `rate` on average, however steep it is.

    With several `bands` of detail each counts as much as any other (`levelled`).

    >>> even(0.5)(torch.tensor([[1.0, -3.0]]), None)[0]
    tensor([[ 0.2500, -0.7500]])
    """

    def step(gradient: torch.Tensor, memory: Any) -> tuple[torch.Tensor, Any]:
        gradient = levelled(gradient, bands) if bands > 1 else gradient
        size = gradient.abs().flatten(1).mean(1).clamp_min(1e-20)
        return rate * gradient / size.view(-1, *[1] * (gradient.ndim - 1)), None

    return step


def levelled(gradient: torch.Tensor, bands: int) -> torch.Tensor:
    """A gradient (N, 3, H, W) as the sum of so many bands of detail, each twice as coarse and as strong as the last.

    Burt and Adelson 1983, *The Laplacian Pyramid as a Compact Image Code*; strong is the root of the mean square.

    >>> fine, coarse = torch.tensor([4.0, -4]).repeat(4).expand(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5)
    >>> levelled(fine + coarse, 2)[0, 0, 0, :2]
    tensor([2., 0.])
    """
    if bands == 1:
        return of_strength_one(gradient)
    coarse = F.avg_pool2d(gradient, 2, ceil_mode=True, count_include_pad=False)
    enlarged = lambda maps: F.interpolate(maps, gradient.shape[2:], mode="bilinear", align_corners=False)  # noqa: E731
    return of_strength_one(gradient - enlarged(coarse)) + enlarged(levelled(coarse, bands - 1))


def of_strength_one(gradient: torch.Tensor) -> torch.Tensor:
    """Every picture's gradient over the root of its mean square."""
    return gradient / gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-20)


def rolled(chance: torch.Generator, jitter: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A view of pictures rolled by up to so many pixels, so that nothing settles on the network's own grid."""
    return lambda images: images.roll(torch.randint(-jitter, jitter + 1, (2,), generator=chance).tolist(), (2, 3))


def octave_sizes(size: Sequence[int], octaves: int) -> list[tuple[int, int]]:
    """The sizes of the octaves from the smallest to the whole picture, each 1.4 times the one before.

    >>> octave_sizes((70, 140), 3)
    [(36, 71), (50, 100), (70, 140)]
    """
    found = [tuple(round(edge / 1.4**number) for edge in size) for number in range(octaves)]
    return [scale for scale in reversed(found) if min(scale) >= SMALLEST] or [tuple(size)]


def into(image: torch.Tensor, zoom: float) -> torch.Tensor:
    """The middle of a picture (3, H, W), enlarged so many times to the size of the whole.

    >>> into(torch.tensor([0.0, 1, 1, 0]).expand(3, 4, 4), 2)[0, 0]
    tensor([1., 1., 1., 1.])
    """
    height, width = (round(edge / zoom) for edge in image.shape[1:])
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return resized(image[:, top : top + height, left : left + width], image.shape[1:])


METHODS = (
    Method(
        "DeepDream",
        dream,
        formula=r"x \leftarrow x + \alpha \, \frac{g}{\operatorname{mean} |g|}, \qquad g = \sum_b \frac{g_b}"
        r"{\operatorname{rms} g_b}, \quad \sum_b g_b = \frac{\partial}{\partial x} \tfrac{1}{2} \operatorname{mean} "
        r"\Phi(x)^2",
        paper="Mordvintsev et al. 2015, *Inceptionism: Going Deeper into Neural Networks*",
        misleads="It shows what the layer can be made to find, which is mostly what it was trained on, such as dogs.",
        engine=(dream, more_of, even, levelled),
    ),
    Method(
        "Caricature",
        caricature,
        formula=r"x^* = \arg\max_x \; \frac{\langle \Phi(x), \Phi(x_0) \rangle}{\lVert \Phi(x_0) \rVert^2}",
        paper="Mahendran and Vedaldi 2016, *Visualizing Deep Convolutional Neural Networks Using Natural Pre-Images*",
        misleads="What is exaggerated is what answered strongly, which need not be what decided.",
        engine=(caricature, even),
    ),
    Method(
        "Dream zoom",
        dream_zoom,
        formula=r"x_{n+1} = \operatorname{zoom}\left(\operatorname{dream}(x_n)\right)",
        paper="Mordvintsev et al. 2015, *Inceptionism: Going Deeper into Neural Networks*",
        misleads="After a few pictures nothing is left of the one it began with; all is the network's.",
        engine=(dream_zoom, dream),
    ),
)
