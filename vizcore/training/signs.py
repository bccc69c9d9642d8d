"""How the network for road signs was made: `python -m vizcore.training.signs`, which needs no data from outside.

The training pictures are painted first: one of a dozen signs (adversarial/road_signs.py) before a piece of a bundled
photograph or of a painted street, in perspective, light and blur (adversarial/glimpse.py); or no sign, or one too
small, too large or too far out to be read. Half of the time the network sees the window alone, half of the time with
its surroundings, as it does when it slides over a whole scene. What it is worth is measured before photographs and
streets that it never saw, and from farther aside. Pieces of tape on half of the training signs were tried: random
stickers then do less, but so do made ones, and fewer signs are read right (top-1 .91 instead of .98 after five epochs).
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from vizcore.adversarial.glimpse import TURNED, cut, glimpses, laid, lit, pose
from vizcore.adversarial.road_signs import SIGNS, road_sign
from vizcore.adversarial.street import street
from vizcore.imaging import bundled_image, bundled_names, thumbnail
from vizcore.probe import Probe
from vizcore.training.card import share, write
from vizcore.training.twins import normalised, save
from vizcore.zoo import MEAN, STD, TinyVGG

NAME, NO_SIGN = "road-signs", "no sign"
LABELS = (*SIGNS, NO_SIGN)
WIDTHS = (16, 16, 32, 32, 64, 96)
WINDOW, AROUND = 64, 8  # pixels; the surroundings are as wide as a cell of the last layer
HELD_OUT = ("temple", "motorcycle", "gravel")  # photographs for measuring alone
STREETS, HELD_OUT_STREETS = range(100, 140), range(200, 212)  # the seeds below 100 are for the reader's drives
ASIDE = (45.0, 60.0)  # degrees, farther than any sign was turned in training
BATCH, RATE, PIECES, TOGETHER = 48, 2e-3, 2000, 120
BARE, MISPLACED = 1 / 6, 1 / 12  # shares of the training pictures
EACH = 40  # pictures of every class that are measured
RECIPE = (
    "AdamW with weight decay 1e-3, batches of 48, a rate up to 2e-3 and down along a cosine; pictures painted by this "
    "project: signs turned by up to 45 degrees, 27 to 58 of 64 pixels wide, in more and less light and out of focus, "
    "every time in other light again; a running average of the weights"
)


def backgrounds(count: int, draw: torch.Generator, *, held_out: bool, side: int) -> torch.Tensor:
    """Pieces of photographs and painted streets, to learn from or held out: (count, 3, side, side)."""
    photographs = HELD_OUT if held_out else [name for name in bundled_names() if name not in HELD_OUT]
    streets = HELD_OUT_STREETS if held_out else STREETS
    pictures = [thumbnail(bundled_image(name), 320) for name in photographs]
    painted = [street(5.0 * number, seed=seed) for number, seed in enumerate(streets)]
    half = count // 2
    return torch.cat([cut(pictures, count - half, side, draw), cut(painted, half, side, draw)])


def misplaced(signs: torch.Tensor, pieces: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Signs too small, too large or too far out for the window to be theirs: (N, 3, S, S)."""
    count, whole = len(signs), pieces.shape[-1]
    kind, size, way = torch.rand(3, count, generator=draw)
    far = kind < 0.5
    small = WINDOW / 2 * (0.1 + 0.1 * size)
    half = torch.where(far, WINDOW / 2 * (0.42 + 0.48 * size), torch.where(kind < 0.75, small, WINDOW * (0.9 + size)))
    angle, out = 2 * math.pi * way, WINDOW * torch.where(far, 0.36 + 0.2 * torch.rand(count, generator=draw), 0.1)
    middle = whole / 2 + out[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    level = torch.zeros(count)
    poses = pose(middle, half, torch.deg2rad(60 * torch.rand(count, generator=draw) - 30), level, level)
    return lit(laid(pieces, signs, poses), draw)


def painted(count: int, draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures to learn from, with the surroundings of their windows, as bytes (N, 3, S, S), and classes (N,)."""
    pieces = backgrounds(PIECES, draw, held_out=False, side=WINDOW + 2 * AROUND)
    signs = torch.stack([road_sign(name) for name in SIGNS])
    bare, wrong = round(BARE * TOGETHER), round(MISPLACED * TOGETHER)
    found, numbers = [], []
    for _ in range(0, count, TOGETHER):
        classes = torch.randint(0, len(signs), (TOGETHER - bare - wrong,), generator=draw)
        some = pieces[torch.randint(0, len(pieces), (bare + wrong,), generator=draw)]
        others = signs[torch.randint(0, len(signs), (wrong,), generator=draw)]
        found += [
            (255 * images).round().byte()
            for images in (
                glimpses(signs[classes], pieces, draw, around=AROUND),
                misplaced(others, some[:wrong], draw),
                lit(some[wrong:], draw),
            )
        ]
        numbers += [classes, torch.full((bare + wrong,), len(signs))]
    return torch.cat(found), torch.cat(numbers)


def varied(images: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Bytes (N, 3, S, S) as pixels in other light and with the noise of a sensor, each by chance."""
    light, lift, grain = torch.rand(3, len(images), 1, 1, 1, generator=draw)
    noise = 0.03 * grain * torch.randn(images.shape, generator=draw)
    return (images.float() / 255 * (0.8 + 0.4 * light) + 0.1 * lift - 0.05 + noise).clamp(0, 1)


def within(network: TinyVGG, images: torch.Tensor) -> torch.Tensor:
    """The scores of the windows in the middle of larger pictures (N, 3, S, S), as a sliding detector takes them."""
    cells = network.conv6(network.conv5(network.pool2(network.conv4(network.conv3(
        network.pool1(network.conv2(network.conv1(normalised(images)))))))))  # fmt: skip
    spare = AROUND // 8
    return network.fc(network.dropout(cells[:, :, spare:-spare, spare:-spare].mean((2, 3))))


def held_out_pictures(each: int, *, turned: tuple[float, float], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows with every sign before what was held out, and as many without one: (N, 3, 64, 64) and classes (N,)."""
    draw = torch.Generator().manual_seed(seed)
    pieces = backgrounds(len(LABELS) * each // 2, draw, held_out=True, side=WINDOW)
    classes = torch.arange(len(SIGNS)).repeat_interleave(each)
    signs = torch.stack([road_sign(name) for name in SIGNS])
    seen = glimpses(signs[classes], pieces, draw, turned=turned)
    none = lit(pieces[torch.randint(0, len(pieces), (each,), generator=draw)], draw)
    return torch.cat([seen, none]), torch.cat([classes, torch.full((each,), len(SIGNS))])


def measured(probe: Probe, each: int = EACH) -> dict:
    """How often a network is right before what was held out: from within the trained angles, and from farther aside."""
    found = {"pictures": len(LABELS) * each}
    for name, turned in (("top1", TURNED), ("top1 aside", ASIDE)):
        images, classes = held_out_pictures(each, turned=turned)
        best = torch.cat([probe.run(part)[0].detach().cpu().topk(5).indices for part in images.split(128)])
        answers = best[:, 0]
        found[name] = share(answers == classes)
        if turned == TURNED:
            found["top5"] = share((best == classes[:, None]).any(1))
        wrong = [(LABELS[real], LABELS[said]) for real, said in zip(classes.tolist(), answers.tolist(), strict=True)
                 if real != said]  # fmt: skip
        mistakes = sorted(((*pair, wrong.count(pair)) for pair in set(wrong)), key=lambda row: (-row[2], row))
        found["confusions" if turned == TURNED else "confusions aside"] = [list(row) for row in mistakes[:8]]
    return found


@torch.no_grad()
def right(network: TinyVGG) -> float:
    """How often the network, as it is in the middle of its training, is right before what is held out."""
    images, classes = held_out_pictures(EACH // 4, turned=TURNED, seed=1)
    network.eval()
    return share(network(normalised(images)).argmax(1) == classes)


@torch.no_grad()
def follow(average: TinyVGG, network: TinyVGG, share: float) -> None:
    """Move the running average of the weights by a share towards the weights as they are."""
    for kept, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if value.is_floating_point():
            kept.lerp_(value, share)
        else:
            kept.copy_(value)


def train(out: Path, *, pictures: int = 8000, epochs: int = 5, seed: int = 0) -> dict:
    """Train the network, and write its weights and its card below `out`."""
    began, draw = time.perf_counter(), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network, average = (TinyVGG(len(LABELS), WIDTHS) for _ in range(2))
    average.load_state_dict(network.state_dict())
    images, classes = painted(pictures, draw)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    steps, step, history = epochs * (len(images) // BATCH), 0, []
    network.train()
    for epoch in range(1, epochs + 1):
        losses = []
        for some in torch.randperm(len(images), generator=draw).split(BATCH)[: len(images) // BATCH]:
            step += 1
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1, step / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            shown = varied(images[some], draw)
            if step % 2:
                scores = within(network, shown)
            else:
                scores = network(normalised(shown[:, :, AROUND:-AROUND, AROUND:-AROUND]))
            loss = F.cross_entropy(scores, classes[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            follow(average, network, min(0.1, 10 / step))
        history.append({"epoch": epoch, "loss": round(sum(losses) / len(losses), 4), "top1": right(average)})
        print(json.dumps(history[-1] | {"minutes": round((time.perf_counter() - began) / 60, 1)}), flush=True)
        save(average, LABELS, out / f"{NAME}.safetensors")
    average.half().float().eval()  # as the file keeps it
    probe = Probe(average, name=NAME, labels=LABELS, input_size=WINDOW, mean=MEAN, std=STD, device="cpu")
    facts = {
        "name": NAME, "data": "road signs drawn by this project before bundled photographs and painted streets",
        "recipe": RECIPE, "widths": list(WIDTHS), "seed": seed,
        "training pictures": len(images), "epochs": epochs, "minutes": round((time.perf_counter() - began) / 60, 1),
    }  # fmt: skip
    facts |= measured(probe, EACH) | {"history": history, "labels": list(LABELS)}
    write(facts, out / f"{NAME}.json")
    return facts


if __name__ == "__main__":
    train(Path(sys.argv[1] if len(sys.argv) > 1 else "assets/weights"))
