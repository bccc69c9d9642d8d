"""torchvision imports beside any build of torch; each test is a fresh process, since an import leaves traces."""

import subprocess
import sys

RESNET = """
import torch
network = torchvision.models.resnet18(weights=None).eval()
with torch.no_grad():
    scores = network(torch.linspace(0, 1, 3 * 64 * 64).reshape(1, 3, 64, 64))
assert scores.shape == (1, 1000) and scores.isfinite().all() and scores.std() > 0
"""


def run(program: str) -> None:
    """Run a program in a new interpreter and show its complaints if it has any."""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_a_network_computes_and_importing_again_is_harmless():
    run(
        "import importlib\n"
        "import vizcore.zoo.torchvision_import as door\n"
        "assert door.torchvision.extension._has_ops() != hasattr(door, 'declarations')\n"
        "import torchvision\n"
        "importlib.reload(door)\n"
        "assert door.torchvision is torchvision\n" + RESNET
    )


def test_operators_that_are_there_are_left_alone():
    """torch refuses to declare an operator twice, so this fails if the door declares what it need not."""
    run(
        "import torch\n"
        "operators = torch.library.Library('torchvision', 'DEF')\n"
        "operators.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "operators.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "import vizcore.zoo.torchvision_import as door\n"
        "assert not hasattr(door, 'declarations')\n"
        "torchvision = door.torchvision\n" + RESNET
    )


def test_the_door_opens_after_a_plain_import_that_failed():
    run(
        "try:\n"
        "    import torchvision\n"
        "except RuntimeError:\n"
        "    pass\n"
        "from vizcore.zoo.torchvision_import import torchvision\n" + RESNET
    )
