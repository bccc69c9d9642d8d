"""The photographs that scikit-image and scikit-learn carry in their packages, so that nothing has to be fetched."""

from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from vizcore.imaging.images import load_image

PHOTOGRAPHS = {
    "cat": "skimage/data/chelsea.png",
    "flower": "sklearn/datasets/images/flower.jpg",
    "coffee": "skimage/data/coffee.png",
    "motorcycle": "skimage/data/motorcycle_left.png",
    "temple": "sklearn/datasets/images/china.jpg",
    "rocket": "skimage/data/rocket.jpg",
    "astronaut": "skimage/data/astronaut.png",
    "photographer": "skimage/data/camera.png",
    "coins": "skimage/data/coins.png",
    "galaxies": "skimage/data/hubble_deep_field.jpg",
    "bricks": "skimage/data/brick.png",
    "grass": "skimage/data/grass.png",
    "gravel": "skimage/data/gravel.png",
}


def bundled_names() -> tuple[str, ...]:
    """The names of the bundled photographs, without opening one.

    >>> bundled_names()[:3]
    ('cat', 'flower', 'coffee')
    """
    return tuple(PHOTOGRAPHS)


def bundled_image(name: str) -> Tensor:
    """One bundled photograph `(3, H, W)` by its name; every call gives a new tensor that the caller may change.

    Raises ValueError with the nearest name when there is none of that name.

    >>> (bundled_image("cat")[:, 0, 0] * 255).round()
    tensor([143., 120., 104.])
    """
    if name not in PHOTOGRAPHS:
        nearest = get_close_matches(str(name).lower(), PHOTOGRAPHS, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(PHOTOGRAPHS)}."
        raise ValueError(f"There is no bundled image {name!r}; {hint}")
    return levels(name) / 255


def bundled_images() -> dict[str, Tensor]:
    """Every bundled photograph by its name, the cat first; the tensors are new ones on every call.

    >>> list(bundled_images())[:3]
    ['cat', 'flower', 'coffee']
    """
    return {name: bundled_image(name) for name in PHOTOGRAPHS}


@cache
def levels(name: str) -> Tensor:
    """The pixels in the 8 bits of the file, kept for the next reader and never given away: anyone could write there."""
    # The packages' folders are found without importing them, which would take a second.
    package, _, path = PHOTOGRAPHS[name].partition("/")
    folder = find_spec(package).submodule_search_locations[0]
    return (load_image(Path(folder, path)) * 255).round().byte()
