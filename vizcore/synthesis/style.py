"""Style: textures, and pictures painted in the manner of another, by what a network's layers say on average."""

from collections.abc import Generator
from dataclasses import replace
from typing import Annotated, Any

import torch
import torch.nn.functional as F

from vizcore.ascent import Activations, Dials, Objective, Paint, adam, ascend, relayed
from vizcore.dial import Choice, Range, Suits
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.synthesis.any_size import as_large_as, convolutional_layers, require_places
from vizcore.synthesis.canvas import COLOURS
from vizcore.synthesis.penalties import total_variation
from vizcore.synthesis.style_distance import STATISTICS, content_distance, shares

RATE = 0.04  # of a step of Adam
GRAIN = 1.0  # what total variation a pixel weighs beside distances of 1, at a smoothness of 1
FAINT = 0.1  # of the noise that a texture begins with
LEAST = 24  # pixels of the shorter side at which a style is still compared
DARKEST = 0.05  # of what is painted over; what is all dark or all light would hardly move


Statistic = Annotated[str, Choice(*STATISTICS, help="What of a layer's answers makes a style.")]
Smoothness = Annotated[float, Range(0, 4, 0.25, help="How much total variation weighs, against grain.")]
Steps = Annotated[int, Range(8, 512, 8)]
Octaves = Annotated[int, Range(1, 3, help="Sizes at which styles are compared, each half of the one before.")]
Seed = Annotated[int, Range(0, 99)]


def usual_content_layer(probe: Probe, *units: Any) -> str:
    """Where content is compared: the last rectifier of the second coarsest maps, which has forgotten exact pixels.

    >>> from vizcore import open_probe
    >>> usual_content_layer(open_probe("tiny-vgg"))
    'conv4.relu'
    """
    by_size = rectifiers_by_size(probe)
    return by_size[max(0, len(by_size) - 2)][-1]


def style_layers(probe: Probe) -> list[str]:
    """Where styles are compared: the first and the last rectifier of every size of maps, of the coarsest the first.

    >>> from vizcore import open_probe
    >>> style_layers(open_probe("tiny-vgg"))
    ['conv1.relu', 'conv2.relu', 'conv3.relu', 'conv4.relu', 'conv5.relu']
    """
    *finer, coarsest = rectifiers_by_size(probe)
    return list(dict.fromkeys(name for names in finer for name in (names[0], names[-1]))) + coarsest[:1]


def rectifiers_by_size(probe: Probe) -> list[list[str]]:
    """The rectifiers that a picture of any size has, finest maps first; other layers where there are none."""
    known = convolutional_layers(probe)
    if not known:
        raise ValueError(f"{probe.name} has no layer of maps, so it knows no style; choose a convolutional network.")
    found: dict[tuple[int, int], list[str]] = {}
    for name in [name for name in known if probe.layers[name].kind in ("rectifier", "activation")] or known:
        found.setdefault(probe.layers[name].cells, []).append(name)
    return [found[size] for size in sorted(found, reverse=True)]


def usual_size(probe: Probe, *units: Any) -> int:
    """How many pixels the longer side has where no size is given: the network's own size, or twice that if it is small.

    >>> from vizcore import open_probe
    >>> usual_size(open_probe("tiny-vgg"))
    128
    """
    return probe.input_size if probe.input_size > 128 else 2 * probe.input_size


def sizes(probe: Probe, *units: Any) -> list[int]:
    """Sizes worth a choice."""
    usual = usual_size(probe)
    return [usual // 2, usual, usual * 3 // 2, usual * 2]


Size = Annotated[int | None, Suits(usual_size, among=sizes, help="Longer side of the picture, in pixels.")]


def texture(
    probe: Probe,
    image: torch.Tensor,
    *,
    statistic: Statistic = "moments",
    smoothness: Smoothness = 1.0,
    steps: Steps = 256,
    size: Size = None,
    octaves: Octaves = 3,
    seed: Seed = 0,
) -> Generator[Frame, Dials | None, None]:
    """Make, from noise, more of what a picture is made of: the same texture, arranged anew.

    Gatys, Ecker and Bethge 2015, by Adam until the statistics of several layers are those of the picture: its
    `moments`, means and covariances, the Gram matrices (`gram`), or means and `deviations`. Every layer's distance is
    taken over what it was at first, so that all count alike, and in several `octaves`, as in `style`. A frame's picture
    is (3, size, size), its term `style` the mean of these shares, its detail each layer's (layers,), before its step.
    Between two frames, `send` changes `smoothness` or `steps`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> frames = list(texture(open_probe("tiny-vgg"), bundled_image("bricks"), steps=16, size=48))
    >>> [round(frame.terms["style"], 1) for frame in (frames[0], frames[-1])]
    [1.0, 0.1]
    """
    size = size or usual_size(probe)
    noise = torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed))
    start = (0.5 + FAINT * noise).clamp(0, 1)
    pattern = as_large_as(image, size)
    dials = {"statistic": statistic, "balance": 1.0, "smoothness": smoothness, "steps": steps,
             "octaves": octaves}  # fmt: skip
    yield from painted(probe, start, pattern, None, dials)


def style(
    probe: Probe,
    content: torch.Tensor,
    style: torch.Tensor,
    *,
    balance: Annotated[float, Range(0, 1, 0.01, help="0 is the content alone, 1 the style alone.")] = 0.9,
    statistic: Statistic = "moments",
    smoothness: Smoothness = 1.0,
    steps: Steps = 256,
    layer: Annotated[str | None, Suits(usual_content_layer, help="Where the content is compared.")] = None,
    size: Size = None,
    octaves: Octaves = 3,
) -> Generator[Frame, Dials | None, None]:
    """Paint one picture in the manner of another, beginning with the first.

    Gatys, Ecker and Bethge 2016: Adam against (1 - balance) times the content's distance,
    |Phi(x) - Phi(content)|^2 / |Phi(content)|^2 at one `layer`, plus balance times the style's. That is the mean over
    several layers of how far their statistics are from those of the style, over how far they were at first, also at
    half and at a quarter of the size (`octaves`; Snelgrove 2017), so that large patterns count as fine ones do. The
    paper's statistics are Gram matrices; `moments`, means and covariances, from which a Gram matrix follows, leave
    pictures in which other networks see more of the style, also by their Gram matrices. The free numbers are the
    picture's waves (Olah et al. 2017), from a start without its darkest and lightest twentieth, and total variation,
    by the `smoothness`, takes away what grain is left.

    A frame's picture is (3, H, W), its terms the distances `style` and `content`, its detail each layer's share
    (layers,), all before its step. Between two frames, `send` changes `balance`, `smoothness` or `steps`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat, bricks = open_probe("tiny-vgg"), bundled_image("cat"), bundled_image("bricks")
    >>> next(style(probe, cat, bricks, size=48)).terms
    {'style': 1.0, 'content': 0.0}
    """
    side = size or usual_size(probe)
    start, pattern = as_large_as(content, side), as_large_as(style, side)
    dials = {"statistic": statistic, "balance": balance, "smoothness": smoothness, "steps": steps,
             "octaves": octaves}  # fmt: skip
    yield from painted(probe, start, pattern, layer or usual_content_layer(probe), dials)


def painted(
    probe: Probe,
    start: torch.Tensor,
    pattern: torch.Tensor,
    layer: str | None,
    turned: dict[str, Any],
) -> Generator[Frame, Dials | None, None]:
    """The ascent from a picture (3, H, W) towards a pattern's style; what it was at first counts at a layer, if any."""
    names = style_layers(probe)
    require_places(probe, [*names, *([layer] if layer else [])])
    if turned["statistic"] not in STATISTICS:
        raise ValueError(f"statistic={turned['statistic']!r} is none of moments, gram and deviations.")
    canvas = waves(start)
    [start] = canvas[1](canvas[0])  # as it is painted, so that at first nothing of it is lost
    statistic, latest = STATISTICS[turned["statistic"]], {}
    at = [2**octave for octave in range(turned["octaves"])]
    at = [size for size in at if size == 1 or min(*start.shape[1:], *pattern.shape[1:]) >= LEAST * size]
    apart = {size: shares(probe, smaller(start, size), smaller(pattern, size), names, statistic) for size in at}
    away = content_distance(probe, start, layer) if layer else None

    def style_at(size: int, found: Activations) -> torch.Tensor:
        every = apart[size]({name: probe.layer(name).maps(found[name]).flatten(2) for name in names})  # (N, layers)
        latest[size] = every.detach().cpu()
        return every.mean(1) / len(at)

    def weighed(**changed: float) -> Dials:
        turned.update(changed)
        balance, grain = turned["balance"], turned["smoothness"] * GRAIN / start.numel()

        def closeness(found: Activations) -> torch.Tensor:
            close = -balance * style_at(1, found)
            if away:
                far = away({layer: probe.layer(layer).maps(found[layer]).flatten(2)})
                latest["content"] = far.detach().cpu()
                close = close - (1 - balance) * far
            return close

        def coarser(pixels: torch.Tensor) -> torch.Tensor:
            looks = ((size, probe.run(smaller(pixels, size), names, scores=False)[1]) for size in at[1:])
            return balance * sum(style_at(size, found) for size, found in looks)

        return {
            "objective": Objective(closeness, dict.fromkeys([*names, *([layer] if layer else [])])),
            "penalties": [lambda pixels: grain * total_variation(pixels), *([coarser] if at[1:] else [])],
        }

    def paced(steps: int) -> Dials:
        return {"step": adam(RATE, steps), "steps": steps}

    def show(frame: Frame) -> Frame:
        every = torch.cat([latest[size] for size in at]).mean(0)  # (layers,)
        terms = {"style": every.mean().item(), "content": latest["content"].item() if away else 0.0}
        return replace(frame, picture=frame.picture[0], terms=terms, detail=every)

    frames = ascend(probe, canvas=canvas, **weighed(), **paced(turned["steps"]))
    sent = {"smoothness": lambda smoothness: weighed(smoothness=smoothness), "steps": paced}
    if away:
        sent["balance"] = lambda balance: weighed(balance=balance)
    yield from relayed(frames, show, sent)


def smaller(images: torch.Tensor, times: int) -> torch.Tensor:
    """Images (..., 3, H, W) so many times smaller, each pixel the mean of a square.

    >>> smaller(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 2)
    tensor([[[0.5000]]])
    """
    return F.avg_pool2d(images, times)


def waves(image: torch.Tensor) -> tuple[torch.Tensor, Paint]:
    """A canvas that begins as an image (3, H, W), all but its darkest and lightest twentieth: its waves are the free
    numbers, slow ones easier to change than fast.

    Olah et al. 2017: large strokes come first, brightness before hue, and hardly a grid where the first layer strides.

    >>> numbers, paint = waves(torch.full((3, 4, 6), 0.25))
    >>> paint(numbers).round(decimals=4).unique()
    tensor([0.2500])
    """
    height, width = image.shape[1:]
    frequency = (torch.fft.fftfreq(height)[:, None].square() + torch.fft.rfftfreq(width).square()).sqrt()
    ease = 1 / frequency.clamp_min(1 / max(height, width))
    mixing = torch.tensor(COLOURS) / torch.tensor(COLOURS).norm(dim=0).max()
    logits = image.clamp(DARKEST, 1 - DARKEST).logit()
    planes = torch.einsum("kc,chw->khw", torch.linalg.inv(mixing), logits)
    numbers = torch.view_as_real(torch.fft.rfft2(planes, norm="ortho") / ease)[None]

    def paint(numbers: torch.Tensor) -> torch.Tensor:
        planes = torch.fft.irfft2(torch.view_as_complex(numbers) * ease, s=(height, width), norm="ortho")
        return torch.einsum("ck,nkhw->nchw", mixing, planes).sigmoid()

    return numbers, paint


METHODS = (
    Method(
        "Style transfer",
        style,
        formula=r"\begin{gathered}x^* = \arg\min_x \; (1 - b) \frac{\lVert \Phi(x) - \Phi(c) \rVert^2}"
        r"{\lVert \Phi(c) \rVert^2} + \frac{b}{L} \sum_l S_l(x) \\ S_l(x) = \tfrac12 \, \frac{\lVert \mu_l(x) - "
        r"\mu_l(s) \rVert^2}{\lVert \mu_l(c) - \mu_l(s) \rVert^2} + \tfrac12 \, \frac{\lVert \Sigma_l(x) - "
        r"\Sigma_l(s) \rVert^2}{\lVert \Sigma_l(c) - \Sigma_l(s) \rVert^2} "
        r"\\ \mu_l \mu_l^\top + \Sigma_l = G_l = \frac{1}{HW} F_l F_l^\top\end{gathered}",
        paper="Gatys et al. 2016, *Image Style Transfer Using Convolutional Neural Networks*",
        misleads="Content and style are what this network's layers say they are; networks without VGG's plain "
        "convolutions paint worse, which says little about how well they see.",
        engine=(style, painted, shares),
    ),
    Method(
        "Texture synthesis",
        texture,
        formula=r"x^* = \arg\min_x \; \frac{1}{2L} \sum_l \left(\frac{\lVert \mu_l(x) - \mu_l(s) \rVert^2}"
        r"{\lVert \mu_l(x_0) - \mu_l(s) \rVert^2} + \frac{\lVert \Sigma_l(x) - \Sigma_l(s) \rVert^2}"
        r"{\lVert \Sigma_l(x_0) - \Sigma_l(s) \rVert^2}\right)",
        paper="Gatys et al. 2015, *Texture Synthesis Using Convolutional Neural Networks*",
        misleads="Two pictures may share all of these statistics and still look different to a person.",
        engine=(texture, painted, shares),
    ),
)
