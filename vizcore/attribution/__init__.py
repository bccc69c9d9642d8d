"""Attribution: why this answer? Every method takes (probe, image, unit) and gives a Map."""

from vizcore.attribution.cam import cam, grad_cam, grad_cams
from vizcore.attribution.gradients import saliency

__all__ = ["cam", "grad_cam", "grad_cams", "saliency"]
