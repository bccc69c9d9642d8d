"""Attribution: why this answer? Every method takes (probe, image, unit) and gives a Map."""

from vizcore.attribution.board import Board, Comparison, board, compare
from vizcore.attribution.cam import cam, grad_cam, grad_cams
from vizcore.attribution.cam_variants import grad_cam_plus_plus, guided_grad_cam, layer_cam, score_cam
from vizcore.attribution.contrast import cam_contrast, contrast, contrasts
from vizcore.attribution.grabcut import Segmentation, grabcut
from vizcore.attribution.gradients import (
    deconvnet,
    gradient_times_input,
    guided_backprop,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from vizcore.attribution.meter import Meter, meter
from vizcore.attribution.occlusion import occlusion
from vizcore.attribution.trust import deletion, insertion, randomisation, stability

__all__ = [
    "Board",
    "Comparison",
    "Meter",
    "Segmentation",
    "board",
    "cam",
    "cam_contrast",
    "compare",
    "contrast",
    "contrasts",
    "deconvnet",
    "deletion",
    "grabcut",
    "grad_cam",
    "grad_cam_plus_plus",
    "grad_cams",
    "gradient_times_input",
    "guided_backprop",
    "guided_grad_cam",
    "insertion",
    "integrated_gradients",
    "layer_cam",
    "meter",
    "occlusion",
    "randomisation",
    "saliency",
    "score_cam",
    "smooth_grad",
    "stability",
]
