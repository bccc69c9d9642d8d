"""The studio: dials turned on the way reach the run, what is held waits, and what went by can be gone back to."""

import itertools
import re
import threading
import time

import pytest

from pages.parts import learn
from pages.parts.show import percent
from pages.parts.studio import KEPT, Desk
from tests.pages.drawn import drawn
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said
from vizcore import open_probe
from vizcore.frames import Frame
from vizcore.imaging import render


def count(steps: int):
    """Numbers as frames, by a pace that may be sent."""
    number, pace = 0, 1
    for step in range(1, steps + 1):
        number += pace
        pace = ((yield Frame(step, steps, number)) or {}).get("pace", pace)


def test_a_dial_that_is_turned_counts_from_the_next_step_on_and_is_told():
    desk = Desk({"pace": 1, "other": 5})
    run, found = desk.played(count(5)), []
    for frame in run:
        found.append(frame.picture)
        desk.turn({"pace": 1 if frame.step < 3 else 10, "other": 5})
    assert found == [1, 2, 3, 13, 23]
    assert desk.told == [(3, {"pace": 10})]


def test_turning_nothing_is_the_run_itself():
    desk = Desk({"pace": 1})
    assert [frame.picture for frame in desk.played(count(4))] == [1, 2, 3, 4] and desk.told == []


def test_a_run_that_is_held_waits_until_it_may_go_on():
    desk, found = Desk({}), []
    run = desk.played(count(3))
    found.append(next(run).picture)
    desk.held = True
    thread = threading.Thread(target=lambda: found.extend(frame.picture for frame in run))
    thread.start()
    time.sleep(0.3)
    assert found == [1]
    desk.held = False
    thread.join(30)
    assert found == [1, 2, 3]


@pytest.mark.parametrize("steps", [3, KEPT, 200])
def test_what_went_by_is_kept_evenly_and_within_bounds(steps):
    desk = Desk({})
    for _ in desk.played(count(steps)):
        pass
    kept = [frame.step for frame in desk.past]
    assert kept[0] == 1 and len(kept) <= KEPT and (steps > KEPT or kept == list(range(1, steps + 1)))
    assert len({later - earlier for earlier, later in itertools.pairwise(kept)}) <= 1


def test_a_branch_begins_with_the_picture_gone_back_to_and_what_was_reached_stays_beside_it():
    app = finished(opened("visualize.py", unit="scores:19", **{"visualize.steps": "16"}))
    app.select_slider("past visualize").set_value(4).run()
    app.button("off visualize").click().run()
    app = finished(app)
    assert "went wrong" not in said(app)
    assert any("begun with the picture of step 4" in caption.value for caption in app.caption)
    assert drawn(app).count('alt="an earlier branch"') == 1
    app.button("cut").click().run()
    app = finished(app)
    assert not any("begun with the picture" in caption.value for caption in app.caption)


def test_of_a_step_gone_back_to_the_answers_are_shown_and_the_picture_is_taken_away(monkeypatch):
    taken = {}
    monkeypatch.setattr("pages.parts.learn.below", lambda *asked, **given: taken.update(given))
    app = finished(opened("visualize.py", unit="scores:19", **{"visualize.steps": "16"}))
    latest = learn.made(taken["data"])
    app.select_slider("past visualize").set_value(4).run()
    earlier = learn.made(taken["data"])
    assert earlier.shape == latest.shape and not earlier.equal(latest)
    assert taken["picture"]().equal(render.grid(earlier.reshape(-1, *earlier.shape[-3:]), 4, gap=4))
    best = open_probe("tiny-vgg").predict(earlier if earlier.ndim == 3 else earlier[0], k=1)[0]
    first = re.search(r'class="share">(.*?)<', drawn(app))[1]
    assert first == percent(best.probability)
