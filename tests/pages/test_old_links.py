"""Links that were copied before: every dial that an address named still stands where it says."""

import pytest

from tests.pages.test_shell import asked, opened, said

LINKS = {
    "cam.py": {"image": "coffee", "unit": "scores:19", "cam.method": "Grad-CAM", "cam.layer": "conv4.relu",
               "cam.units": "one", "cam.scale": "one for all", "grad_cam.both_signs": "true"},
    "gradients.py": {"unit": "conv3.relu:5", "gradients.method": "SmoothGrad", "gradients.view": "grey",
                     "gradients.place": "over the picture", "smooth_grad.samples": "4", "smooth_grad.noise": "0.2"},
    "occlusion.py": {"occlusion.patch": "20", "occlusion.stride": "10", "occlusion.fill": "blur"},
    "visualize.py": {"unit": "scores:3", "visualize.steps": "16", "visualize.pictures": "2"},
    "attacks.py": {"attacks.method": "PGD", "attacks.change": "3", "pgd.steps": "4"},
    "invariance.py": {"invariance.change": "scale", "invariance.steps": "5"},
    "filters.py": {"filters.layer": "conv2.conv", "filters.scale": "common"},
    "activations.py": {"activations.layer": "conv2.relu"},
}  # fmt: skip


def standing(app) -> dict[str, str]:
    """Where all widgets stand that have a name in the address."""
    kinds = (app.selectbox, app.slider, app.select_slider, app.toggle, app.button_group, app.text_input)
    return {widget.key: widget.value for kind in kinds for widget in kind if widget.key}


@pytest.mark.parametrize("page", LINKS)
def test_a_link_of_the_old_form_opens_what_it_named(page):
    app = opened(page, **LINKS[page])
    found = standing(app)
    for name, value in LINKS[page].items():
        stands = found[name]
        stands = stands[0] if isinstance(stands, list) else stands
        assert str(stands).lower() == value.lower() or float(stands) == float(value), f"{name} stands at {stands}"
    assert not said(app)


@pytest.mark.parametrize("page", ["cam", "gradients", "visualize"])
def test_a_second_network_of_the_old_form_stands_beside(page):
    app = opened(f"{page}.py", network="tiny-vgg", **{f"{page}.beside": "Tiny VGG, robust"})
    assert standing(app)["beside"] == "tiny-vgg-robust" and not said(app)


def test_a_link_to_somebodys_own_things_of_the_old_form_is_answered_by_a_sentence():
    app = opened(image="own-0123456789abcdef0123")
    assert "own picture" in said(app) and asked(app.run(), "image") == "cat"
    app = opened(network="own-0123456789abcdef")
    assert "own network" in said(app)
