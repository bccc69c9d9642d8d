"""Concepts that can be read off the pixels themselves: what colour a place has, how bright it is, its edges, where."""

import torch
import torch.nn.functional as F

# The basic colour terms of Berlin and Kay 1969; the borders between them, in hue, saturation and value, are ours.
COLOURS = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
HUES = (("red", 15), ("orange", 45), ("yellow", 70), ("green", 170), ("blue", 260), ("purple", 300), ("pink", 345),
        ("red", 361))  # degrees, where each ends  # fmt: skip
LIGHTNESS = ("dark", "bright")
EDGES = ("horizontal edges", "vertical edges", "slanted edges")
PLACES = ("top", "bottom", "left", "right", "middle")
NAMES = (*COLOURS, *LIGHTNESS, *EDGES, *PLACES)
STRONG = 0.08  # of full scale from a pixel to the next, that an edge has at least
STEEP = 22.5  # degrees that an edge may turn and is still horizontal, or vertical


def pixel_concepts(images: torch.Tensor) -> torch.Tensor:
    """Where pictures (N, 3, H, W) show each of the concepts in NAMES: (N, K, H, W), True there.

    >>> orange = torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1).expand(-1, -1, 6, 6)
    >>> [name for name, there in zip(NAMES, pixel_concepts(orange)[0, :, 0, 0]) if there]
    ['orange', 'top', 'left']
    """
    light = images.mean(1)  # (N, H, W)
    lightness = torch.stack([light < 0.2, light > 0.8], 1)
    return torch.cat([colour_terms(images), lightness, edges(light), places(images)], 1)


def colour_terms(images: torch.Tensor) -> torch.Tensor:
    """Which of the eleven basic colours every pixel (N, 3, H, W) has, exactly one each: (N, 11, H, W).

    >>> sky, skin, wood = [0.4, 0.6, 1.0], [1.0, 0.7, 0.75], [0.45, 0.3, 0.15]
    >>> found = colour_terms(torch.tensor([sky, skin, wood]).T.view(1, 3, 1, 3))[0, :, 0].float()
    >>> [COLOURS[number] for number in found.argmax(0)]
    ['blue', 'pink', 'brown']
    """
    value, least = images.amax(1), images.amin(1)
    spread = value - least
    saturation = spread / value.clamp_min(1e-6)
    red, green, blue = images.unbind(1)
    safe = spread.clamp_min(1e-6)
    hue = torch.where(
        value == red,
        ((green - blue) / safe) % 6,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    term = torch.full_like(value, COLOURS.index("red"), dtype=torch.long)
    start = 0.0
    for name, end in HUES:
        term[(hue * 60 >= start) & (hue * 60 < end)] = COLOURS.index(name)
        start = end
    warm = (term == COLOURS.index("red")) | (term == COLOURS.index("orange"))
    term[(term == COLOURS.index("red")) & (saturation < 0.45) & (value > 0.7)] = COLOURS.index("pink")
    term[warm & (value < 0.6) & (hue * 60 >= 8) & (hue * 60 < 45)] = COLOURS.index("brown")
    pale = saturation < 0.15
    term[pale] = COLOURS.index("grey")
    term[pale & (value > 0.85)] = COLOURS.index("white")
    term[value < 0.2] = COLOURS.index("black")
    return F.one_hot(term, len(COLOURS)).bool().permute(0, 3, 1, 2)


def edges(light: torch.Tensor) -> torch.Tensor:
    """Where a picture's light (N, H, W) changes along one direction: horizontal, vertical and slanted, (N, 3, H, W).

    >>> stripes = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 4, 4)
    >>> edges(stripes)[0, :, 2, 1].tolist()
    [False, True, False]
    """
    framed = F.pad(light[:, None], (1, 1, 1, 1), mode="replicate")
    across = F.conv2d(framed, torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]) / 8)[:, 0]  # Sobel's, a pixel
    down = F.conv2d(framed, torch.tensor([[[[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]]]) / 8)[:, 0]
    strong = (across.square() + down.square()).sqrt() > STRONG
    turned = torch.rad2deg(torch.atan2(down.abs(), across.abs()))  # 90 where it changes downwards: a horizontal edge
    level, upright = turned > 90 - STEEP, turned < STEEP
    return torch.stack([strong & level, strong & upright, strong & ~level & ~upright], 1)


def places(images: torch.Tensor) -> torch.Tensor:
    """Where the top, the bottom, the left, the right and the middle third of pictures are: (N, 5, H, W)."""
    height, width = images.shape[-2:]
    down = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    along = ((torch.arange(width) + 0.5) / width).expand(height, width)
    middle = ((down - 0.5).abs() < 1 / 6) & ((along - 0.5).abs() < 1 / 6)
    found = torch.stack([down < 1 / 3, down > 2 / 3, along < 1 / 3, along > 2 / 3, middle])
    return found.expand(len(images), -1, -1, -1)
