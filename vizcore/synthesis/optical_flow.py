"""Optical flow: where every pixel of a film's picture was in the picture before, and where that can be believed."""

import torch

from vizcore.imaging import luminance

ROUND_TRIP, ROUND_TRIP_FLOOR = 0.01, 0.5  # Sundaram et al. 2010: of the squared lengths, and pixels squared
BOUNDARY, BOUNDARY_FLOOR = 0.01, 0.002


def optical_flow(image: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Where every pixel of one picture lies in another of the same size: (2, H, W), pixels to the right and down.

    Dense inverse search, Kroeger et al. 2016, on the grey levels of both pictures (3, H, W). Raises ValueError where
    their sizes differ or a side has fewer than 16 pixels.

    >>> places = torch.arange(64.0)
    >>> waves = (places.div(5).sin() + places.div(7)[:, None].cos()).div(4).add(0.5).expand(3, 64, 64)
    >>> optical_flow(waves, waves.roll(2, 2))[0, 20:44, 20:44].mean().round(decimals=1)
    tensor(2.)
    """
    import cv2  # takes as long to load as a small network to answer

    if image.shape != other.shape or min(image.shape[1:]) < 16:
        sizes = " and ".join(f"{one.shape[-1]} x {one.shape[-2]}" for one in (image, other))
        raise ValueError(f"the pictures have {sizes} pixels; flow needs two of one size, at least 16 x 16.")
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [(255 * luminance(one)[0]).clamp(0, 255).round().byte().numpy() for one in (image, other)]
    return torch.from_numpy(search.calc(*grey, None)).permute(2, 0, 1).contiguous()


def warped(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """A picture (C, H, W) as seen along a flow (2, H, W): at every pixel x what the picture shows at x + flow(x).

    Between pixels it is read by a Lanczos window over eight of them each way, so that little sharpness is lost however
    often it is done; beyond the edge the picture is mirrored.

    >>> ramp = torch.arange(6.0).expand(1, 4, 6)
    >>> warped(ramp, torch.tensor([1.0, 0.0]).view(2, 1, 1).expand(2, 4, 6))[0, 0, :4].round(decimals=4)
    tensor([1., 2., 3., 4.])
    """
    import cv2
    import numpy as np

    if not image.numel():
        raise ValueError(f"a picture of shape {tuple(image.shape)} shows nothing that could be moved.")
    height, width = flow.shape[1:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = ((columns + flow[0]).float().numpy(), (rows + flow[1]).float().numpy())
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    found = cv2.remap(pixels, *places, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return torch.from_numpy(found.reshape(height, width, -1)).permute(2, 0, 1).contiguous()


def reliable(flow: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Where a flow (2, H, W) from a picture to the one before can be believed, given the flow back: bool (H, W).

    Ruder et al. 2016, with the thresholds of Sundaram et al. 2010. Not where there and back again does not lead home,
    |w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5, since what is seen there was hidden before; not at the edges of what
    moves, |grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002; and not where it leads out of the picture.

    >>> still = torch.zeros(2, 4, 6)
    >>> reliable(still, still).all(), reliable(still + 1.5, still).any()
    (tensor(True), tensor(False))
    """
    height, width = flow.shape[1:]
    home = warped(back, flow)
    strayed = (flow + home).square().sum(0)
    lengths = flow.square().sum(0) + home.square().sum(0)
    hidden = strayed > ROUND_TRIP * lengths + ROUND_TRIP_FLOOR
    slopes = [part.square().sum(0) for part in torch.gradient(flow, dim=(1, 2))]
    edge = sum(slopes) > BOUNDARY * flow.square().sum(0) + BOUNDARY_FLOOR
    across, down = torch.arange(width) + flow[0], torch.arange(height)[:, None] + flow[1]
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    return inside & ~hidden & ~edge


def warp_error(image: torch.Tensor, before: torch.Tensor, flow: torch.Tensor, mask: torch.Tensor) -> float:
    """How much a picture (3, H, W) differs from the one before, seen along the flow: the mean squared difference of
    pixel values where the mask (H, W) holds; 0 where it holds nowhere.

    >>> image = torch.full((3, 4, 4), 0.5)
    >>> round(warp_error(image, image + 0.1, torch.zeros(2, 4, 4), torch.ones(4, 4, dtype=torch.bool)), 4)
    0.01
    """
    apart = (image - warped(before, flow)).square().mean(0)
    return apart[mask].mean().item() if mask.any() else 0.0
