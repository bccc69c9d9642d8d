"""The page of dreams: it shows what `vizcore` dreams, guided or of several layers, and a film to be taken away."""

import torch

from tests.pages.drawn import canvas, drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import bundled_image, last, open_probe, thumbnail, to_picture
from vizcore.synthesis import dream
from vizcore.synthesis.paint import marked

PAGE = "dream.py"
FEW = {
    **{"dream.octaves": "1", "dream.steps": "2", "dream.size": "64"},
    **{"dream_zoom.pictures": "4", "dream_zoom.steps": "1", "dream_zoom.size": "64"},
    **{"caricature.steps": "4", "caricature.size": "64"},
}


def test_a_guided_dream_of_two_layers_then_a_caricature_then_a_film_each_one_click_away():
    layers = ["conv2.relu", "conv5.relu"]
    app = finished(opened(PAGE, **FEW, **{"dream.layers": layers, "dream.guide": "flower"}))
    found = {}
    exec(snippet(app), found)
    options = {"guide": bundled_image("flower"), "octaves": 1, "steps": 2, "size": 64}
    expected = last(dream(open_probe("tiny-vgg"), bundled_image("cat"), layers, **options)).picture
    torch.testing.assert_close(found["picture"], expected)
    assert "the guide: flower" in drawn(app) and "step 2 of 2" in drawn(app)

    app.button("try dream 0").click().run()
    app = finished(app)
    assert "step 4 of 4" in drawn(app) and "caricature(probe, image, 'conv5.relu'" in snippet(app)
    app.button("try caricature 3").click().run()
    app = finished(app)
    assert "picture 4 of 4" in drawn(app)
    assert [button.proto.label for button in app.get("download_button")][:2] == ["GIF", "MP4"]
    assert "went wrong" not in said(app)


def test_a_layer_of_another_network_gives_way():
    app = finished(opened(PAGE, **FEW, **{"dream.layers": "stages.stage4.2.add"}))
    assert "went wrong" not in said(app) and 'alt="dreamt"' in drawn(app)


def test_it_dreams_only_where_the_reader_painted(tmp_path, monkeypatch):
    asked = FEW | {"dream.where": "where I paint", "dream.layers": "conv5.relu"}
    app = finished(opened(PAGE, image="rocket", **asked))
    board, picture = canvas(app, "dream where rocket"), bundled_image("rocket")
    assert (board["tall"], board["side"]) == tuple(thumbnail(picture, 320).shape[1:])
    assert any("until then it dreams everywhere" in caption.value for caption in app.caption)
    painted = torch.ones(3, board["tall"], board["side"])
    painted[:, : board["tall"] // 2] = torch.tensor([0.88, 0.13, 0.54]).view(3, 1, 1)
    app.session_state["free in rocket"] = painted  # what the board's callback keeps of it
    app = finished(app.run())
    assert "went wrong" not in said(app) and not any("until then" in caption.value for caption in app.caption)
    monkeypatch.chdir(tmp_path)
    to_picture(painted).save("painted.png")
    found = {}
    exec(snippet(app), found)
    options = {"octaves": 1, "steps": 2, "size": 64}
    free = last(dream(open_probe("tiny-vgg"), picture, ["conv5.relu"], **options)).picture
    kept = last(dream(open_probe("tiny-vgg"), picture, ["conv5.relu"], mask=marked(painted), **options)).picture
    torch.testing.assert_close(found["picture"], kept)
    assert not torch.equal(free, kept)
