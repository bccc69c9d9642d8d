"""Attribution: why this answer? Every method takes (probe, image, unit) and gives a Map."""

from vizcore.attribution.cam import cam, grad_cam, grad_cams
from vizcore.attribution.gradients import (
    deconvnet,
    gradient_times_input,
    guided_backprop,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from vizcore.attribution.occlusion import occlusion

__all__ = [
    "cam",
    "deconvnet",
    "grad_cam",
    "grad_cams",
    "gradient_times_input",
    "guided_backprop",
    "integrated_gradients",
    "occlusion",
    "saliency",
    "smooth_grad",
]
