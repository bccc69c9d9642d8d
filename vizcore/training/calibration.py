"""Temperature scaling: probabilities that mean what they say."""

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

from vizcore.zoo import TinyVGG

COLDEST, HOTTEST = 0.1, 10.0


def temperature(scores: torch.Tensor, classes: torch.Tensor) -> float:
    """The number by which scores (N, classes) are to be divided so that their softmax fits the right classes (N,) best.

    Best is the lowest cross-entropy (Guo et al. 2017, *On Calibration of Modern Neural Networks*). No answer changes,
    only how sure it is. Below 1 a network was less sure than it had a right to be.

    >>> timid = torch.tensor([[0.5, 0.0], [0.5, 0.0], [0.5, 0.0], [0.0, 0.5]])  # right three times of four
    >>> round(temperature(timid, torch.tensor([0, 0, 0, 0])), 3)  # 0.5 / log 3
    0.455
    """

    def cost(logarithm: float) -> float:
        return F.cross_entropy(scores.double() / torch.tensor(logarithm).exp(), classes).item()

    bounds = torch.tensor([COLDEST, HOTTEST]).log().tolist()
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return torch.tensor(found.x).exp().item()


@torch.no_grad()
def calibrate(network: TinyVGG, scores: torch.Tensor, classes: torch.Tensor) -> float:
    """Divide the last layer by the temperature that its scores for photographs held out ask for; gives it."""
    found = temperature(scores, classes)
    for value in network.fc.parameters():
        value.div_(found)
    return found
