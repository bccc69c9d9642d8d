"""The bundled photographs: present, right, and safe from each other's readers."""

import re
import subprocess
import sys
from importlib.metadata import files

import pytest
import skimage.data
import sklearn.datasets
import torch

from vizcore.imaging.gallery import PHOTOGRAPHS, bundled_image, bundled_images, bundled_names


def pixels(array) -> torch.Tensor:
    array = torch.from_numpy(array.copy())
    array = array if array.ndim == 3 else array[:, :, None].expand(-1, -1, 3)
    return array.permute(2, 0, 1) / 255


@pytest.mark.parametrize(
    "name, original",
    [
        ("cat", skimage.data.cat),
        ("flower", lambda: sklearn.datasets.load_sample_image("flower.jpg")),
        ("coffee", skimage.data.coffee),
        ("motorcycle", lambda: skimage.data.stereo_motorcycle()[0]),
        ("temple", lambda: sklearn.datasets.load_sample_image("china.jpg")),
        ("astronaut", skimage.data.astronaut),
        ("photographer", skimage.data.camera),
        ("coins", skimage.data.coins),
        ("galaxies", skimage.data.hubble_deep_field),
        ("bricks", skimage.data.brick),
        ("grass", skimage.data.grass),
        ("gravel", skimage.data.gravel),
    ],
)
def test_a_photograph_is_what_its_package_shows(name, original):
    expected = pixels(original())
    difference = (bundled_image(name) - expected).abs().max()
    # JPEG decoders and colour conversions may differ by a level or two.
    assert difference <= (2.5 / 255 if PHOTOGRAPHS[name].endswith("jpg") else 0)


def test_the_rocket_is_shown_in_the_colours_of_its_profile():
    # Its file is in Adobe RGB, which the raw numbers of scikit-image leave out: its sky is a stronger blue.
    raw, shown = pixels(skimage.data.rocket()), bundled_image("rocket")
    assert raw.shape == shown.shape
    sky = (slice(60, 100), slice(340, 400))
    saturation = [float(image[2][sky].mean() - image[0][sky].mean()) for image in (raw, shown)]
    assert saturation[1] > saturation[0] + 0.01


def test_the_cat_comes_first_and_names_are_short_words():
    assert bundled_names()[0] == "cat"
    assert all(re.fullmatch(r"[a-z]{3,12}", name) for name in bundled_names())
    assert {"coffee", "motorcycle", "rocket", "astronaut", "temple", "flower"} <= set(bundled_names())


def test_the_dictionary_holds_every_photograph_in_order():
    images = bundled_images()
    assert tuple(images) == bundled_names()
    assert all(torch.equal(image, bundled_image(name)) for name, image in images.items())
    assert len({image.sum().item() for image in images.values()}) == len(images)


def test_one_reader_cannot_change_what_another_sees():
    before = bundled_image("cat").clone()
    bundled_image("cat").zero_()
    bundled_images()["cat"].fill_(1)
    assert torch.equal(bundled_image("cat"), before)


def test_the_packages_carry_the_files_themselves():
    shipped = {str(file) for package in ("scikit-image", "scikit-learn") for file in files(package)}
    assert set(PHOTOGRAPHS.values()) <= shipped


def test_nothing_large_is_imported_for_the_gallery():
    code = (
        "import sys, vizcore.imaging.gallery as gallery; gallery.bundled_image('cat'); gallery.bundled_image('flower');"
        "print([name for name in ('skimage', 'sklearn', 'scipy') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_a_misspelt_name_brings_the_nearest():
    with pytest.raises(ValueError, match=r"no bundled image 'rokcet'; did you mean 'rocket'\?"):
        bundled_image("rokcet")
    with pytest.raises(ValueError, match=r"did you mean 'cat'\?"):
        bundled_image("Cat")
    with pytest.raises(ValueError, match=r"'xyzzy'; there are cat, flower, .*\."):
        bundled_image("xyzzy")
    with pytest.raises(ValueError, match="None"):
        bundled_image(None)
