"""The networks of the literature: what is known about them before they are here, and how they are opened."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vizcore.folders import cache_folder
from vizcore.probe import Probe
from vizcore.zoo.architectures import as_built_now, build, published, published_sizes, with_weights
from vizcore.zoo.checkpoint import read_weights

ADDRESS = "https://download.pytorch.org/models/"


class WeightsAbsent(ValueError):
    """The weights of a network are not on this machine yet."""


@dataclass(frozen=True)
class Network:
    """One row of the zoo: a network's title, year and paper, its weights file and that file's size.

    The hexadecimal end of the file's name is the beginning of its SHA-256.
    """

    name: str
    title: str
    year: int | None
    paper: str
    file: str
    megabytes: float
    parameters: int

    @property
    def path(self) -> Path:
        """Where the weights are kept once they are here."""
        return cache_folder("weights") / self.file

    @property
    def available(self) -> bool:
        """Whether the network can be opened now, without the internet."""
        return self.path.is_file()

    @property
    def checksum(self) -> str:
        """The first digits of the SHA-256 of the weights file."""
        return self.file.rpartition("-")[2].partition(".")[0]

    def url(self, address: str | None = None) -> str:
        """Where the weights come from: `address`, or VIZCORE_WEIGHTS_ADDRESS, or the official one."""
        return (address or os.environ.get("VIZCORE_WEIGHTS_ADDRESS") or ADDRESS).rstrip("/") + "/" + self.file


OFFICIAL = {
    network.name: network
    for network in (
        Network("alexnet", "AlexNet", 2012, "Krizhevsky, Sutskever and Hinton; one-column version of 2014",
                "alexnet-owt-7be5be79.pth", 244.4, 61_100_840),
        Network("vgg16", "VGG-16", 2014, "Simonyan and Zisserman", "vgg16-397923af.pth", 553.4, 138_357_544),
        Network("googlenet", "GoogLeNet", 2014, "Szegedy and others", "googlenet-1378be20.pth", 52.1, 6_624_904),
        Network("fcn_resnet50", "FCN, ResNet-50", 2015, "Long, Shelhamer and Darrell; every pixel",
                "fcn_resnet50_coco-1167a1af.pth", 141.6, 35_322_218),
        Network("resnet18", "ResNet-18", 2015, "He, Zhang, Ren and Sun", "resnet18-f37072fd.pth", 46.8, 11_689_512),
        Network("resnet50", "ResNet-50", 2015, "He, Zhang, Ren and Sun", "resnet50-0676ba61.pth", 102.5, 25_557_032),
        Network("resnet101", "ResNet-101", 2015, "He, Zhang, Ren and Sun", "resnet101-63fe2227.pth", 178.8, 44_549_160),
        Network("densenet121", "DenseNet-121", 2016, "Huang, Liu, van der Maaten and Weinberger",
                "densenet121-a639ec97.pth", 32.3, 7_978_856),
        Network("squeezenet1_1", "SqueezeNet 1.1", 2016, "Iandola and others",
                "squeezenet1_1-b8a52dc0.pth", 5.0, 1_235_496),
        Network("deeplabv3_resnet50", "DeepLabV3, ResNet-50", 2017, "Chen and others; every pixel",
                "deeplabv3_resnet50_coco-cd0a2569.pth", 168.3, 42_004_074),
        Network("mobilenet_v2", "MobileNet V2", 2018, "Sandler and others",
                "mobilenet_v2-b0353104.pth", 14.2, 3_504_872),
        Network("mobilenet_v3_large", "MobileNet V3 Large", 2019, "Howard and others",
                "mobilenet_v3_large-8738ca79.pth", 22.1, 5_483_032),
        Network("deeplabv3_mobilenet_v3_large", "DeepLabV3, MobileNet V3", 2019, "Howard and others; every pixel",
                "deeplabv3_mobilenet_v3_large-fc3c493d.pth", 44.4, 11_029_328),
        Network("lraspp_mobilenet_v3_large", "LR-ASPP, MobileNet V3", 2019, "Howard and others; every pixel",
                "lraspp_mobilenet_v3_large-d234d4ea.pth", 13.1, 3_221_538),
        Network("efficientnet_b0", "EfficientNet-B0", 2019, "Tan and Le",
                "efficientnet_b0_rwightman-7f5810bc.pth", 21.4, 5_288_548),
        Network("vit_b_16", "ViT-B/16", 2020, "Dosovitskiy and others", "vit_b_16-c867db91.pth", 346.3, 86_567_656),
        Network("convnext_tiny", "ConvNeXt-T", 2022, "Liu and others", "convnext_tiny-983f1562.pth", 114.4, 28_589_128),
    )
}  # fmt: skip


def official(network: Network, device: str | torch.device | None = None) -> Probe:
    """Open a network with its official weights; raises WeightsAbsent, with the command that gets them."""
    if not network.available:
        raise WeightsAbsent(
            f"the weights of {network.title} ({network.megabytes:.0f} MB) are not on this machine; "
            f"`python -m vizcore fetch {network.name}` gets them once, and efficientnet-lite0 works without."
        )
    weights, _ = read_weights(network.path)
    return prepared(network.name, with_weights(network.name, as_built_now(weights)), device)


def prepared(name: str, network: nn.Module, device: str | torch.device | None = None) -> Probe:
    """A probe with the labels and the preprocessing of the official weights, whatever weights the network has."""
    return Probe(network, name=name, device=device, **preprocessing(name))


def preprocessing(name: str) -> dict:
    """The labels of the official weights, and how a picture becomes what they were trained on."""
    weights = published(name)
    recipe = weights.transforms()
    size, resize = published_sizes(name)
    # GoogLeNet's weights want (x - 0.5) / 0.5; torchvision turns the usual normalisation into that inside the network.
    moments = ((0.5,) * 3, (0.5,) * 3) if name == "googlenet" else (recipe.mean, recipe.std)
    return {
        "labels": [label.strip("_") for label in weights.meta["categories"]],
        "input_size": size,
        "resize": resize,
        "mean": moments[0],
        "std": moments[1],
        "interpolation": recipe.interpolation.value,
    }


def architecture(name: str) -> nn.Module:
    """An official network's architecture with random weights."""
    return build(name)
