"""The page of the stop sign: the stickers, the drive and its counts are those of `vizcore`."""

from playwright.sync_api import Page, expect

from tests.pages.drawn import canvas, drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore import last, open_probe
from vizcore.adversarial import drive_by, road_sign, sticker
from vizcore.imaging import percent

PAGE = "sign.py"
FEW = {"sticker.steps": "5", "sticker.batch": "2"}


def test_the_stickers_and_the_drive_are_what_the_notebook_gives():
    app = finished(opened(PAGE, **FEW))
    probe = open_probe("road-signs")
    found = last(sticker(probe, road_sign("stop"), "speed limit 80", steps=5, batch=2)).picture
    drive = last(drive_by(probe, found.signs, pictures=8)).picture
    for name in drive.pictures:
        assert numbers(app)[f"taken for stop, {name}"] == percent(drive.share(name, "stop"))
    assert drive.said("bare", 3) in drawn(app) and "went wrong" not in said(app)
    assert any("is asked: Road signs" in caption.value for caption in app.caption)
    assert canvas(app, "sign scene")["pictureWidth"] == 256
    assert "drive_by(signs, found.signs, pictures=8, seed=0)" in snippet(app)


def test_the_notebook_opens_a_network_with_edits_as_the_page_does():
    app = opened(PAGE, network="road-signs~remove conv4.relu:5", **FEW)
    ran = {}
    exec(snippet(app).partition("sign = ")[0], ran)
    assert ran["signs"].digest == ran["probe"].digest != open_probe("road-signs").digest


def test_a_name_at_the_right_of_a_picture_ends_where_its_box_ends(page: Page):
    page.goto("/sign?sticker.steps=5&sticker.batch=2&network=tiny-vgg")  # the last of the drive is at the right edge
    name = page.locator(".boxes span").last
    expect(name).to_be_visible(timeout=60_000)
    ends = "name => [name, name.parentElement].map(one => one.getBoundingClientRect().right)"
    name_ends, box_ends = name.evaluate(ends)
    assert abs(name_ends - box_ends) <= 3


def test_names_of_signs_close_together_do_not_cover_one_another(page: Page):
    page.goto("/sign?sticker.steps=5&sticker.batch=2&sign.way=18&network=tiny-vgg")  # takes one sign for two
    names = page.locator(".boxes span")
    expect(names).to_have_count(2, timeout=60_000)
    places = "all => all.map(one => one.getBoundingClientRect()).map(one => [one.left, one.right, one.top, one.bottom])"
    (left, right, top, bottom), (its_left, its_right, its_top, its_bottom) = names.evaluate_all(places)
    assert left < its_right and its_left < right  # one above the other
    assert its_bottom <= top + 1 or bottom <= its_top + 1


def test_a_drive_that_was_stopped_after_its_first_picture_is_shown(monkeypatch):
    def stopped(*asked, **dials):
        yield next(drive_by(*asked, **dials))

    monkeypatch.setattr("vizcore.adversarial.drive_by", stopped)
    app = finished(opened(PAGE, **FEW, **{"sign.way": "7"}))
    assert "went wrong" not in said(app) and canvas(app, "sign scene")["pictureWidth"] == 256
