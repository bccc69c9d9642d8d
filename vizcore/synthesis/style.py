"""Style: textures, and pictures painted in the manner of another, by what a network's layers say on average."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch

from vizcore.ascent import Activations, Dials, Objective, Paint, adam, ascend, relayed
from vizcore.dial import Choice, Range, Suits
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Probe
from vizcore.synthesis.any_size import convolutional_layers, longest, require_places, resized
from vizcore.synthesis.canvas import COLOURS
from vizcore.synthesis.penalties import total_variation

RATE = 0.02  # of a step of Adam
GRAIN = 1.0  # what total variation a pixel weighs beside distances of 1, at a smoothness of 1
FAINT = 0.1  # of the noise that a texture begins with
DARKEST = 1 / 512  # half a level of 255, so that every level has a finite logit


def gram(maps: torch.Tensor) -> torch.Tensor:
    """How often any two channels answer together: the Gram matrices (N, C, C) of maps (N, C, places), a place.

    Gatys et al. 2015: G_ij = mean over the places of F_i F_j.

    >>> gram(torch.tensor([[[1.0, 3.0], [0.0, 2.0]]]))
    tensor([[[5., 3.],
             [3., 2.]]])
    """
    return maps @ maps.transpose(1, 2) / maps.shape[2]


def moments(maps: torch.Tensor) -> torch.Tensor:
    """The mean of every channel, and beside it the covariances: (N, C, 1 + C). A Gram matrix mixes the two.

    >>> moments(torch.tensor([[[1.0, 3.0], [0.0, 2.0]]]))
    tensor([[[2., 1., 1.],
             [1., 1., 1.]]])
    """
    mean = maps.mean(2, keepdim=True)
    return torch.cat([mean, gram(maps - mean)], 2)


def deviations(maps: torch.Tensor) -> torch.Tensor:
    """The mean and the standard deviation of every channel: (N, C, 2), which is what AdaIN matches.

    >>> deviations(torch.tensor([[[1.0, 3.0], [0.0, 2.0]]]))
    tensor([[[2., 1.],
             [1., 1.]]])
    """
    variance, mean = torch.var_mean(maps, 2, correction=0)
    return torch.stack([mean, (variance + 1e-8).sqrt()], 2)


STATISTICS = {"gram": gram, "moments": moments, "deviations": deviations}
Statistic = Annotated[str, Choice(*STATISTICS, help="What of a layer's answers makes a style.")]
Smoothness = Annotated[float, Range(0, 4, 0.25, help="How much total variation weighs, against grain.")]
Steps = Annotated[int, Range(8, 512, 8)]
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
    statistic: Statistic = "gram",
    smoothness: Smoothness = 1.0,
    steps: Steps = 128,
    size: Size = None,
    seed: Seed = 0,
) -> Generator[Frame, Dials | None, None]:
    """Make, from noise, more of what a picture is made of: the same texture, arranged anew.

    Gatys, Ecker and Bethge 2015: Adam until the Gram matrices of several layers are those of the
    picture; or its `moments`, means and covariances, or the `deviations` alone. Every layer's distance is taken over
    what it was at first, so that all count alike. A frame's picture is (3, size, size), its term `style` the mean of
    these shares, its detail each layer's (layers,), before its step. Between two frames, `send` changes
    `smoothness` or `steps`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> frames = list(texture(open_probe("tiny-vgg"), bundled_image("bricks"), steps=16, size=48))
    >>> [round(frame.terms["style"], 1) for frame in (frames[0], frames[-1])]
    [1.0, 0.1]
    """
    size = size or usual_size(probe)
    noise = torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed))
    start = (0.5 + FAINT * noise).clamp(0, 1)
    pattern = resized(image, longest(image, size))
    dials = {"statistic": statistic, "balance": 1.0, "smoothness": smoothness, "steps": steps}
    yield from painted(probe, start, pattern, None, dials)


def style(
    probe: Probe,
    content: torch.Tensor,
    style: torch.Tensor,
    *,
    balance: Annotated[float, Range(0, 1, 0.01, help="0 is the content alone, 1 the style alone.")] = 0.9,
    statistic: Statistic = "gram",
    smoothness: Smoothness = 1.0,
    steps: Steps = 192,
    layer: Annotated[str | None, Suits(usual_content_layer, help="Where the content is compared.")] = None,
    size: Size = None,
) -> Generator[Frame, Dials | None, None]:
    """Paint one picture in the manner of another, beginning with the first.

    Gatys, Ecker and Bethge 2016: Adam against (1 - balance) times the content's distance,
    |Phi(x) - Phi(content)|^2 / |Phi(content)|^2 at one `layer`, plus balance times the style's. That is the mean over
    several layers of how far their Gram matrices are from those of the style, or its `moments` or `deviations`,
    over how far they were at first. The free numbers are the picture's waves (Olah et al. 2017), and total
    variation, by the `smoothness`, takes away what grain is left.

    A frame's picture is (3, H, W), its terms the distances `style` and `content`, its detail each layer's share
    (layers,), all before its step. Between two frames, `send` changes `balance`, `smoothness` or `steps`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat, bricks = open_probe("tiny-vgg"), bundled_image("cat"), bundled_image("bricks")
    >>> next(style(probe, cat, bricks, size=48)).terms
    {'style': 1.0, 'content': 0.0}
    """
    side = size or usual_size(probe)
    start, pattern = resized(content, longest(content, side)), resized(style, longest(style, side))
    dials = {"statistic": statistic, "balance": balance, "smoothness": smoothness, "steps": steps}
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
    canvas = waves(start)
    [start] = canvas[1](canvas[0])  # as it is painted, so that at first nothing of it is lost
    style_shares = shares(probe, start, pattern, names, STATISTICS[turned["statistic"]])
    away = content_distance(probe, start, layer) if layer else None
    latest: dict[str, torch.Tensor] = {}

    def sought(balance: float) -> Dials:
        def closeness(found: Activations) -> torch.Tensor:
            found = {name: probe.layer(name).maps(answer).flatten(2) for name, answer in found.items()}
            every = style_shares(found)
            apart = away(found) if away else torch.zeros(1)
            latest.update(shares=every.detach().cpu(), content=apart.detach().cpu())
            return -balance * every.mean(1) - (1 - balance) * apart.type_as(every)

        return {"objective": Objective(closeness, dict.fromkeys([*names, *([layer] if away else [])]))}

    def smoothed(smoothness: float) -> Dials:
        weight = smoothness * GRAIN / start.numel()
        return {"penalties": [lambda pixels: weight * total_variation(pixels)]}

    def paced(steps: int) -> Dials:
        return {"step": adam(RATE, steps), "steps": steps}

    def show(frame: Frame) -> Frame:
        terms = {"style": latest["shares"].mean().item(), "content": latest["content"].item()}
        return replace(frame, picture=frame.picture[0], terms=terms, detail=latest["shares"][0])

    frames = ascend(
        probe,
        canvas=canvas,
        **sought(turned["balance"]),
        **smoothed(turned["smoothness"]),
        **paced(turned["steps"]),
    )
    sent = {"smoothness": smoothed, "steps": paced} | ({"balance": sought} if away else {})
    yield from relayed(frames, show, sent)


def waves(image: torch.Tensor) -> tuple[torch.Tensor, Paint]:
    """A canvas that begins as an image (3, H, W): its waves are the free numbers, slow ones easier to change than fast.

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


def answers(probe: Probe, image: torch.Tensor, layers: Sequence[str]) -> Activations:
    """Layers' maps of a picture (3, H, W) at its own size, each (1, C, places)."""
    _, found = probe.run(image[None], layers, scores=False)
    return {name: probe.layer(name).maps(answer.detach()).flatten(2) for name, answer in found.items()}


def shares(
    probe: Probe,
    start: torch.Tensor,
    pattern: torch.Tensor,
    layers: Sequence[str],
    statistic: Callable[[torch.Tensor], torch.Tensor],
) -> Callable[[Activations], torch.Tensor]:
    """How far every layer's statistic is from a pattern's, over how far a starting picture's is: (N, layers)."""
    wanted = {name: statistic(maps) for name, maps in answers(probe, pattern, layers).items()}

    def distance(name: str, found: Activations) -> torch.Tensor:
        return (statistic(found[name]) - wanted[name]).square().flatten(1).sum(1)

    first = answers(probe, start, layers)
    scale = {name: distance(name, first).clamp_min(1e-20) for name in layers}
    return lambda found: torch.stack([distance(name, found) / scale[name] for name in layers], 1)


def content_distance(probe: Probe, content: torch.Tensor, layer: str) -> Callable[[Activations], torch.Tensor]:
    """The squared relative distance of a layer's answers to those to a content: (N,)."""
    wanted = answers(probe, content, [layer])[layer]
    power = wanted.square().sum().clamp_min(1e-20)
    return lambda found: (found[layer] - wanted).square().flatten(1).sum(1) / power


METHODS = (
    Method(
        "Style transfer",
        style,
        formula=r"x^* = \arg\min_x \; (1 - b) \frac{\lVert \Phi(x) - \Phi(c) \rVert^2}{\lVert \Phi(c) \rVert^2} + "
        r"\frac{b}{L} \sum_l \frac{\lVert G_l(x) - G_l(s) \rVert^2}{\lVert G_l(c) - G_l(s) \rVert^2}, "
        r"\qquad G_l(x) = \frac{1}{HW} F_l F_l^\top",
        paper="Gatys et al. 2016, *Image Style Transfer Using Convolutional Neural Networks*",
        misleads="Content and style are what this network's layers say they are; networks without VGG's plain "
        "convolutions paint worse, which says little about how well they see.",
        engine=(style, painted, shares),
    ),
    Method(
        "Texture synthesis",
        texture,
        formula=r"x^* = \arg\min_x \; \frac{1}{L} \sum_l \frac{\lVert G_l(x) - G_l(s) \rVert^2}"
        r"{\lVert G_l(x_0) - G_l(s) \rVert^2}",
        paper="Gatys et al. 2015, *Texture Synthesis Using Convolutional Neural Networks*",
        misleads="Two pictures may share all of these statistics and still look different to a person.",
        engine=(texture, painted, shares),
    ),
)
