"""The page of adversarial examples: what it shows is what `vizcore` found, and the picture taken away still fools."""

import pytest
from playwright.sync_api import Page, expect

from pages.parts.show import figures, percent
from tests.pages.drawn import drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import asked, opened, said, snippet
from vizcore import bundled_image, load_image, open_probe
from vizcore.adversarial import control, deepfool, fgsm, pgd, repaired, xray
from vizcore.adversarial.attacks import usual_target

PAGE = "attacks.py"
probe = open_probe("tiny-vgg")
cat = probe.prepare(bundled_image("cat"))
before = probe.predict(cat, k=1)[0]
target = usual_target(probe, before.index)


def seen(app) -> str:
    """What the page says below *What you see*."""
    return next(one.value for one in app.markdown if "in the direction that" in one.value)


def test_at_first_a_few_steps_towards_the_usual_target():
    app = finished(opened(PAGE))
    attack = pgd(probe, cat[None], before.index, epsilon=2 / 255, steps=10, target=target)
    now = probe.predict(attack.saved[0], k=1)[0]
    assert f"after the attack: {now.label}, {percent(now.probability)}" in drawn(app)
    assert f"the original: {before.label}, {percent(before.probability)}" in drawn(app)
    assert numbers(app)["largest change"] == "2.00" and numbers(app)["gradients"] == "10"
    assert ("does not make it" in said(app)) != attack.success.item()
    assert app.slider("pgd.steps").proto.default == [10], "or else the address would leave out another number of steps"
    found = {}
    exec(snippet(app), found)
    assert found["attack"].images.equal(attack.images)


def test_the_control_is_the_same_change_with_random_signs_and_the_x_ray_is_of_what_was_found():
    app = finished(opened(PAGE, **{"attacks.change": "8"}))
    attack = pgd(probe, cat[None], before.index, epsilon=8 / 255, steps=10, target=target)
    said_of_it = probe.predict(control(probe, attack).saved[0], k=1)[0]
    assert percent(said_of_it.probability) in drawn(app)
    found = xray(probe, attack)
    for carrier in found.carriers[-1]:
        assert app.button(f"xray {carrier.unit}").label == f"{carrier.unit.channel}: {percent(carrier.share)}"
    for name, moved in (("the attack", found.attack), ("random signs", found.noise)):
        assert f"{name} <small>{figures(moved[-1].item())} in the scores" in drawn(app)
    assert f"From {found.parting} on" in " ".join(caption.value for caption in app.caption)
    app.button(f"xray {found.carriers[-1][0].unit}").click().run()
    assert asked(app.run(), "unit") == str(found.carriers[-1][0].unit)


def test_what_you_see_tells_whether_it_was_fooled_and_what_the_control_did():
    told = seen(finished(opened(PAGE, **{"attacks.change": "0"})))
    assert "and not far enough: the network says tabby" in told and "sees another" not in told
    app = finished(opened(PAGE, **{"attacks.change": "16"}))
    attack = pgd(probe, cat[None], before.index, epsilon=16 / 255, steps=10, target=target)
    random = control(probe, attack)
    kept = probe.run(random.saved)[0].softmax(1)[0, before.index].item()
    assert attack.success.item() and "the network sees another" in seen(app)
    assert f"leaves tabby at {percent(kept)}, where it was {percent(before.probability)}" in seen(app)
    assert ("the direction that matters" in seen(app)) != random.success.item()


def test_an_attack_that_knows_no_epsilon_is_asked_without_and_its_picture_is_mended():
    app = finished(opened(PAGE, image="coffee", **{"attacks.method": "DeepFool"}))
    coffee = probe.prepare(bundled_image("coffee"))
    least = deepfool(probe, coffee[None], probe.predict(coffee)[0].index)
    attack = repaired(probe, least)
    assert not least.success.item() and attack.success.item()
    assert numbers(app)["length of the change"] == figures(attack.length.item())
    assert f"after the attack: {probe.labels[attack.classes]}" in drawn(app) and "went wrong" not in said(app)
    found = {}
    exec(snippet(app), found)
    assert found["attack"].images.equal(attack.images)


def test_one_step_to_anything_else_is_one_click_away():
    app = finished(opened(PAGE))
    app.button("try pgd 0").click().run()
    app = finished(app)
    attack = fgsm(probe, cat[None], before.index, epsilon=2 / 255)
    assert f"after the attack: {probe.labels[attack.classes]}" in drawn(app)
    assert numbers(app)["gradients"] == "1" and "went wrong" not in said(app)


def test_no_change_at_all_fools_nobody_and_says_so():
    app = finished(opened(PAGE, **{"attacks.change": "0"}))
    assert "does not make it" in said(app) and "went wrong" not in said(app)
    assert numbers(app)["pixels changed"] == "0"
    assert "does not move the last layer at least twice as far" in " ".join(caption.value for caption in app.caption)


def test_the_picture_taken_away_still_fools(page: Page, tmp_path):
    page.goto("/attacks?network=tiny-vgg&image=cat&attacks.change=4")
    expect(page.get_by_text("after the attack:")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    download.value.save_as(tmp_path / "fooled.png")
    fooled = load_image(tmp_path / "fooled.png")
    attack = pgd(probe, cat[None], before.index, epsilon=4 / 255, steps=10, target=target)
    assert fooled.shape == cat.shape and probe.predict(fooled, k=1)[0].index == target
    assert (fooled - attack.saved[0]).abs().max() <= 1 / 255 + 1e-6


@pytest.mark.parametrize(
    ("page", "key", "dials"),
    [
        ("attacks.py", "attacks.target", {}),
        ("physical.py", "physical.target", {"physical.method": "Adversarial patch", "patch.steps": "5"}),
    ],
)
def test_a_target_goes_along_to_another_network_by_its_label(page, key, dials):
    app = opened(page, **dials)
    app.selectbox(key).set_value(open_probe("tiny-vgg").labels.index("goldfish")).run()
    app.selectbox("network picker").set_value("efficientnet-lite0").run()
    assert open_probe("efficientnet-lite0").labels[app.selectbox(key).value] == "goldfish"
    app.selectbox("network picker").set_value("road-signs").run()  # which knows none
    assert not app.exception and "went wrong" not in said(app)
