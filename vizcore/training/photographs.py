"""The training photographs: Parquet files of labelled 64-pixel pictures, decoded once and kept as bytes."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
from PIL import Image

COMPACT = "core-compact.parquet"  # both splits in one small file, as WebP
SIDE = 64
HELD_OUT = 15  # training photographs of each class that no network learns from: everything is chosen on them


@dataclass(frozen=True)
class Photographs:
    """Decoded pictures of one split: pixels (N, 3, 64, 64) as bytes, classes (N,), boxes (N, 4) as x0 y0 x1 y1.

    In the compact file there are no boxes, and `boxes` is None.
    """

    pixels: torch.Tensor
    classes: torch.Tensor
    boxes: torch.Tensor | None
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, chosen: torch.Tensor) -> "Photographs":
        """Some of them, by number."""
        boxes = None if self.boxes is None else self.boxes[chosen]
        return Photographs(self.pixels[chosen], self.classes[chosen], boxes, self.labels)

    def to(self, device: torch.device) -> "Photographs":
        """Their pixels and classes on a device."""
        return Photographs(self.pixels.to(device), self.classes.to(device), self.boxes, self.labels)


def class_names(folder: Path) -> dict[str, str]:
    """WordNet id and label of the classes marked `core` in classes.txt, in WordNet order."""
    table = folder / "classes.txt"
    if not table.is_file():
        raise ValueError(f"no photographs in {folder}; name the folder that holds them and their classes.txt.")
    rows = [line.split("\t") for line in table.read_text().splitlines() if line]
    return {wnid: label for wnid, label, mark in sorted(rows) if mark == "core"}


def load_photographs(folder: Path, split: str) -> Photographs:
    """Read one split (`train` or `val`) of the core classes, from JPEGs or, without these, from the compact file."""
    names = class_names(folder)
    order = {wnid: number for number, wnid in enumerate(names)}
    files = sorted(folder.glob(f"{split}*.parquet")) or sorted(folder.glob(COMPACT))
    if not files:
        raise ValueError(f"no {split}*.parquet in {folder}; name the folder that holds the training photographs")
    pixels, classes, boxes = [], [], []
    for file in files:
        for row in parquet.read_table(file).to_pylist():
            if row["wnid"] in order and row.get("split", split) == split:
                picture = Image.open(io.BytesIO(row.get("jpeg") or row["webp"])).convert("RGB")
                pixels.append(np.asarray(picture).transpose(2, 0, 1))
                classes.append(order[row["wnid"]])
                boxes.append(row.get("box"))
    framed = torch.tensor([list(box) for box in boxes]) if boxes and all(boxes) else None
    pixels = torch.from_numpy(np.array(pixels, np.uint8).reshape(-1, 3, SIDE, SIDE))
    labels = tuple(names.values()) if classes else ()
    return Photographs(pixels, torch.tensor(classes, dtype=torch.long), framed, labels)


def apart(photographs: Photographs, each: int = HELD_OUT) -> tuple[Photographs, Photographs]:
    """The photographs to learn from, and the first `each` of every class, to choose by.

    >>> few = Photographs(torch.zeros(6, 3, 2, 2), torch.tensor([0, 1, 0, 1, 0, 1]), None, ("cat", "cup"))
    >>> [part.classes.tolist() for part in apart(few, 1)]
    [[0, 1, 0, 1], [0, 1]]
    """
    counted = torch.nn.functional.one_hot(photographs.classes).cumsum(0)
    place = counted.gather(1, photographs.classes[:, None])[:, 0]
    return photographs.part((place > each).nonzero()[:, 0]), photographs.part((place <= each).nonzero()[:, 0])
