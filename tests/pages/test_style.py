"""The page of style: it paints what `vizcore` paints, at once, live, as a film, or by an ascent turned on the way."""

import time

import torch

from pages.parts import jobs, style_film
from pages.parts.show import percent
from tests.pages.drawn import canvas, drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from tests.pages.test_toolbox import sent
from tests.pictures import encoded
from vizcore import bundled_image, last, load_image, open_probe, to_picture
from vizcore.imaging import figures, mp4
from vizcore.laboratory import filmed
from vizcore.synthesis import style, stylize, stylize_film
from vizcore.synthesis.style_pictures import STYLES

PAGE = "style.py"
ONCE = {"style.painter": "glass", "stylize.size": "128"}
FEW = {"style.steps": "8", "style.size": "64", "texture.steps": "8", "texture.size": "64"}


def test_it_opens_with_a_painting_in_one_pass_and_another_style_is_one_click():
    app = finished(opened(PAGE, **ONCE))
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], stylize(bundled_image("cat"), "glass", size=128))
    assert "style: glass" in drawn(app) and 'alt="painted"' in drawn(app)
    shelf = canvas(app, "style.painter shelf")
    assert shelf["captions"] == [*STYLES] and shelf["selected"] == 1
    app.selectbox("style.painter").set_value("ink").run()
    app = finished(app)
    assert "style: ink" in drawn(app) and "went wrong" not in said(app)


def test_a_readers_own_picture_is_called_by_its_files_name():
    app = opened(PAGE, **ONCE)
    app.file_uploader("upload 0").upload("the beach.png", encoded(to_picture(bundled_image("coffee")), "PNG")).run()
    app = finished(app)
    assert "content: the beach.png" in drawn(app) and "own-" not in drawn(app)


def test_live_its_frames_are_painted_by_the_stream_of_the_session():
    app = opened(PAGE, **{"style.live": "true", "style.painter": "dots"})
    drawn = canvas(app, "live painting")
    assert (drawn["style"], drawn["side"]) == ("dots", 256) and "localhost" in drawn["words"]["notLent"]
    frame = encoded(to_picture(bundled_image("coffee")[:, :256, :256]), "PNG")
    answer = sent(drawn["address"], "style=dots&steady=0&own=0", frame)
    expected = stylize(bundled_image("coffee")[:, :256, :256], "dots", size=256)
    assert answer.status_code == 200 and (load_image(answer.body) - expected).abs().mean() < 0.03
    refused = sent(drawn["address"], "style=dotz&steady=0&own=0", frame)
    assert refused.status_code == 400 and "did you mean 'dots'" in refused.body.decode()


def test_a_film_is_painted_twice_and_may_be_taken_away(monkeypatch):
    monkeypatch.setattr(style_film, "PICTURES", 4)
    app = finished(opened(PAGE, **{"style.method": "A film", "style.painter": "ink", "stylize_film.size": "128"}))
    labels = {button.proto.label for button in app.get("download_button")}
    assert {"MP4, both", "GIF, held steady"} <= labels
    frame = last(stylize_film(filmed(bundled_image("cat"), pictures=4, side=512), "ink", size=128))
    shown = numbers(app)
    assert shown["warp error, alone"] == figures(1000 * frame.terms["alone"])
    assert shown["warp error, held steady"] == figures(1000 * frame.terms["steady"])
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], frame.picture)
    assert "went wrong" not in said(app)


def test_a_film_of_ones_own_is_taken_in_and_what_is_none_is_told(monkeypatch):
    monkeypatch.setattr(style_film, "PICTURES", 3)
    app = opened(PAGE, **{"style.method": "A film", "style.film": style_film.OWN, "stylize_film.size": "128"})
    assert "None chosen yet." in [caption.value for caption in app.caption]
    app.file_uploader("film 0").upload("film.mp4", b"no film at all", "video/mp4").run()
    assert "choose an MP4 or WebM" in said(app)
    content = mp4((filmed(bundled_image("coffee"), pictures=3, side=128) * 255).byte())
    app.file_uploader("film 1").upload("film.mp4", content, "video/mp4").run()
    app = finished(app)
    assert "MP4, both" in {button.proto.label for button in app.get("download_button")}
    assert "read_video('film.mp4'" in snippet(app)


def painting(network: str = "tiny-vgg") -> jobs.Job:
    """The one run of a network that paints now."""
    [job] = [job for job in jobs.ALL if job.going and {network, "Style transfer"} <= {*job.question}]
    return job


def test_it_shows_what_is_painted_and_a_texture_is_one_click_away():
    app = finished(opened(PAGE, **FEW, **{"style.method": "Style transfer", "style.pattern": "bricks"}))
    frame = last(style(open_probe("tiny-vgg"), bundled_image("cat"), bundled_image("bricks"), steps=8, size=64))
    assert percent(frame.terms["style"]) in drawn(app) and "style: bricks" in drawn(app)
    found = {}
    exec(snippet(app), found)
    torch.testing.assert_close(found["picture"], frame.picture)
    app.button("try style 4").click().run()
    app = finished(app)
    assert "the texture: gravel" in drawn(app) and "went wrong" not in said(app)


def test_the_balance_is_turned_while_both_paint_and_begins_anew_once_it_has_ended():
    both = "tiny-vgg", "tiny-vgg-robust"
    address = {"style.method": "Style transfer", "style.steps": "512", "style.size": "64", "beside": "Tiny VGG, robust"}
    app = opened(PAGE, **ONCE, **address)
    runs = [painting(network) for network in both]
    while any(run.latest is None for run in runs):
        time.sleep(0.05)
    app.slider("style.balance").set_value(0.0).run()
    assert [painting(network) for network in both] == runs, "the same runs go on"
    before = [run.latest.terms["content"] for run in runs]
    while any(run.latest.step < 24 for run in runs):
        time.sleep(0.05)
    assert all(run.latest.terms["content"] < max(content, 0.05) for run, content in zip(runs, before, strict=True)), (
        "they return to the content"
    )
    app.button("stop style").click().run()
    app.slider("style.balance").set_value(0.5).run()
    assert painting() is not runs[0] and painting(both[1]) is runs[1]
    app.get("button_group")[0].set_value("In one pass").run()
    assert runs[1].stopped and "beside" not in [one.key for one in app.selectbox], "in one pass no network is asked"
    assert not app.exception and "went wrong" not in said(app)
