"""The network that paints in one pass: a trunk for every style, and two numbers a channel for each."""

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS = (16, 32, 48)
BLOCKS = 4
FAINT, STEEP = 0.2, 4.0  # strokes at first, in logits; the slope that makes a sigmoid's own pass for none


class StyledConv(nn.Module):
    """A convolution over mirrored edges, every channel of every picture brought to mean 0 and deviation 1 (Ulyanov et
    al. 2017), then scaled and shifted as the style asks (Dumoulin et al. 2017)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, styles: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, bias=False)
        self.scale = nn.Parameter(torch.ones(styles, outputs))
        self.shift = nn.Parameter(torch.zeros(styles, outputs))
        self.edge = kernel // 2

    def forward(self, maps: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        maps = self.conv(F.pad(maps, (self.edge,) * 4, mode="reflect"))
        maps = F.group_norm(maps, maps.shape[1])  # a group a channel: instance norm
        scale, shift = mix @ self.scale, mix @ self.shift  # (N, C)
        return torch.addcmul(shift[..., None, None], maps, scale[..., None, None])


class Block(nn.Module):
    """Two convolutions whose answer is added to what came (He et al. 2016)."""

    def __init__(self, width: int, styles: int):
        super().__init__()
        self.first, self.second = (StyledConv(width, width, 3, styles) for _ in range(2))

    def forward(self, maps: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        return maps + self.second(F.relu(self.first(maps, mix)), mix)


class Painter(nn.Module):
    """Pixels (N, 3, H, W) in [0, 1] and the share of every style (N, styles) to painted pixels of the same size.

    Johnson et al. 2016, narrower: two strides down, residual blocks, and up again by copying every cell into four and
    a convolution, which leaves no checkerboard (Odena et al. 2016). What comes out is added to the picture's own
    colours, mixed as the style asks, so that a painter who has learned nothing yet leaves the picture as it is.

    >>> sum(weight.numel() for weight in Painter(styles=5).parameters())
    212811
    """

    def __init__(self, styles: int, widths: tuple[int, int, int] = WIDTHS, blocks: int = BLOCKS):
        super().__init__()
        fine, middle, coarse = widths
        self.first = StyledConv(3, fine, 7, styles)
        self.down1 = StyledConv(fine, middle, 3, styles, stride=2)
        self.down2 = StyledConv(middle, coarse, 3, styles, stride=2)
        self.blocks = nn.ModuleList(Block(coarse, styles) for _ in range(blocks))
        self.up1 = StyledConv(coarse, middle, 3, styles)
        self.up2 = StyledConv(middle, fine, 3, styles)
        self.last = StyledConv(fine, 3, 7, styles)
        nn.init.constant_(self.last.scale, FAINT)
        self.colours = nn.Parameter(STEEP * torch.eye(3).expand(styles, -1, -1).clone())

    def forward(self, pixels: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        height, width = pixels.shape[2:]
        maps = F.relu(self.first(pixels - 0.5, mix))
        maps = F.relu(self.down1(maps, mix))
        maps = F.relu(self.down2(maps, mix))
        for block in self.blocks:
            maps = block(maps, mix)
        maps = F.relu(self.up1(F.interpolate(maps, scale_factor=2), mix))
        maps = F.relu(self.up2(F.interpolate(maps, scale_factor=2), mix))
        strokes = self.last(maps, mix)[:, :, :height, :width]
        colours = torch.einsum("ns,sck,nkhw->nchw", mix, self.colours, pixels - 0.5)
        return (strokes + colours).sigmoid()
