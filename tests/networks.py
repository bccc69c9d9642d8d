"""Networks for the tests: every zoo architecture with random weights, as small as it goes."""

from functools import cache

import torch
from torch import nn

from vizcore.probe.probe import Probe
from vizcore.zoo.tiny_vgg import MEAN, STD
from vizcore.zoo.torchvision_import import torchvision

ZOO = (
    "alexnet",
    "vgg16",
    "googlenet",
    "resnet18",
    "resnet50",
    "resnet101",
    "densenet121",
    "squeezenet1_1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
)
CLASSES = 7
SIZE = 64
NEEDS = {
    "vgg16": {"init_weights": False},
    "googlenet": {"aux_logits": False, "init_weights": False, "transform_input": True},
    "vit_b_16": {"image_size": SIZE},
}


def random_network(name: str) -> nn.Module:
    """A zoo architecture with random weights, always the same ones, for 64 x 64 pixels and seven classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = getattr(torchvision.models, name)(num_classes=CLASSES, **NEEDS.get(name, {})).eval()
        if name in ("alexnet", "vgg16"):
            narrow(network.classifier)
        for parameter in network.parameters():
            if not parameter.any():  # some heads start at zero, and would answer nothing to everything
                nn.init.normal_(parameter, std=0.02)
        return network


def narrow(classifier: nn.Sequential) -> None:
    """Make the linear layers of AlexNet and VGG, all but the last 4096 wide, narrow enough for tests."""
    width = None
    for number, part in enumerate(classifier):
        if isinstance(part, nn.Linear):
            outputs = min(part.out_features, 64)
            classifier[number] = nn.Linear(width or part.in_features, outputs)
            width = outputs


@cache
def random_probe(name: str) -> Probe:
    """The probe on such a network, opened once a test run."""
    return Probe(random_network(name), name=name, input_size=SIZE, mean=MEAN, std=STD)
