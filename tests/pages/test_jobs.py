"""Jobs: they stop at once, keep what they reached, give way to pages, and say what went wrong."""

import os
import sys
import threading
import time

import pytest
import torch
from playwright.sync_api import Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed
from streamlit.testing.v1 import AppTest

from pages.parts.jobs import GIVES_WAY, Job
from vizcore import Frame, open_probe
from vizcore.probe.fair_lock import IN_BACKGROUND


def test_a_job_stops_within_a_step_and_keeps_its_last_frame():
    closed = []

    def frames():
        try:
            yield from range(10**9)
        finally:
            closed.append(True)

    job = Job(frames)
    job.stop()
    job.thread.join(10)
    assert job.done and closed and not job.going
    assert isinstance(job.latest, int)


def test_a_job_that_fails_keeps_its_last_frame_and_says_why():
    def frames():
        yield 1
        raise ValueError("the server hung up")

    job = Job(frames)
    job.thread.join(10)
    assert (job.latest, job.problem, job.done) == (1, "The server hung up.", True)


def test_a_job_stops_between_two_layers_when_no_frame_is_near():
    probe, begun, closed = open_probe("tiny-vgg"), threading.Event(), []

    def frames():
        try:
            yield "the first"
            while True:
                probe.run(torch.rand(1, 3, 64, 64))
                begun.set()
        finally:
            closed.append(True)

    job = Job(frames)
    assert begun.wait(30)
    job.stop()
    job.thread.join(30)
    assert job.done and closed and not job.problem
    assert job.latest == "the first"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_what_a_page_computes_itself_ends_with_its_session():
    def page():
        import streamlit as st

        from pages.parts.jobs import session_over, within_session
        from vizcore import bundled_image, open_probe

        with within_session():
            st.text(open_probe("tiny-vgg").predict(bundled_image("cat"))[0].label)
            session_over().set()  # as when the tab is closed
            open_probe("tiny-vgg").predict(bundled_image("coffee"))
            st.text("nobody reads this")

    app = AppTest.from_function(page, default_timeout=60).run()
    assert len(app.text) == 1 and not app.exception


def test_a_job_gives_way_to_pages():
    me = os.PRIO_PROCESS, threading.get_native_id()
    before, found = os.getpriority(*me), []

    def frames():
        yield found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    Job(frames).thread.join(10)
    assert found == [min(19, before + GIVES_WAY)]
    assert os.getpriority(*me) == before


def waiting() -> None:
    """A page with a job that has no frame before somebody stops it."""
    import itertools
    import time

    import streamlit as st

    from pages.parts import jobs
    from vizcore.probe.cancel import check_cancel

    def frames():
        for _ in itertools.count():
            time.sleep(0.01)
            check_cancel()
        yield

    jobs.ask("one", 1, frames)
    jobs.watch("one", lambda frame: st.text("a frame"))


def test_what_is_stopped_before_its_first_frame_may_be_run_again():
    app = AppTest.from_function(waiting).run()
    app.button("stop one").click().run()
    assert [caption.value for caption in app.caption] == ["Stopped before the first."]
    app.button("again one").click().run()
    assert not app.caption and app.button("stop one")
    app.button("stop one").click().run()


def at_once() -> None:
    """A page with a job that is over before the page is drawn, which counts how often it runs."""
    import streamlit as st

    from pages.parts import jobs
    from vizcore import Frame

    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    jobs.ask("one", 1, lambda: iter([Frame(1, 1, "seen")]), patience=10)
    jobs.watch("one", lambda frame: st.text(frame.picture))


def test_a_page_that_waited_for_a_short_job_does_not_run_twice():
    app = AppTest.from_function(at_once).run()
    assert [text.value for text in app.text] == ["seen"]
    assert app.session_state["runs"] == 1


def test_stop_in_a_browser_leaves_the_map_as_far_as_it_was(page: Page):
    page.goto("/occlusion?occlusion.patch=8&occlusion.stride=1&network=tiny-vgg")
    page.locator(".st-key-occlusion-map .heat").wait_for()
    page.locator(".st-key-stop-occlusion button").click()
    expect(page.get_by_text("of 3249.")).to_be_visible()
    expect(page.locator(".st-key-stop-occlusion")).to_have_count(0)
    expect(page.get_by_text("Where covering hurts most")).to_be_visible()


@pytest.mark.parametrize(("behind", "expected"), [(False, [False, True, True]), (True, [True, True, True])])
def test_only_the_first_frame_of_a_job_comes_before_background_work(behind, expected):
    """And of one that runs behind the answers not even that."""
    found = []

    def frames():
        for _ in range(3):
            yield found.append(IN_BACKGROUND.get())

    Job(frames, behind=behind).thread.join(timeout=30)
    assert found == expected


def test_no_picture_is_sent_as_a_hash_of_one_that_the_browser_may_have_let_go():
    message = ForwardMsg()
    message.delta.new_element.markdown.body = "a picture of a million letters " * 32_000
    populate_hash_if_needed(message)
    assert message.hash and not message.metadata.cacheable


def test_the_time_left_does_not_count_what_was_there_before_the_run():
    """A download or an index that goes on begins far from nothing."""
    reached, go_on = threading.Event(), threading.Event()

    def frames():
        yield Frame(900, 1000, None)
        time.sleep(0.2)
        yield Frame(910, 1000, None)
        reached.set()
        go_on.wait(10)

    job = Job(frames)
    assert reached.wait(10)
    left = job.seconds_left
    go_on.set()
    assert 1.5 < left < 10, "ten took a fifth of a second, so ninety take nine times as long"
