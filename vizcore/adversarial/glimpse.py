"""Glimpse: a sign as a camera catches it, from a side, near or far, in any light, a little out of focus."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from vizcore.imaging import blurred

FINER = 2  # a sign is sampled at so many places a pixel, each way
DISTANCE = 5.0  # of the camera, in half sides of the sign: how strong the perspective is
OUT_OF_FOCUS = 1.3  # pixels
TURNED = (0.0, 45.0)  # degrees from the front, to either side


def pose(
    middle: torch.Tensor, half: torch.Tensor, yaw: torch.Tensor, pitch: torch.Tensor, roll: torch.Tensor
) -> torch.Tensor:
    """From places in a picture, in pixels, to places on signs that stand in it, from -1 to 1: (N, 3, 3), projective.

    `middle` (N, 2) is where the middle of a sign appears, `half` (N,) how many pixels half its side would take from
    the front; it is turned about its upright, its level and its own axis, (N,) radians each.

    >>> zero = torch.zeros(1)
    >>> pose(torch.tensor([[32.0, 32.0]]), torch.tensor([16.0]), zero, zero, zero)[0] @ torch.tensor([48.0, 32.0, 1.0])
    tensor([1., 0., 1.])
    """
    right, down = axes(yaw, pitch, roll)
    scale = (half * DISTANCE)[:, None]
    columns = [torch.cat([scale * axis[:, :2] + middle * axis[:, 2:], axis[:, 2:]], 1) for axis in (right, down)]
    columns.append(torch.cat([middle, torch.ones(len(middle), 1)], 1) * DISTANCE)
    seen = torch.stack(columns, 2)  # from the sign to the picture
    back = torch.linalg.inv(seen.double())
    at_middle = back @ torch.cat([middle, torch.ones(len(middle), 1)], 1).double()[:, :, None]
    return (back / at_middle[:, 2:]).float()


def axes(yaw: torch.Tensor, pitch: torch.Tensor, roll: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The two directions along a sign's sides, to the right, down and away from the camera: (N, 3) each."""
    (cos_y, sin_y), (cos_p, sin_p), (cos_r, sin_r) = ((angle.cos(), angle.sin()) for angle in (yaw, pitch, roll))
    right = torch.stack([cos_y, sin_p * sin_y, cos_p * sin_y], 1)
    down = torch.stack([torch.zeros_like(yaw), cos_p, -sin_p], 1)
    cos_r, sin_r = cos_r[:, None], sin_r[:, None]
    return cos_r * right + sin_r * down, cos_r * down - sin_r * right


def laid(scenes: torch.Tensor, signs: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
    """Signs (N, 4, p, p) in scenes (N, 3, H, W), each where its pose says; what is not opaque shows the scene.

    >>> pixels, zero = torch.zeros(1, 3, 4, 4), torch.zeros(1)
    >>> white = torch.ones(1, 4, 8, 8)
    >>> laid(pixels, white, pose(torch.tensor([[1.0, 2.0]]), torch.ones(1), zero, zero, zero))[0, 0]
    tensor([[0., 0., 0., 0.],
            [1., 1., 0., 0.],
            [1., 1., 0., 0.],
            [0., 0., 0., 0.]])
    """
    height, width = scenes.shape[-2:]
    down, across = ((torch.arange(length * FINER) + 0.5) / FINER for length in (height, width))
    y, x = torch.meshgrid(down, across, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1) @ poses[:, None].transpose(-1, -2)
    grid = (places[..., :2] / places[..., 2:]).nan_to_num(9.0, 9.0, 9.0)  # on the horizon of the sign's plane: outside
    opaque = signs[:, 3:]
    seen = F.grid_sample(torch.cat([signs[:, :3] * opaque, opaque], 1), grid, align_corners=False)
    seen = F.avg_pool2d(seen, FINER)
    return scenes * (1 - seen[:, 3:]) + seen[:, :3]


def lit(images: torch.Tensor, draw: torch.Generator, strength: float = 1.0) -> torch.Tensor:
    """Images (N, 3, H, W) in other light and a little out of focus, each by chance; none at a strength of 0."""
    count = len(images)

    def chance(*shape: int) -> torch.Tensor:
        return strength * (2 * torch.rand(count, *shape, generator=draw) - 1)

    gain = (0.4 * chance(1, 1, 1) - 0.15 * strength).exp() * (1 + 0.08 * chance(3, 1, 1))
    lift, focus = 0.06 * chance(1, 1, 1), chance(1, 1, 1).abs()
    images = images.lerp(blurred(images, OUT_OF_FOCUS), focus)
    return (images * gain + lift).clamp(0, 1)


def glimpses(
    signs: torch.Tensor,
    backgrounds: torch.Tensor,
    draw: torch.Generator,
    *,
    turned: tuple[float, float] = TURNED,
    around: int = 0,
) -> torch.Tensor:
    """Signs (N, 4, p, p) before backgrounds (M, 3, S, S), large enough to be read and near the middle: (N, 3, S, S).

    Which background, the size, the place, the turn to either side within `turned`, in degrees, the light and the focus
    are by chance. The window that a sign is to be read in has so many pixels `around` it.
    """
    count, whole = len(signs), backgrounds.shape[-1]
    side = whole - 2 * around
    chosen = torch.randint(0, len(backgrounds), (count,), generator=draw)
    size, right, down, turn, pitch, roll, way = torch.rand(7, count, generator=draw)
    low, high = turned
    yaw = torch.deg2rad(low + (high - low) * turn) * (2 * (way < 0.5) - 1)
    half = side / 2 * 0.42 * (0.9 / 0.42) ** size  # between 0.42 and 0.9 of the window
    spare = (0.06 * side + 0.6 * (side / 2 - half).clamp_min(0))[:, None]
    middle = whole / 2 + spare * (torch.stack([right, down], 1) * 2 - 1) * 0.5
    poses = pose(middle, half, yaw, torch.deg2rad(24 * pitch - 12), torch.deg2rad(16 * roll - 8))
    return lit(laid(backgrounds[chosen], signs, poses), draw)


def cut(pictures: Sequence[torch.Tensor], count: int, side: int, draw: torch.Generator) -> torch.Tensor:
    """Square pieces of pictures (3, H, W), a fifth of the shorter side or larger, by chance: (count, 3, S, S)."""
    found = []
    for _ in range(count):
        picture = pictures[int(torch.randint(0, len(pictures), (), generator=draw))]
        size, top, left, way = torch.rand(4, generator=draw).tolist()
        height, width = picture.shape[1:]
        length = round(min(height, width) * (0.2 + 0.8 * size))
        top, left = round(top * (height - length)), round(left * (width - length))
        piece = picture[None, :, top : top + length, left : left + length]
        piece = F.interpolate(piece, (side, side), mode="bilinear", antialias=True)[0].clamp(0, 1)
        found.append(piece.flip(-1) if way < 0.5 else piece)
    return torch.stack(found)
