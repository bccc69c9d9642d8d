"""The page of linearity: the lecture's numbers, the digits, the lines and the plane are those of `vizcore`."""


from pages.parts.show import figures, percent
from tests.pages.drawn import drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, open_probe
from vizcore.adversarial import decision_regions, every_other_digit, overfitting_or_linearity, score_lines

PAGE = "linearity.py"


def test_the_ten_numbers_and_as_many_as_a_photograph_has():
    app = finished(opened(PAGE))
    assert "4.7 % → 88.1 %" in drawn(app)
    assert numbers(app)["the answer flips at"] == "0.300" and "<td>−4</td>" in drawn(app)
    app.button("try ten_numbers 1").click().run()
    app = finished(app)
    assert "4.7 % → 100 %" in drawn(app) and numbers(app)["score after"] == "1,502"
    assert "went wrong" not in said(app)


def test_every_digit_is_shown_with_what_it_is_called():
    app = finished(opened(PAGE, **{"linearity.method": "Every other digit", "every_other_digit.digit": "4"}))
    found = every_other_digit(digit=4)
    assert numbers(app)["it has become"] == f"{found.reached} of 9"
    assert found.said[7] == 7 and f"a 7, from {found.needed[7]:.2f}" in drawn(app)
    exec(snippet(app), {})


def test_the_lines_and_the_plane_are_those_of_the_library():
    probe, cat = open_probe("tiny-vgg"), bundled_image("cat")
    app = finished(opened(PAGE, unit="scores:16", **{"linearity.method": "Straight lines", "score_lines.points": "5"}))
    lines = score_lines(probe, cat, 16, points=5)
    assert numbers(app)["a straight line explains"] == percent(lines.straight)
    address = {"linearity.method": "Decision regions", "decision_regions.steps": "4", "linearity.plane": "4"}
    app = finished(opened(PAGE, unit="scores:16", **address))
    plane = decision_regions(probe, cat, 16, epsilon=4 / 255, steps=4)
    along, across = (f"{figures(far)} of 255" if far else "not within 4 of 255" for far in plane.reach)
    assert numbers(app) == {"along the gradient it changes at": along, "along random signs": across}
    assert "went wrong" not in said(app)
    found = {}
    exec(snippet(app), found)
    assert found["found"].classes.equal(plane.classes)


def test_the_networks_of_several_seeds_are_those_of_the_library():
    address = {"linearity.method": "Overfitting or linearity", "overfitting_or_linearity.steps": "20"}
    app = finished(opened(PAGE, **address))
    found = overfitting_or_linearity(steps=20)
    assert numbers(app)["cosine between networks"] == f"{found.between_networks[0]:.2f}"
    assert f"linear model: {percent(found.accuracies[0].item())} right" in drawn(app)
    exec(snippet(app), ran := {})
    assert ran["found"].rows == found.rows and "went wrong" not in said(app)
    app.button("try overfitting_or_linearity 4").click().run()
    assert app.slider("overfitting_or_linearity.flipped").value == 0.2
