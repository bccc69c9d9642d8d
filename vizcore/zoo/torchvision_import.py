"""The one door to torchvision: `from vizcore.zoo.torchvision_import import torchvision`.

The packaged torchvision is compiled against the CUDA build of torch. Beside a CPU build its
operators do not load, and `import torchvision` then stops at two of them that it describes without
having them. Classification networks call neither, so it is enough that both are declared.
"""

from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path

import torch


def operators_load() -> bool:
    """Say whether torchvision's compiled operators are there, loading them the way its own import does.

    >>> operators_load()  # torchvision is imported: its operators are there, or declared
    True
    """
    package = PathFinder.find_spec("torchvision")
    if package is None:
        raise ModuleNotFoundError("torchvision is not installed; `pip install -r requirements.txt` brings it")
    # All of them, since their names change between versions: declaring what loads later ends the process.
    for library in sorted(Path(package.origin).parent.iterdir()):
        if library.name.endswith(tuple(EXTENSION_SUFFIXES)) and not hasattr(torch.ops.torchvision, "nms"):
            try:
                torch.ops.load_library(library)
            except OSError:
                continue
    return hasattr(torch.ops.torchvision, "nms")


if not operators_load():
    # The two operators exist only as long as this object does.
    declarations = torch.library.Library("torchvision", "DEF")
    declarations.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    declarations.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402  (only now can it be imported everywhere)

__all__ = ["operators_load", "torchvision"]
