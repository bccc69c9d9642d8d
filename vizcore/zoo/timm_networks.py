"""The architectures of timm by name, as `timm/resnet50d`: built for any weights, with what timm publishes with each."""

import difflib
import math
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

import torch
from torch import nn

TIMM = "timm/"
# What the doctor tries: of each family the members that are used most, those that most files are made for first.
# Those called `tf_` have the weights of their namesakes, and pad otherwise: no file tells which of the two it is for.
USUAL = """
    resnet50 resnet18 resnet34 resnet26 resnet101 resnet152 resnet50d resnet26d resnet18d resnet34d resnet101d
    resnet152d resnet26t resnet14t resnet10t resnet50t resnext26ts resnext50_32x4d resnext101_32x8d wide_resnet50_2
    seresnet18 seresnet34 seresnet50 seresnext50_32x4d seresnext26d_32x4d skresnet18 skresnet34 ecaresnet26t
    ecaresnet50d resnetrs50 resnetrs101 resnet50_gn resnetv2_50 resnetv2_101 resnetv2_50x1_bit res2net50_26w_4s
    res2net50d res2next50 resnest14d resnest26d resnest50d regnetx_002 regnetx_004 regnetx_008 regnetx_016
    regnetx_032 regnety_002 regnety_004 regnety_008 regnety_016 regnety_032 regnety_120 densenet121 densenet169
    densenet201 vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn inception_v3 inception_v4
    inception_resnet_v2 xception41 xception65 legacy_xception mobilenetv2_100 mobilenetv2_050 mobilenetv2_140
    mobilenetv3_small_050 mobilenetv3_small_100 mobilenetv3_large_100 tf_mobilenetv3_small_075
    tf_mobilenetv3_small_100 tf_mobilenetv3_large_075 tf_mobilenetv3_large_100 mobilenetv4_conv_small
    mobilenetv4_conv_small_035 mobilenetv4_conv_medium mobilenetv4_conv_large mobilenetv4_hybrid_medium
    mnasnet_small mnasnet_100 semnasnet_050 semnasnet_075 semnasnet_100 lcnet_035 lcnet_050 lcnet_100 tinynet_a
    tinynet_e efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
    tf_efficientnet_b0 tf_efficientnet_b1 tf_efficientnet_b2 tf_efficientnet_b3 tf_efficientnet_b4
    tf_efficientnet_b5 tf_efficientnet_b6 tf_efficientnet_b7 efficientnet_lite0 tf_efficientnet_lite0
    tf_efficientnet_lite1 tf_efficientnet_lite2 tf_efficientnet_lite3 tf_efficientnet_lite4 efficientnetv2_rw_t
    efficientnetv2_rw_s tf_efficientnetv2_b0 tf_efficientnetv2_b3 tf_efficientnetv2_s tf_efficientnetv2_m mixnet_s
    mixnet_m tf_mixnet_s tf_mixnet_m ghostnet_050 ghostnet_100 ghostnetv2_100 hrnet_w18_small hrnet_w18 hrnet_w32
    dla34 dla46_c dla60 dm_nfnet_f0 nfnet_l0 eca_nfnet_l0 nf_resnet26 nf_resnet50 convnext_atto convnext_femto
    convnext_pico convnext_nano convnext_tiny convnext_small convnext_base convnext_large convnextv2_atto
    convnextv2_femto convnextv2_pico convnextv2_nano convnextv2_tiny convnextv2_base convmixer_768_32 repvgg_a0
    repvgg_a1 repvgg_a2 repvgg_b0 rexnet_100 rexnet_150 cspresnet50 cspdarknet53 darknet17 darknet53 cs3darknet_s
    cs3darknet_m dpn48b dpn68 dpn68b dpn92 gernet_s hgnetv2_b0 hgnetv2_b4 ese_vovnet19b_dw ese_vovnet39b
    vit_tiny_patch16_224 vit_small_patch16_224 vit_base_patch16_224 vit_large_patch16_224 vit_base_patch32_224
    vit_base_patch16_clip_224 vit_tiny_r_s16_p8_224 vit_small_patch14_dinov2 vit_base_patch14_dinov2
    deit_tiny_distilled_patch16_224 deit_small_distilled_patch16_224 deit3_small_patch16_224
    swin_tiny_patch4_window7_224 swin_small_patch4_window7_224 swin_base_patch4_window7_224 swinv2_tiny_window8_256
    beit_base_patch16_224 cait_xxs24_224 mixer_s32_224 mixer_b16_224 resmlp_12_224 gmlp_ti16_224 poolformer_s12
    poolformerv2_s12 caformer_s18 convformer_s18 pvt_v2_b0 pvt_v2_b1 pvt_v2_b2 coat_tiny coat_lite_tiny
    coatnet_nano_rw_224 mvitv2_tiny maxvit_pico_rw_256 maxvit_tiny_tf_224 efficientformer_l1 efficientformerv2_s0
    efficientvit_b0 mobileone_s0 mobileone_s1 fastvit_t8 fastvit_sa12 mobilevit_xxs mobilevit_s mobilevitv2_050
    levit_128s edgenext_xx_small edgenext_small twins_pcpvt_small twins_svt_small xcit_nano_12_p16_224
    xcit_tiny_12_p16_224 eva02_tiny_patch14_224 eva02_small_patch14_224 convit_tiny crossvit_9_240 davit_tiny
    focalnet_tiny_srf visformer_tiny volo_d1_224 tiny_vit_5m_224 inception_next_atto repvit_m0_9 selecsls42
    mambaout_femto
"""


def timm():
    """timm itself, imported when first needed because that is slow, and after the project's door to torchvision."""
    import_module("vizcore.zoo.torchvision_import")
    return import_module("timm")


@cache
def timm_names() -> tuple[str, ...]:
    """Every architecture of timm, as `timm/NAME`.

    >>> [name for name in timm_names() if name.startswith("timm/resnet50d")]
    ['timm/resnet50d']
    """
    return tuple(TIMM + name for name in timm().list_models())


@cache
def published_weights() -> frozenset[str]:
    """The names of all weights timm publishes: an architecture's name, a point, and what they were trained on."""
    return frozenset(TIMM + name for name in timm().list_pretrained())


def known_timm(name: str) -> str:
    """The name itself if timm has such an architecture or weights of it; else a ValueError with the nearest there is.

    >>> known_timm("timm/resnet50d.ra2_in1k")
    'timm/resnet50d.ra2_in1k'
    """
    name = str(name)
    if name in timm_names() or name in published_weights():
        return name
    architecture, _, trained = name.partition(".")
    tags = sorted(each for each in published_weights() if trained and each.startswith(architecture + "."))
    near = difflib.get_close_matches(
        name.removeprefix(TIMM), [each.removeprefix(TIMM) for each in tags or timm_names()], 1
    )
    hint = f"did you mean {TIMM + near[0]!r}?" if near else "`timm.list_models()` names all that there are."
    raise ValueError(f"there is no network {name[:80]!r}; {hint}")


def recipe(name: str):
    """What timm publishes with an architecture: where its weights are, its classes and its preprocessing."""
    return timm().get_pretrained_cfg(known_timm(name).removeprefix(TIMM)) or timm().models.PretrainedCfg()


def build_timm(name: str, *, channels: int = 3, **settings) -> nn.Module:
    """A new network of an architecture of timm, with random weights; the settings are timm's own."""
    try:
        return timm().create_model(known_timm(name).removeprefix(TIMM), pretrained=False, in_chans=channels, **settings)
    except (TypeError, AssertionError, RuntimeError) as problem:  # a setting that the architecture does not know
        asked = ", ".join(f"{word} {value}" for word, value in settings.items()) or "its own settings"
        raise ValueError(f"{name} cannot be built with {asked} and {channels} channels.") from problem


def timm_sizes(name: str) -> tuple[int, int]:
    """The size of the pictures an architecture's weights were trained on, and the size they are resized to before.

    >>> timm_sizes("timm/resnet50d")
    (224, 256)
    """
    published = recipe(name)
    return published.input_size[-1], resized(published.input_size[-1], name)


def resized(size: int, name: str) -> int:
    """The size a picture is resized to before so many pixels of it are cropped (timm: `crop_pct`)."""
    return math.floor(size / recipe(name).crop_pct)


def timm_preprocessing(name: str, channels: int = 3) -> dict:
    """The normalisation and the interpolation an architecture's weights were trained with."""
    published = recipe(name)
    moments = {"mean": tuple(published.mean), "std": tuple(published.std)}
    if channels == 1:  # grey pictures, with the mean of the colours' own
        moments = {word: (sum(values) / len(values),) for word, values in moments.items()}
    return {**moments, "interpolation": "bilinear" if published.interpolation == "bilinear" else "bicubic"}


@cache
def timm_labels(classes: int) -> tuple[str, ...] | None:
    """The names of so many classes where timm knows them: ImageNet's 1000, or one of its larger sets; else None.

    The thousand are called as everywhere in the zoo, so that a class is taken along to another network.

    >>> timm_labels(1000)[207], timm_labels(21843)[:2], timm_labels(7)
    ('golden retriever', ('organism, being', 'benthos'), None)
    """
    if classes == 1000:
        from vizcore.zoo.torchvision_import import torchvision

        return tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
    data = timm().data
    subset = data.infer_imagenet_subset({"num_classes": classes})
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else None


def parts(names: object) -> tuple[str, ...]:
    """One name or several, as timm writes them."""
    return (names,) if isinstance(names, str) else tuple(names or ())


def timm_options(name: str, weights: Mapping[str, torch.Tensor], plan: Mapping[str, tuple[int, ...]]) -> dict:
    """How an architecture of timm has to be built for weights: classes, channels, and the size of its pictures.

    `plan` has the shapes of its weights as published. Weights without a classifier give their features as scores.
    """
    published, found = recipe(name), {}
    heads = [f"{head}.weight" for head in parts(published.classifier) if f"{head}.weight" in plan]
    if heads:
        rows = [len(weights[head]) for head in heads if head in weights and weights[head].ndim]
        found["num_classes"] = rows[0] if rows else 0
    first = next((f"{place}.weight" for place in parts(published.first_conv) if f"{place}.weight" in plan), None)
    if first in weights and weights[first].ndim == len(plan[first]) > 1:
        channels = weights[first].shape[1] * published.input_size[0] / plan[first][1]
        if channels == int(channels) > 0:
            found["channels"] = int(channels)
    tokens, usual = weights.get("pos_embed"), plan.get("pos_embed")
    if tokens is not None and usual is not None and tokens.ndim == len(usual) == 3 and tokens.shape[1] != usual[1]:
        side = math.isqrt(usual[1])
        extra = usual[1] - side**2  # class tokens have places of their own
        size = published.input_size[-1] * math.isqrt(max(tokens.shape[1] - extra, 0)) // side
        found["img_size"] = size
    return found


def named_as_now(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of an architecture's first authors, or of an older timm, under timm's names of today."""
    rename = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    try:
        return dict(rename(dict(weights), network)) if rename else dict(weights)
    except Exception:  # it expects weights of this very architecture, and these may be of any
        return dict(weights)


def candidates(weights: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Of the usual architectures those whose first and last layer are among the weights."""
    for name in USUAL.split():
        published = recipe(TIMM + name)
        ends = [*parts(published.first_conv)[:1], *parts(published.classifier)[:1]]
        if all(f"{end}.weight" in weights for end in ends):
            yield TIMM + name
