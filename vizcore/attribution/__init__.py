"""Attribution: why this answer? Every method takes (probe, image, unit) and gives a Map."""

from vizcore.attribution.cam import cam, grad_cam, grad_cams
from vizcore.attribution.cam_variants import grad_cam_plus_plus, guided_grad_cam, layer_cam, score_cam
from vizcore.attribution.contrast import cam_contrast, contrast, contrasts
from vizcore.attribution.gradients import (
    deconvnet,
    gradient_times_input,
    guided_backprop,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from vizcore.attribution.occlusion import occlusion
from vizcore.attribution.segmentation import Segmentation, grabcut

__all__ = [
    "Segmentation",
    "cam",
    "cam_contrast",
    "contrast",
    "contrasts",
    "deconvnet",
    "grabcut",
    "grad_cam",
    "grad_cam_plus_plus",
    "grad_cams",
    "gradient_times_input",
    "guided_backprop",
    "guided_grad_cam",
    "integrated_gradients",
    "layer_cam",
    "occlusion",
    "saliency",
    "score_cam",
    "smooth_grad",
]
