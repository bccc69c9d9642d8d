"""How fast the painter is: `python -m benchmarks.painter [THREADS]`.

Printed are pictures a second at 256 and 512 pixels, alone and with everything that a live frame takes: a JPEG that is
opened, the painting, a JPEG that is written, and where it is held steady the optical flow there and back. Beside them
stands an ascent to the same style, as `style` climbs it, and how far both are from the style for a network that
neither has seen. Times are the best of the rounds.
"""

import sys

import torch

from benchmarks.occlusion import seconds
from vizcore import bundled_image, last, open_probe
from vizcore.imaging import jpeg
from vizcore.laboratory.live_painting import LivePainting
from vizcore.synthesis import style, style_picture, stylize
from vizcore.synthesis.any_size import longest, resized
from vizcore.synthesis.style import style_layers
from vizcore.synthesis.style_distance import answers, gram, shares

STYLE, SIZE, STEPS, ROUNDS, UNSEEN = "night", 256, 64, 7, "efficientnet-lite0"


def distance(image: torch.Tensor, content: torch.Tensor, pattern: torch.Tensor) -> float:
    """How far an image is from a style to a network that neither method has seen, over how far the content is."""
    unseen = open_probe(UNSEEN, device="cpu")
    layers = style_layers(unseen)[:3]
    return shares(unseen, content, pattern, layers, gram)(answers(unseen, image, layers)).mean().item()


def main(threads: int) -> None:
    """Print a line for each."""
    torch.set_num_threads(threads)
    whole, pattern = bundled_image("coffee"), style_picture(STYLE)
    for size in (256, 512):
        square = resized(whole[:, :400, :400], (size, size))
        took = min(seconds(lambda square=square, size=size: stylize(square, STYLE, size=size)) for _ in range(ROUNDS))
        print(f"one pass at {size} x {size} pixels: {1 / took:5.1f} pictures a second, {threads} threads", flush=True)
    content, paint = jpeg(resized(whole[:, :400, :400], (SIZE, SIZE))), LivePainting()
    for steady in (False, True):
        took = min(seconds(lambda steady=steady: paint(content, STYLE, steady=steady)) for _ in range(ROUNDS))
        print(f"a live frame{', held steady' if steady else '':13}: {1 / took:5.1f} frames a second", flush=True)
    image, painting = resized(whole, longest(whole, SIZE)), {}

    def ascent() -> None:
        painting["ascent"] = last(style(open_probe("tiny-vgg"), image, pattern, steps=STEPS, size=SIZE)).picture

    def one_pass() -> None:
        painting["one pass"] = stylize(image, STYLE, size=SIZE)

    climbed, passed = seconds(ascent), min(seconds(one_pass) for _ in range(ROUNDS))
    told = ", ".join(f"{name} {distance(one, image, pattern):.3f}" for name, one in painting.items())
    print(
        f"an ascent of {STEPS} steps takes {climbed:.2f} s, {climbed / passed:.0f} times as long; distance left: {told}"
    )


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:] or [2]))
