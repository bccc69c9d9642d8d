"""How the network that paints in five styles was made: `python -m vizcore train styles --data FOLDER`.

One trunk serves all styles, and each has but a scale and a shift a channel of its own (Dumoulin et al. 2017): five
styles then cost what one or two would, and weigh as much as one. A step paints a piece of a photograph in every style
and follows Johnson et al. 2016: what the layers of `tiny-vgg` say of the painted piece shall be what they say of the
photograph, and their Gram matrices those of the style's picture. Styles are asked for at full or at half size by
chance, contents at half size, since that network looks at small windows; and the painted piece is moved by a pixel by
chance, since its first layer sees every second place only, and would leave a grid.

The schedule follows the time that the processor gives to this run, so that one beside other work learns as much as one
alone: with the share of the minutes that has passed, pieces grow and the rate falls. A run that was cut off goes on
where it was last kept.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vizcore.imaging import bundled_image, bundled_names, load_image, thumbnail, to_picture
from vizcore.probe import Probe
from vizcore.synthesis.painter import Painter
from vizcore.synthesis.style import style_layers, usual_content_layer
from vizcore.synthesis.style_distance import gram
from vizcore.synthesis.style_pictures import STYLES, THUMBNAIL, style_picture
from vizcore.training.card import write
from vizcore.zoo import open_probe

NAME, LOSS_NETWORK = "styles", "tiny-vgg"
PATTERN = 384  # pixels of a style's picture
RATE, WARM = 4e-3, 50  # of Adam, and steps until it is reached
STYLE_WEIGHT = dict.fromkeys(STYLES, 5.0)  # beside a content's weight of 1
GRAIN = 0.3  # the weight of the mean absolute difference of neighbouring pixels
SIDES = ((0.6, 64), (0.9, 96), (math.inf, 128))  # until which share of the time, and pixels of a piece
KEPT_EVERY = 30  # seconds


def contents(folder: Path) -> list[torch.Tensor]:
    """What is painted in training, as bytes (3, H, W): the photographs of a folder, and those that are bundled."""
    files = sorted(path for path in (folder / "photos").glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise ValueError(f"no photographs in {folder / 'photos'}; name the folder that holds the folder `photos`.")
    images = [load_image(file) for file in files] + [thumbnail(bundled_image(name), 512) for name in bundled_names()]
    return [(image * 255).round().byte() for image in images]


def piece(images: Sequence[torch.Tensor], side: int, draw: torch.Generator) -> torch.Tensor:
    """A square out of one of the images by chance, reduced to (3, side, side), half of the time mirrored."""
    image = images[int(torch.randint(len(images), (), generator=draw))]
    high, wide = image.shape[1:]
    chance = torch.rand(4, generator=draw).tolist()
    edge = int(side + chance[0] * max(0, min(high, wide) - side))
    edge = min(edge, high, wide)
    top, left = int(chance[1] * (high - edge + 1)), int(chance[2] * (wide - edge + 1))
    square = image[None, :, top : top + edge, left : left + edge].float() / 255
    square = F.interpolate(square, (side, side), mode="bilinear", antialias=True)[0]
    return square.flip(2) if chance[3] < 0.5 else square


class Judge:
    """What the loss network says of painted pieces: how far they are from their contents, and from their styles."""

    def __init__(self, probe: Probe, patterns: torch.Tensor):
        self.probe, self.style_layers, self.content_layer = probe, style_layers(probe), usual_content_layer(probe)
        self.wanted = [self.grams(self.seen(sized)) for sized in (patterns, halved(patterns))]

    def seen(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """What its layers answer to images (N, 3, H, W)."""
        return self.probe.run(images, dict.fromkeys([*self.style_layers, self.content_layer]), scores=False)[1]

    def grams(self, found: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """The Gram matrices of the layers of style, each (N, C, C)."""
        return [gram(found[name].flatten(2)) for name in self.style_layers]

    def __call__(
        self, painted: torch.Tensor, content: torch.Tensor, styles: torch.Tensor, size: int
    ) -> dict[str, torch.Tensor]:
        """The relative squared distances of pieces (N, 3, H, W) from contents, at half size, and from the styles of
        these numbers (N,), at full size (0) or at half size (1): each (N,)."""
        half = halved(painted)
        with torch.no_grad():
            _, before = self.probe.run(halved(content), [self.content_layer], scores=False)
        found = self.seen((painted, half)[size])
        maps = found if size else self.probe.run(half, [self.content_layer], scores=False)[1]
        pairs = zip(self.grams(found), self.wanted[size], strict=True)
        return {
            "content": apart(maps[self.content_layer], before[self.content_layer]),
            "style": torch.stack([apart(one, wanted[styles]) for one, wanted in pairs]).mean(0),
        }


def halved(images: torch.Tensor) -> torch.Tensor:
    """Images (N, 3, H, W) at half their size."""
    return F.avg_pool2d(images, 2)


def apart(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The squared distance over the squared length of what is wanted, for each of a batch: (N,).

    >>> apart(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 5.0]]))
    tensor([0.4000])
    """
    return (found - wanted).square().flatten(1).sum(1) / wanted.square().flatten(1).sum(1)


def palette(pixels: torch.Tensor, colours: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The linear map (3, 3) and the shift (3,) that take pixels (3, N) to the mean and covariance of colours (3, M).

    Of all that do, the one that moves colours least: Pitie and Kokaram 2007, *The linear Monge-Kantorovitch linear
    colour mapping for example-based colour transfer*. Bright stays bright.
    """
    values, vectors = torch.linalg.eigh(pixels.double().cov())
    root, inverse = (vectors @ values.pow(power).diag() @ vectors.T for power in (0.5, -0.5))
    inner, turn = torch.linalg.eigh(root @ colours.double().cov() @ root)
    mapped = inverse @ turn @ inner.clamp_min(0).sqrt().diag() @ turn.T @ inverse
    return mapped, colours.double().mean(1) - mapped @ pixels.double().mean(1)


@torch.no_grad()
def begin(painter: Painter, images: Sequence[torch.Tensor], patterns: torch.Tensor) -> None:
    """Give a painter each style's palette, so that training begins with the right colours and learns strokes."""
    draw = torch.Generator().manual_seed(0)
    pieces = torch.stack([piece(images, 32, draw) for _ in range(200)])
    pixels = pieces.transpose(0, 1).flatten(1) - 0.5
    for number, pattern in enumerate(patterns):
        mapped, shift = palette(pixels, pattern.flatten(1).clamp(0.02, 0.98).logit())
        painter.colours[number] = mapped
        painter.last.shift[number] = shift


class Run:
    """A painter in training, and how far it is."""

    def __init__(self, judge: Judge, seed: int):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.painter = Painter(len(STYLES)).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(self.painter.parameters(), lr=RATE)
        self.judge, self.seed, self.step, self.seconds, self.history = judge, seed, 0, 0.0, []

    def learn(self, images: Sequence[torch.Tensor], progress: float) -> dict[str, float]:
        """One step: a piece in every style; the mean distances before it."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_000 + self.step)
        side = next(side for until, side in SIDES if progress < until)
        styles = torch.arange(len(STYLES))
        content = torch.stack([piece(images, side, draw) for _ in styles])
        painted = self.painter(content.contiguous(memory_format=torch.channels_last), torch.eye(len(STYLES)))
        down, right, size = torch.randint(0, 2, (3,), generator=draw).tolist()
        shown = (whole[:, :, down : side - 1 + down, right : side - 1 + right] for whole in (painted, content))
        distances = self.judge(*shown, styles, size)
        grain = painted.diff(dim=2).abs().mean((1, 2, 3)) + painted.diff(dim=3).abs().mean((1, 2, 3))
        weights = torch.tensor(list(STYLE_WEIGHT.values()))
        loss = (distances["content"] + weights * distances["style"] + GRAIN * grain).mean()
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(1, (self.step + 1) / WARM) * (0.505 + 0.495 * math.cos(math.pi * min(progress, 1)))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step += 1
        return {name: distance.mean().item() for name, distance in distances.items()} | {
            f"style of {name}": value for name, value in zip(STYLES, distances["style"].tolist(), strict=True)
        }

    def keep(self, file: Path) -> None:
        """Write everything that a run needs to go on."""
        state = {"painter": self.painter.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step}
        state |= {"seconds": self.seconds, "history": json.dumps(self.history)}
        torch.save(state, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)

    def go_on_from(self, file: Path) -> None:
        """Take up a run where it was left."""
        state = torch.load(file, weights_only=True)
        self.painter.load_state_dict(state["painter"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self.history = state["step"], state["seconds"], json.loads(state["history"])


def rounds(run: Run, images: Sequence[torch.Tensor], minutes: float) -> Iterator[dict[str, float]]:
    """Train until the time is over; every half minute gives the mean distances of its steps."""
    while run.seconds < 60 * minutes:
        began, at_first, found = time.thread_time(), run.seconds, []
        while run.seconds < min(60 * minutes, at_first + KEPT_EVERY):
            found.append(run.learn(images, run.seconds / (60 * minutes)))
            run.seconds = at_first + time.thread_time() - began
        yield {name: round(sum(step[name] for step in found) / len(found), 4) for name in found[0]}


def train(data: Path, out: Path, minutes: float, *, seed: int = 0) -> dict:
    """Train the painter, and write its weights and its card below `out`."""
    probe, images = open_probe(LOSS_NETWORK, device="cpu"), contents(data)
    patterns = torch.stack([style_picture(name, PATTERN) for name in STYLES])
    run, checkpoint = Run(Judge(probe, patterns), seed), out / f"{NAME}.checkpoint"
    begin(run.painter, images, patterns)
    out.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        run.go_on_from(checkpoint)
    for found in rounds(run, images, minutes):
        run.history.append({"step": run.step, "minutes": round(run.seconds / 60, 1)} | found)
        print(json.dumps(run.history[-1]), flush=True)
        run.keep(checkpoint)
    save(run.painter, out / f"{NAME}.safetensors")
    facts = {
        "name": NAME, "styles": list(STYLES), "loss network": LOSS_NETWORK, "steps": run.step, "seed": seed,
        "minutes": round(run.seconds / 60, 1), "photographs": len(images), "history": run.history,
    }  # fmt: skip
    write(facts, out / f"{NAME}.json")
    return facts


def thumbnails(folder: Path) -> None:
    """Write the styles' pictures small, for pages that show them at once."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in STYLES:
        picture = style_picture(name, THUMBNAIL)
        to_picture(picture).save(folder / f"{name}.webp", quality=88, method=6)


def save(painter: Painter, path: Path) -> None:
    """Write the weights in half precision, with the names of the styles in the file's own metadata."""
    weights = {name: value.half().contiguous() for name, value in painter.state_dict().items()}
    save_file(weights, path, {"styles": json.dumps(list(STYLES))})
