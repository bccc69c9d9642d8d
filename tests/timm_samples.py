"""Sixty architectures of timm with random weights, small where their settings allow it, and what each was made with."""

import zlib

import torch
from torch import nn

from vizcore.zoo.architectures import Unfilled
from vizcore.zoo.timm_networks import build_timm

CLASSES = 7
VIT = {"img_size": 32, "depth": 2}
STAGES = {"img_size": 64, "depths": (1, 1, 1, 1)}
# The name, the size of the pictures it is shown, and what makes it smaller than it is published.
SAMPLES = {
    # convolutional
    "resnet18": (64, {"layers": (1, 1, 1, 1)}),
    "resnet26d": (64, {"layers": (1, 1, 1, 1)}),
    "resnext26ts": (64, {}),
    "seresnet18": (64, {"layers": (1, 1, 1, 1)}),
    "skresnet18": (64, {"layers": (1, 1, 1, 1)}),
    "ecaresnet26t": (64, {"layers": (1, 1, 1, 1)}),
    "resnetv2_50": (64, {"layers": (1, 1, 1, 1)}),
    "vit_tiny_r_s16_p8_224": (64, {"img_size": 64, "depth": 2}),
    "res2net50_26w_4s": (64, {"layers": (1, 1, 1, 1)}),
    "resnest14d": (64, {"layers": (1, 1, 1, 1)}),
    "regnetx_002": (64, {}),
    "regnety_002": (64, {}),
    "densenet121": (64, {"block_config": (2, 2, 2, 2)}),
    "vgg11_bn": (64, {"mlp_ratio": 0.02}),
    "inception_v3": (75, {}),
    "xception41": (64, {}),
    "mobilenetv2_050": (64, {}),
    "mobilenetv3_small_050": (64, {}),
    "tf_mobilenetv3_small_075": (64, {}),
    "mobilenetv4_conv_small_035": (64, {}),
    "mnasnet_small": (64, {}),
    "efficientnet_b0": (64, {}),
    "efficientnet_lite0": (64, {}),
    "tf_efficientnet_b0": (64, {}),
    "tf_efficientnet_lite0": (64, {}),
    "tf_efficientnetv2_b0": (64, {}),
    "ghostnet_050": (64, {}),
    "hrnet_w18_small": (64, {}),
    "dla46_c": (64, {}),
    "nf_resnet26": (64, {}),
    "dm_nfnet_f0": (64, {"depths": (1, 1, 1, 1)}),
    "convnext_atto": (64, {}),
    "convnextv2_atto": (64, {}),
    "repvgg_a0": (64, {}),
    "rexnet_100": (64, {}),
    "cs3darknet_s": (64, {}),
    "darknet17": (64, {}),
    "dpn48b": (64, {}),
    # transformers, and what lies between
    "vit_tiny_patch16_224": (32, VIT),
    "deit_tiny_distilled_patch16_224": (32, VIT),
    "deit3_small_patch16_224": (32, VIT),
    "swin_tiny_patch4_window7_224": (64, {**STAGES, "depths": (2, 1, 1, 1)}),
    "swinv2_tiny_window8_256": (64, {**STAGES, "window_size": 4}),
    "beit_base_patch16_224": (32, VIT),
    "cait_xxs24_224": (32, {"img_size": 32, "depth": 2}),
    "mixer_s32_224": (64, {"img_size": 64}),
    "poolformer_s12": (64, {}),
    "pvt_v2_b0": (64, {}),
    "coat_lite_tiny": (64, {"img_size": 64}),
    "mvitv2_tiny": (64, {"img_size": 64}),
    "maxvit_pico_rw_256": (64, STAGES),
    "maxvit_tiny_tf_224": (64, STAGES),
    "efficientformer_l1": (224, {"depths": (1, 1, 1, 2)}),  # takes no other size
    "swinv2_cr_tiny_ns_224": (64, STAGES),
    "fastvit_t8": (64, {}),
    "repvit_m0_9": (64, {}),
    "edgenext_xx_small": (64, {}),
    "twins_svt_small": (64, STAGES),
    "xcit_nano_12_p16_224": (64, {"img_size": 64}),
    "eva02_tiny_patch14_224": (28, {"img_size": 28, "depth": 2}),
}


def sample(name: str) -> nn.Module:
    """A small network of an architecture of timm; its weights are drawn, none is zero or one."""
    size, settings = SAMPLES[name]
    with Unfilled():
        network = build_timm(f"timm/{name}", num_classes=CLASSES, **settings).eval()
    fill(network, zlib.crc32(name.encode()))
    settle(network, size)
    return network


@torch.no_grad()
def fill(network: nn.Module, seed: int) -> None:
    """Draw every weight, as large as keeps what flows through a network about as large as it came."""
    source = torch.Generator().manual_seed(seed)
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            bound = (3 / weight[0].numel()) ** 0.5  # of deviation 1 / sqrt(inputs)
            weight.uniform_(-bound, bound, generator=source)
        elif name.endswith("bias"):
            weight.normal_(0, 0.1, generator=source)
        else:
            weight.uniform_(0.5, 1.5, generator=source)


@torch.no_grad()
def settle(network: nn.Module, size: int) -> None:
    """Give batch norms the statistics of a few random pictures, so that those still tell apart in the last layer."""
    norms = [part for part in network.modules() if hasattr(part, "running_mean")]
    if not norms:
        return
    for norm in norms:
        norm.training, norm.momentum = True, 1.0
    network(torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1)))
    for norm in norms:
        norm.training = False
