"""The one door to torchvision: `from vizcore.torchvision_import import torchvision`.

The packaged torchvision is compiled against the CUDA build of torch. Beside a CPU build its
operators do not load, and `import torchvision` then stops at two of them that it describes without
having them. Classification networks call neither, so it is enough that both are declared.
"""

from importlib.machinery import PathFinder

import torch


def operators_load() -> bool:
    """Say whether torchvision's compiled operators are there, loading them the way its own import does.

    >>> operators_load() or hasattr(torch.ops.torchvision, "nms")
    True
    """
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    package = PathFinder.find_spec("torchvision")
    if package is None:
        raise ModuleNotFoundError("torchvision is not installed; `pip install -r requirements.txt` brings it")
    extension = PathFinder.find_spec("_C", package.submodule_search_locations)
    if extension is None:
        return False
    try:
        torch.ops.load_library(extension.origin)
    except OSError:
        return False
    return True


if not operators_load():
    # The two operators exist only as long as this object does.
    declarations = torch.library.Library("torchvision", "DEF")
    declarations.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    declarations.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402  (only now can it be imported everywhere)

__all__ = ["operators_load", "torchvision"]
