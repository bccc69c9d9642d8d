"""How long style transfer takes beside the plain textbook loop: `python -m benchmarks.style [NETWORK]`.

Both paint the same content in the same style: same network, canvas, layers, weights, steps of Adam and one size, in one
process and in turns. The textbook loop is written with torch alone, as a tutorial has it: hooks on the network's
modules, Gram matrices, `loss.backward()`, an optimizer. Times are the best of the rounds; what counts is the ratio.
Printed too is how far the style's distance fell, also on a network that no step has seen, and the same for the picture
that the page shows at first.
"""

import sys
from collections.abc import Mapping

import torch

from benchmarks.occlusion import seconds, untouched
from vizcore import bundled_image, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.synthesis import style
from vizcore.synthesis.any_size import longest, resized
from vizcore.synthesis.style import GRAIN, RATE, style_layers, usual_content_layer, waves
from vizcore.synthesis.style_distance import answers, gram, shares

NETWORK, UNSEEN = "tiny-vgg", "tiny-vgg-robust"
CONTENT, STYLE, SIZE, STEPS, BALANCE, ROUNDS = "cat", "bricks", 128, 64, 0.9, 3


def textbook(probe: Probe, content: torch.Tensor, pattern: torch.Tensor) -> torch.Tensor:
    """The picture painted by a loop of one's own; the rate falls over the second half, as ours does."""
    network, seen, layers, kept = untouched(probe), {}, style_layers(probe), usual_content_layer(probe)
    for layer in {*layers, kept}:
        network.get_submodule(layer).register_forward_hook(lambda module, inputs, output, layer=layer: seen.update(
            {layer: output}))  # fmt: skip
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (probe.mean, probe.std))

    def shown(pixels: torch.Tensor) -> Mapping[str, torch.Tensor]:
        network((pixels - mean) / std)
        return {layer: maps.flatten(2) for layer, maps in seen.items()}

    with torch.no_grad():
        target = {layer: gram(maps) for layer, maps in shown(pattern[None]).items()}
        before = shown(content[None])
        scale = {layer: (gram(before[layer]) - target[layer]).square().sum() for layer in layers}
    numbers, paint = waves(content)
    numbers.requires_grad_()
    optimizer = torch.optim.Adam([numbers], RATE)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * min(1, 2 * (1 - step / STEPS))
        pixels = paint(numbers)
        found = shown(pixels)
        distances = [(gram(found[layer]) - target[layer]).square().sum() / scale[layer] for layer in layers]
        apart = (found[kept] - before[kept]).square().sum() / before[kept].square().sum()
        rough = pixels.diff(dim=2).square().sum() + pixels.diff(dim=3).square().sum()
        loss = BALANCE * sum(distances) / len(layers) + (1 - BALANCE) * apart + GRAIN * rough / pixels.numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return paint(numbers).detach()[0]


def distance(probe: Probe, image: torch.Tensor, content: torch.Tensor, pattern: torch.Tensor) -> float:
    """How far an image is from a style to a network, over how far the content is."""
    layers = style_layers(probe)
    return shares(probe, content, pattern, layers, gram)(answers(probe, image, layers)).mean().item()


def compare(name: str) -> str:
    """Both on one network: their times, the ratio, and the distances."""
    probe, unseen = open_probe(name, device="cpu"), open_probe(UNSEEN, device="cpu")
    content, pattern = (resized(image, longest(image, SIZE)) for image in map(bundled_image, (CONTENT, STYLE)))
    pictures, mine, other = {}, [], []

    def ours() -> None:
        asked = {"balance": BALANCE, "steps": STEPS, "size": SIZE, "octaves": 1, "statistic": "gram"}
        frame = last(style(probe, content, pattern, **asked))
        pictures["vizcore"] = frame.picture

    def theirs() -> None:
        pictures["textbook"] = textbook(probe, content, pattern)

    for _ in range(ROUNDS):
        mine.append(seconds(ours))
        other.append(seconds(theirs))
    pictures["as on the page"] = last(style(probe, content, pattern, size=SIZE)).picture
    fell = {name: [1 / distance(judge, image, content, pattern) for judge in (probe, unseen)]
            for name, image in pictures.items()}  # fmt: skip
    told = "; ".join(f"{name}: {own:.0f} x, to {UNSEEN} {far:.1f} x" for name, (own, far) in fell.items())
    return (
        f"{name}, {STEPS} steps at {SIZE} pixels: vizcore {min(mine):.2f} s, textbook {min(other):.2f} s, "
        f"{min(other) / min(mine):.2f} x as fast; the style's distance fell ({told})"
    )


if __name__ == "__main__":
    print(compare(*(sys.argv[1:] or [NETWORK])))
