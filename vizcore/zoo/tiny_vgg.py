"""The architecture of the network to teach with: small enough to train on two cores, plain enough to teach with."""

from collections import OrderedDict

import torch
from torch import nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution, its batch norm and a rectifier."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(outputs), relu=nn.ReLU()))


class TinyVGG(nn.Module):
    """Six convolutions, global average pooling and one linear layer, for 64 x 64 pixels.

    The first layer is 7 x 7 so that its filters can be looked at; the average pooling
    before the linear layer makes class activation maps exact (Zhou et al. 2016).
    Takes normalised pixels (N, 3, H, W), returns scores (N, classes).

    >>> sum(weight.numel() for weight in TinyVGG(classes=10).parameters())
    653146
    """

    def __init__(self, classes: int = 64, widths: tuple[int, ...] = (48, 48, 96, 96, 192, 192)):
        super().__init__()
        first, second, third, fourth, fifth, sixth = widths
        self.conv1 = block(3, first, kernel=7, stride=2)  # (N, 48, 32, 32)
        self.conv2 = block(first, second)
        self.pool1 = nn.MaxPool2d(2)  # (N, 48, 16, 16)
        self.conv3 = block(second, third)
        self.conv4 = block(third, fourth)
        self.pool2 = nn.MaxPool2d(2)  # (N, 96, 8, 8)
        self.conv5 = block(fourth, fifth)
        self.conv6 = block(fifth, sixth)
        self.pool3 = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(sixth, classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.pool1(self.conv2(self.conv1(pixels)))
        features = self.pool2(self.conv4(self.conv3(features)))
        features = self.pool3(self.conv6(self.conv5(features)))
        return self.fc(self.dropout(torch.flatten(features, 1)))
