"""Inversion: pictures that a layer cannot tell from a given one, which show what the layer still knows of it."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import torch

from vizcore.ascent import Activations, Dials, Objective, adam, ascend, relayed
from vizcore.dial import Choice, Range
from vizcore.frames import Frame
from vizcore.method import Method
from vizcore.probe import Prediction, Probe, as_names
from vizcore.synthesis.penalties import alpha_norm, total_variation

CONTRAST = 0.27  # how far a photograph's pixels lie from its mean, as the root of the mean square: what priors count in
RATE, FAINT = 0.05, 0.05  # of a step of Adam, and of the noise that a search begins with
PAPER = "Mahendran and Vedaldi 2015, *Understanding Deep Image Representations by Inverting Them*"
PRIORS = {
    "none": "no prior",
    "tv 1": "total variation, beta 1",
    "tv": "total variation, beta 2",
    "alpha": "alpha norm",
}
Prior = Annotated[str, Choice(*PRIORS, help="What the picture should be like where the layer does not say.")]
Strength = Annotated[float, Range(0, 4, 0.25, help="Of the prior; 1 is what suits the layer's depth.")]
Steps = Annotated[int, Range(8, 512, 8)]
Seed = Annotated[int, Range(0, 99)]
Penalty = Callable[[torch.Tensor], torch.Tensor]


def invert(
    probe: Probe,
    image: torch.Tensor,
    layer: str,
    *,
    prior: Prior = "tv",
    strength: Strength = 1.0,
    steps: Steps = 128,
    pictures: Annotated[int, Range(1, 8, help="searched beside one another, each from noise of its own")] = 1,
    seed: Seed = 0,
) -> Generator[Frame, Dials | None, None]:
    """Search, from noise, for a picture that a layer answers to just as it does to this one.

    Mahendran and Vedaldi 2015, who call it a pre-image of the layer's code: gradient steps (Adam) on the squared
    relative error of the code, |Phi(x) - Phi(x0)|^2 / |Phi(x0)|^2, plus a prior. Priors are `none`, total variation
    with beta 1 (`tv 1`) or 2 (`tv`), and the `alpha` norm, the sixth power of how far a pixel is from grey. Total
    variation weighs more, the coarser the layer is; `strength` multiplies that.

    A frame's picture is (3, S, S), S the network's input size; where there are several `pictures`, one for each seed
    from `seed` on, they come first. Its detail is the relative errors (pictures,) before its step. Between two
    frames, `send` changes `prior`, `strength` or `steps`. Raises ValueError where the layer's answer is zero.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> found = last(invert(probe, cat, "conv2.relu", steps=32)).picture
    >>> probe.predict(found)[0].label
    'tabby'
    """
    turned = {"prior": prior, "strength": strength}

    def weighed(**changed: str | float) -> Dials:
        turned.update(changed)
        return {"penalties": [penalty(probe, layer, **turned)]}

    def show(frame: Frame) -> Frame:
        return frame if pictures > 1 else replace(frame, picture=frame.picture[0])

    frames = search(probe, image, layer, weighed()["penalties"], range(seed, seed + pictures), steps)
    sent = {"prior": lambda prior: weighed(prior=prior), "strength": lambda strength: weighed(strength=strength)}
    yield from relayed(frames, show, {**sent, "steps": lambda steps: {"steps": steps}})


def invert_with_priors(
    probe: Probe,
    image: torch.Tensor,
    layer: str,
    *,
    strength: Strength = 1.0,
    steps: Steps = 128,
    seed: Seed = 0,
) -> Generator[Frame, Dials | None, None]:
    """Search for four pictures with a layer's code side by side, each with another prior, from the same noise.

    Mahendran and Vedaldi 2015, as in `invert`: no prior, total variation with beta 1 and with beta 2, and the alpha
    norm. All four have about the same code; what tells them apart is what the layer does not know. A frame's picture is
    (4, 3, S, S) in that order, its detail the relative errors (4,) before its step. Between two frames, `send`
    changes the number of `steps`.

    >>> from vizcore import bundled_image, last, open_probe
    >>> four = last(invert_with_priors(open_probe("tiny-vgg"), bundled_image("cat"), "conv2.relu", steps=16)).picture
    >>> list(PRIORS)[total_variation(four).argmin()]
    'tv'
    """
    priors = [penalty(probe, layer, prior, strength) for prior in PRIORS]
    yield from search(probe, image, layer, [each(priors)], [seed] * len(priors), steps)


@dataclass(frozen=True)
class Reconstruction:
    """What was found for a layer: the picture (3, S, S), its relative error, that of a picture of one colour, and what
    the network itself takes the picture for."""

    layer: str
    image: torch.Tensor
    error: float
    mean_error: float
    answer: Prediction


def invert_layers(
    probe: Probe,
    image: torch.Tensor,
    layers: str | Sequence[str],
    *,
    prior: Prior = "tv",
    strength: Strength = 1.0,
    steps: Steps = 64,
    seed: Seed = 0,
) -> Generator[Frame, None, None]:
    """Search, layer after layer, for a picture with the layer's code: the deeper the layer, the less it knows.

    Mahendran and Vedaldi 2015, as in `invert`, with the strip of all layers as their paper draws it. A frame's picture
    is (N, 3, S, S), those of the layers done and the one being searched; its detail is a list of a `Reconstruction` for
    every layer done, with the error beside that of a picture of the image's mean colour, which knows nothing else.

    >>> from vizcore import bundled_image, last, open_probe
    >>> probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    >>> strip = last(invert_layers(probe, cat, ["conv1.relu", "conv4.relu"], steps=32)).detail
    >>> [one.answer.label for one in strip]
    ['tabby', 'tabby']
    """
    done: list[Reconstruction] = []
    layers = as_names(layers)
    for number, layer in enumerate(layers):
        for frame in invert(probe, image, layer, prior=prior, strength=strength, steps=steps, seed=seed):
            found = torch.stack([*(one.image for one in done), frame.picture])
            if frame.step == steps:
                done = [*done, reconstruction(probe, image, layer, frame.picture)]
            yield replace(frame, step=number * steps + frame.step, of=len(layers) * steps, picture=found, detail=done)


def relative_error(probe: Probe, images: torch.Tensor, image: torch.Tensor, layer: str) -> torch.Tensor:
    """How far a layer's answers to pictures (N, 3, H, W) are from its answer to an image: (N,).

    Mahendran and Vedaldi 2015: |Phi(x) - Phi(x0)| / |Phi(x0)|; 0 where the layer cannot tell them apart, 1 where a
    picture leaves it at zero.

    >>> from vizcore import bundled_image, open_probe
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_image("cat"))
    >>> relative_error(probe, torch.stack([cat, 0.9 * cat]), cat, "scores").round(decimals=2)
    tensor([0.0000, 0.0600])
    """
    prepared = torch.stack([probe.prepare(one) for one in images])
    _, found = probe.run(prepared, [layer], scores=False)
    return misfit(code(probe, image, layer), layer)(found).sqrt().detach().cpu()


def mean_colour(image: torch.Tensor) -> torch.Tensor:
    """A picture that knows nothing of an image (3, H, W) but its mean colour: what an error has to stay below.

    >>> mean_colour(torch.tensor([[0.0, 1.0]]).expand(3, 1, 2))[0]
    tensor([[0.5000, 0.5000]])
    """
    return image.mean((1, 2), keepdim=True).expand_as(image)


def reconstruction(probe: Probe, image: torch.Tensor, layer: str, found: torch.Tensor) -> Reconstruction:
    """What was found for a layer, with what it is to be measured by."""
    pair = torch.stack([found, mean_colour(probe.prepare(image))])
    error, mean_error = relative_error(probe, pair, image, layer).tolist()
    return Reconstruction(layer, found, error, mean_error, probe.predict(found, k=1)[0])


def search(
    probe: Probe, image: torch.Tensor, layer: str, penalties: list[Penalty], seeds: Sequence[int], steps: int
) -> Generator[Frame, Dials | None, None]:
    """The ascent towards a layer's code, for a picture a seed; a frame's detail is the relative errors (N,)."""
    squared = misfit(code(probe, image, layer), layer)
    errors = torch.zeros(len(seeds))

    def closeness(found: Activations) -> torch.Tensor:
        nonlocal errors
        value = squared(found)
        errors = value.detach().sqrt().cpu()  # without what the prior takes off
        return -value

    frames = ascend(
        probe,
        Objective(closeness, [layer]),
        (faint_noise(probe.input_size, seeds), lambda pixels: pixels),
        penalties=penalties,
        projections=[lambda pixels: pixels.clamp(0, 1)],
        **paced(steps),
    )
    show = lambda frame: replace(frame, terms={"relative error": errors.mean().item()}, detail=errors)  # noqa: E731
    yield from relayed(frames, show, {"penalties": lambda penalties: {"penalties": penalties}, "steps": paced})


def paced(steps: int) -> Dials:
    """So many steps, which shorten towards their end."""
    return {"step": adam(RATE, steps), "steps": steps}


def faint_noise(size: int, seeds: Sequence[int]) -> torch.Tensor:
    """Nearly grey pictures (N, 3, size, size), each drawn by a seed of its own."""
    chance = (torch.Generator().manual_seed(seed) for seed in seeds)
    noise = torch.stack([torch.randn(3, size, size, generator=generator) for generator in chance])
    return (0.5 + FAINT * noise).clamp(0, 1)


def code(probe: Probe, image: torch.Tensor, layer: str) -> torch.Tensor:
    """A layer's answer to an image, (1, ...)."""
    _, found = probe.run(probe.prepare(image)[None], [layer], scores=False)
    answer = found[layer].detach()
    if not answer.any():
        raise ValueError(f"{layer} answers zero to this picture, which says nothing of it; choose another layer.")
    return answer


def misfit(answer: torch.Tensor, layer: str) -> Callable[[Activations], torch.Tensor]:
    """The squared relative error of a layer's answers (N,)."""
    power = answer.square().sum()
    return lambda found: (found[layer] - answer).square().flatten(1).sum(1) / power


def penalty(probe: Probe, layer: str, prior: str, strength: float) -> Penalty:
    """A prior as what it takes off the objective, (N,) for pixels (N, 3, S, S).

    Norms count in those of photographs, which lie CONTRAST from their mean (Mahendran and Vedaldi 2015).
    """
    if prior not in PRIORS:
        raise ValueError(f"There is no prior {prior!r}; {', '.join(PRIORS)} are known.")
    power = CONTRAST**2 * 3 * probe.input_size**2
    coarse = coarseness(probe, layer)
    norm, weight = {
        "none": (total_variation, 0.0),
        "tv 1": (partial(total_variation, beta=1), 0.05 * coarse),
        "tv": (total_variation, coarse),
        "alpha": (lambda pixels: alpha_norm(pixels - 0.5, 6), 3.4),
    }[prior]
    return lambda pixels: strength * weight / 2 / power * norm(pixels)


def coarseness(probe: Probe, layer: str) -> float:
    """How much total variation weighs for a layer: the square of a quarter of its stride in pixels.

    Mahendran and Vedaldi 2015 take one of 1, 10 and 100, the more the deeper. It is at most what a stride of a fifth of
    the picture makes it, also for a layer without places.

    >>> from vizcore import open_probe
    >>> [round(coarseness(open_probe("tiny-vgg"), layer), 2) for layer in ("conv1.relu", "conv3.relu", "scores")]
    [0.25, 1.0, 10.24]
    """
    field = probe.layer(layer).field
    most = probe.input_size / 20
    stride = max(field.stride) if field else probe.input_size
    return min(stride / 4, most) ** 2


def each(penalties: Sequence[Penalty]) -> Penalty:
    """Penalties for the pictures of a batch, one for each."""
    return lambda pixels: torch.cat([one(pixels[place : place + 1]) for place, one in enumerate(penalties)])


METHODS = (
    Method(
        "Inversion",
        invert,
        formula=r"x^* = \arg\min_x \; \frac{\lVert \Phi(x) - \Phi(x_0) \rVert^2}{\lVert \Phi(x_0) \rVert^2} + "
        r"\lambda \, \mathcal{R}(x)",
        paper=PAPER,
        misleads="What the picture lacks may have been lost by the search and not by the layer, and what it has may "
        "come from the prior.",
        engine=(invert, search, misfit),
    ),
    Method(
        "Inversion with every prior",
        invert_with_priors,
        formula=r"\mathcal{R}_{V^\beta}(x) = \sum_{i,j} \left((x_{i,j+1} - x_{i,j})^2 + "
        r"(x_{i+1,j} - x_{i,j})^2\right)^{\beta/2}, \qquad \mathcal{R}_\alpha(x) = \sum_{i,j} |x_{i,j}|^\alpha",
        paper=PAPER,
        misleads="All four have about the layer's code, so the most natural of them is the prior's doing.",
        engine=(invert_with_priors, search, total_variation),
    ),
    Method(
        "Inversion of every layer",
        invert_layers,
        formula=r"\text{error}_l = \frac{\lVert \Phi_l(x^*_l) - \Phi_l(x_0) \rVert}{\lVert \Phi_l(x_0) \rVert}",
        paper=PAPER,
        misleads="The prior weighs more in deeper layers, so that a part of what is missing there was smoothed away.",
        engine=(invert_layers, invert),
    ),
)
