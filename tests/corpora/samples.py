"""Small corpora and networks for the tests, made on the spot."""

from functools import cache
from pathlib import Path

import torch
from PIL import Image

from tests.pictures import encoded
from vizcore.probe.probe import Probe
from vizcore.zoo.tiny_vgg import TinyVGG


def picture(seed: int, height: int = 20, width: int = 24) -> Image.Image:
    """Coarse noise, another for every seed."""
    pixels = torch.randint(0, 256, (height // 4, width // 4, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(pixels.byte().numpy()).resize((width, height), Image.Resampling.BICUBIC)


def folder(path: Path, count: int = 40, classes: int = 4) -> Path:
    """A folder of class folders with PNG files; number i is in class i modulo `classes`."""
    for number in range(count):
        place = path / (f"kind{number % classes}" if classes else "")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:04}.png").write_bytes(encoded(picture(number), "PNG"))
    return path


@cache
def probe(classes: int = 5, widths: tuple[int, ...] = (4, 4, 6, 6, 8, 8), size: int = 32) -> Probe:
    """The bundled network's twin, narrow, with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TinyVGG(classes, widths)
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(std=0.3)
        return Probe(network, name="toy", input_size=size)
