"""The page of defenses: its curves are those of `vizcore`."""


from pages.parts.show import percent
from tests.pages.drawn import drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe
from vizcore.adversarial import adversarial_training

PAGE = "defense.py"


def test_two_networks_are_trained_as_one_watches():
    app = finished(opened(PAGE, **{"adversarial_training.epochs": "2"}))
    found = last(adversarial_training(epochs=2)).picture
    for values in found.errors.values():
        assert percent(values[-1]) in drawn(app)
    for real, answer in zip(found.truth.tolist(), found.answers[0].tolist(), strict=True):
        assert f"{real}: says {answer}" in drawn(app)
    names = {}
    exec(snippet(app), names)
    assert names["found"].errors == found.errors


def test_the_twins_stand_side_by_side():
    app = finished(opened(PAGE, **{"defense.method": "Answers kept", "answers_kept.steps": "1"}))
    for title, name in (("Tiny VGG", "tiny-vgg"), ("Tiny VGG, robust", "tiny-vgg-robust")):
        assert f"{title}: {open_probe(name).predict(bundled_image('cat'))[0].label}" in drawn(app)
    assert any("photographs it was never shown" in caption.value for caption in app.caption)
    assert "went wrong" not in said(app)
