"""Global average pooling: the last maps and the average over their places that the scores are linear in."""

from torch import fx

from vizcore.probe.graph import Step
from vizcore.probe.layer import Layer
from vizcore.probe.probe import Probe
from vizcore.probe.unit import SCORES

# Kinds and words of steps that only add up what they read, weighed by constants; of those, the ones that take sums.
AFFINE = ("linear", "convolution", "average pooling", "dropout", "reshape", "addition", "two classes")
SUMS = ("sum", "einsum", "matmul", "bmm", "baddbmm", "tensordot", "inner")
AFFINE_STEPS = (*SUMS, "mul", "multiply", "sub", "mv", "expand", "contiguous", "clone", "float", "to", "BatchNorm1d",
                "BatchNorm2d", "batch_norm")  # fmt: skip
QUOTIENTS = ("div", "truediv", "true_divide", "divide")


def pooling(probe: Probe) -> tuple[str, str]:
    """The last maps and the average pooling after them, where nothing but one linear layer follows, or not even that.

    >>> from vizcore import open_probe
    >>> pooling(open_probe("tiny-vgg"))
    ('conv6.relu', 'pool3')
    """
    layer, averaged, steps = probe.layer(SCORES), False, {step.layer: step for step in probe.steps}
    while layer.inputs and affine(steps[layer.name], layer):
        before = probe.layer(layer.inputs[0])
        averaged = averaged or layer.kind == "average pooling" or steps[layer.name].word in SUMS
        if before.spatial and not averaged_over_one_axis(probe, before):
            if averaged:
                return before.name, layer.name
            break
        layer = before
    raise ValueError(inexact(probe))


def averaged_over_one_axis(probe: Probe, layer: Layer) -> bool:
    """Whether a layer has one row or column of cells, because what it reads was averaged over the other axis."""
    if layer.kind != "average pooling" or 1 not in layer.cells or not layer.inputs:
        return False
    return 1 not in probe.layer(layer.inputs[0]).cells


def affine(step: Step, layer: Layer) -> bool:
    """Whether a step adds up what it reads, weighed by constants: then what two maps give together is their sum."""
    read: list[fx.Node] = []
    fx.node.map_arg((step.node.args, step.node.kwargs), read.append)
    once = len(layer.inputs) == 1 and len(read) == len(set(read))  # not multiplied by itself
    divided = step.word in QUOTIENTS and step.node.args[0] is read[0]
    return once and (layer.kind in AFFINE or step.word in AFFINE_STEPS or divided)


def inexact(probe: Probe) -> str:
    """The sentence for a network that has no exact class activation map."""
    return (
        f"{probe.name} has more than average pooling and one linear layer behind its last maps, "
        "so no exact class activation map exists; grad_cam answers for any network."
    )
