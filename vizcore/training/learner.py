"""A network in training: the weights that move, the running average that is kept, and a step towards an answer.

What it is to learn of every picture, and when, is told by twins.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from vizcore.training.moment import Moment
from vizcore.training.precision import quick
from vizcore.zoo import MEAN, STD, TinyVGG

WIDTHS = (48, 48, 96, 96, 192, 256)
COMPARED = ("conv4.relu", "conv6.relu")  # the maps that are first aimed at


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1] to what the bare network takes, in the memory layout that is fastest on a processor."""
    mean, std = (torch.tensor(numbers, device=images.device).view(3, 1, 1) for numbers in (MEAN, STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def widths_of(network: TinyVGG) -> tuple[int, ...]:
    """How many filters each layer has.

    >>> widths_of(TinyVGG(2, (4, 8, 8, 16, 16, 32)))
    (4, 8, 8, 16, 16, 32)
    """
    return tuple(layer.conv.out_channels for layer in network.children() if hasattr(layer, "conv"))


def answered(network: TinyVGG, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The scores (N, classes), and the maps of COMPARED, of a network in training."""
    fourth = network.conv4(network.conv3(network.pool1(network.conv2(network.conv1(normalised(images))))))
    sixth = network.conv6(network.conv5(network.pool2(fourth)))
    scores = network.fc(network.dropout(network.pool3(sixth).flatten(1)))
    return scores.float(), [fourth.float(), sixth.float()]


class Learner:
    """One network in training: the weights that move, the running average that is kept, and how far it is."""

    PARTS = ("network", "average", "optimiser")  # what has a state

    def __init__(self, widths: tuple[int, ...], classes: int, seed: int, device: torch.device):
        torch.manual_seed(seed)
        self.network, self.average = (TinyVGG(classes, widths) for _ in range(2))
        with torch.no_grad():  # a norm follows, so small weights learn faster, and soon forget how they were drawn
            self.network.conv1.conv.weight.mul_(0.1)
        self.average.load_state_dict(self.network.state_dict())
        for network in (self.network, self.average):
            network.to(device, memory_format=torch.channels_last)
        norms = [value for value in self.network.parameters() if value.ndim == 1]
        first, *weights = [value for value in self.network.parameters() if value.ndim > 1]
        groups = [
            {"params": [first], "weight_decay": 5e-4},
            {"params": weights, "weight_decay": 5e-4},
            {"params": norms, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
        self.epoch, self.seconds, self.history, self.device = 0, 0.0, [], device

    def keep(self, file: Path) -> None:
        """Write everything that a run needs to go on."""
        parts = {name: getattr(self, name) for name in self.PARTS}
        numbers = {"epoch": self.epoch, "seconds": self.seconds, "history": json.dumps(self.history)}
        torch.save({name: part.state_dict() for name, part in parts.items()} | numbers, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)

    def go_on_from(self, file: Path) -> None:
        """Take up a run where it was left."""
        state = torch.load(file, weights_only=True)
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.epoch, self.seconds, self.history = state["epoch"], state["seconds"], json.loads(state["history"])

    def learn(
        self, images: torch.Tensor, wanted: torch.Tensor, now: Moment, aims: Sequence[torch.Tensor], scale: float = 1.0
    ) -> float:
        """One step towards the answers `wanted` (N, classes), and the running average after it.

        `aims` are the maps of COMPARED as they should be, or nothing, and `scale` is what the rate is multiplied by.
        """
        self.network.conv1.conv.weight.requires_grad_(now.first > 0)
        for group, part in zip(self.optimiser.param_groups, (now.first, 1, 1), strict=True):
            group["lr"] = now.rate * scale * part
        with quick(images.device):
            scores, maps = answered(self.network, images)
        loss = F.cross_entropy(scores, wanted)
        for mine, its in zip(maps, aims, strict=False):
            loss = loss + now.near * (mine - its).square().mean() / its.square().mean()
        self.step(loss)
        return loss.item()

    def step(self, loss: torch.Tensor) -> None:
        """One step against a loss, and the running average after it."""
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            for kept, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if value.is_floating_point():
                    kept.lerp_(value, 0.003)
                else:
                    kept.copy_(value)
