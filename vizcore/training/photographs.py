"""The training photographs: Parquet files of labelled 64-pixel JPEGs, decoded once and kept as bytes."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
import torch.nn.functional as F
from PIL import Image


@dataclass(frozen=True)
class Photographs:
    """Decoded pictures of one split: pixels (N, 3, 64, 64) as bytes, classes (N,), boxes (N, 4) as x0 y0 x1 y1."""

    pixels: torch.Tensor
    classes: torch.Tensor
    boxes: torch.Tensor
    labels: tuple[str, ...]


def core_classes(folder: Path) -> dict[str, str]:
    """WordNet id and label of the classes marked `core` in classes.txt, in WordNet order."""
    rows = [line.split("\t") for line in (folder / "classes.txt").read_text().splitlines() if line]
    return {wnid: label for wnid, label, mark in sorted(rows) if mark == "core"}


def load_photographs(folder: Path, split: str) -> Photographs:
    """Read one split (`train` or `val`) of the core classes."""
    names = core_classes(folder)
    order = {wnid: number for number, wnid in enumerate(names)}
    files = sorted(folder.glob(f"{split}*.parquet"))
    if not files:
        raise ValueError(f"no {split}*.parquet in {folder}; name the folder that holds the training photographs")
    pixels, classes, boxes = [], [], []
    for file in files:
        for row in parquet.read_table(file).to_pylist():
            if row["wnid"] in order:
                picture = Image.open(io.BytesIO(row["jpeg"])).convert("RGB")
                pixels.append(np.asarray(picture).transpose(2, 0, 1))
                classes.append(order[row["wnid"]])
                boxes.append(list(row["box"]))
    return Photographs(
        torch.from_numpy(np.stack(pixels)), torch.tensor(classes), torch.tensor(boxes), tuple(names.values())
    )


def augment(
    pixels: torch.Tensor, size: int, strength: float, generator: torch.Generator, sharp: float = 0.0
) -> torch.Tensor:
    """Zoom, shift, mirror and recolour a batch of bytes (N, 3, H, W) into (N, 3, size, size) in [0, 1].

    The zoom teaches the network close-ups. The grey pictures and the shifted colours make
    colour an unreliable clue, which is what gives the first layer its oriented edges. At `strength` 0 only
    the mirror is left. Zooming blurs; of the share `sharp` of the pictures no pixel is interpolated: they are
    shifted by up to 6 whole pixels instead, and stay as sharp as the pictures the network will meet.
    """
    count = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    zoom = uniform(1 - 0.4 * strength, 1 + 0.05 * strength)
    stretch = (strength * uniform(-0.12, 0.12)).exp()
    mirror = (uniform(0, 1) < 0.5).float() * 2 - 1
    slack = (1 - zoom).abs() + 0.08 * strength
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0] = zoom * stretch * mirror
    affine[:, 1, 1] = zoom / stretch
    affine[:, :, 2] = uniform(-1, 1, 2) * slack[:, None]
    if sharp:
        still = uniform(0, 1) < sharp
        affine[still] = torch.eye(2, 3) * torch.stack([mirror[still], torch.ones_like(mirror[still])], 1)[:, :, None]
        affine[still, :, 2] = (uniform(-6.5, 6.5, 2)[still].round()) * 2 / size
    grid = F.affine_grid(affine, [count, 3, size, size], align_corners=False)
    images = F.grid_sample(pixels.float() / 255, grid, padding_mode="reflection", align_corners=False)

    grey = images.mean(1, keepdim=True)
    saturation = (1 + strength * uniform(-0.5, 0.5, 1, 1, 1)) * (uniform(0, 1, 1, 1, 1) > 0.2 * strength)
    images = grey + (images - grey) * saturation
    middle = images.mean((1, 2, 3), keepdim=True)
    images = middle + (images - middle) * (1 + strength * uniform(-0.3, 0.3, 1, 1, 1))
    return (images * (1 + strength * uniform(-0.3, 0.3, 1, 1, 1))).clamp(0, 1)
