"""The page of the black box: it counts the questions, and its matrix is that of `vizcore`."""

import re

from tests.pages.drawn import drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, open_probe
from vizcore.adversarial import square, substitute, transfer_matrix
from vizcore.adversarial.blackbox import gallery

PAGE = "blackbox.py"
probe = open_probe("tiny-vgg")


def test_the_questions_are_counted_until_it_is_fooled():
    app = finished(opened(PAGE))
    cat = probe.prepare(bundled_image("cat"))[None]
    label = probe.predict(cat[0], k=1)[0].index
    *_, frame = square.frames(probe, cat, label, epsilon=4 / 255)
    assert frame.picture.success.item()
    assert frame.step > 1 and f"{frame.step:,} questions" in drawn(app) and "until it was fooled" in drawn(app)
    found = {}
    exec(snippet(app), found)
    assert found["found"].images.equal(frame.picture.images)
    app = finished(opened(PAGE, **{"blackbox.change": "1", "square.queries": "100"}))
    assert "100 questions" in drawn(app) and "were not enough within 1 of 255" in said(app)


def test_the_matrix_is_filled_row_by_row():
    address = {"blackbox.method": "Transfer", "blackbox.networks": ["Tiny VGG after 12 epochs"]}
    app = finished(opened(PAGE, **address, **{"transfer_matrix.attack": "FGSM"}))
    names = ("tiny-vgg", "tiny-vgg@12")
    found = transfer_matrix(
        {name: open_probe(name) for name in names}, gallery(bundled_image("cat")), attack="FGSM", epsilon=4 / 255
    )
    cells = re.findall(r"<td style=[^>]*>(\d+)</td>", drawn(app))
    assert cells == [f"{100 * row[name]:.0f}" for row in found.rows for name in names]
    assert numbers(app)["carried over to other networks"].endswith("%") and "went wrong" not in said(app)
    assert "['tiny-vgg@12']" in snippet(app)


def test_the_substitute_is_that_of_the_library():
    address = {"substitute.rounds": "1", "substitute.black_box": "nearest neighbours", "substitute.attack": "PGD"}
    app = finished(opened(PAGE, **{"blackbox.method": "Substitute"}, **address))
    found = substitute(rounds=1, black_box="nearest neighbours", attack="PGD")
    assert f"{100 * found.fooled[-1]:.1f} %" in drawn(app) and "after 80 questions" in drawn(app)
    assert numbers(app)["substitute and black box agree"].startswith(f"{100 * found.agreement[-1]:.1f} %")
    exec(snippet(app), ran := {})
    assert ran["found"].rows == found.rows and "went wrong" not in said(app)
