"""The page that sets two networks side by side."""

from pages.parts.show import percent
from tests.pages.drawn import canvas, values
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, open_probe
from vizcore.attribution import grad_cam

PAGE, QUICK = "compare.py", {"compare.pictures": "50", "compare.corpus": "digits"}


def test_both_answer_the_same_picture_and_their_layers_are_compared():
    app = finished(opened(PAGE, unit="scores:19", **QUICK))
    other, cat = open_probe("tiny-vgg-robust"), bundled_image("cat")
    drawn = " ".join(element.proto.body for element in app.get("html"))
    assert all(percent(one.predict(cat)[0].probability) in drawn for one in (open_probe("tiny-vgg"), other))
    assert values(canvas(app, "compare evidence other")).equal(grad_cam(other, cat, 19).values), "the class goes along"
    assert "of 50 pictures" in drawn and not said(app)
    assert app.get("plotly_chart")
    namespace: dict = {}
    exec(snippet(app).replace("other, images)", "other, corpus.some(4))"), namespace)
    corpus, images = namespace["corpus"], namespace["images"]
    assert len(images) == 50 and all(images[n].equal(corpus[n * len(corpus) // 50]) for n in (0, 49)), "what ran"

    app.button("try similarity 0").click().run()
    app = finished(app)
    assert app.selectbox("compare.other").value == "tiny-vgg"
    assert "0 of 50 pictures" in " ".join(element.proto.body for element in app.get("html")), "beside itself, at once"
    assert "Tiny VGG, robust" in app.selectbox("compare.other").options, "networks have their titles"
