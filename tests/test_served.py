"""The test bench itself: what leaves the machine is noticed, and a server that cannot start says why."""

import threading

import pytest

from tests.served import awaited, serve, watch

HOME = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "content",
    [
        '<img src="http://elsewhere.invalid/picture.png">',
        '<link rel="stylesheet" href="https://203.0.113.7/style.css">',
        '<script>new WebSocket("ws://elsewhere.invalid/stream")</script>',
    ],
)
def test_a_request_that_leaves_the_machine_is_noticed(browser, content):
    with browser.new_page() as page:
        elsewhere = watch(page, HOME)
        page.set_content(content, wait_until="commit")
        page.wait_for_timeout(300)
        assert len(elsewhere) == 1


def test_what_stays_on_the_machine_is_not(browser):
    with browser.new_page() as page:
        elsewhere = watch(page, HOME)
        page.set_content(f'<img src="{HOME}/a.png"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">')
        assert elsewhere == []


def test_a_server_that_cannot_start_says_why(tmp_path):
    app = tmp_path / "nothing.py"
    with pytest.raises(RuntimeError, match=r"(?s)stopped at once.*nothing\.py"), serve(tmp_path / "log", tmp_path, app):
        pass


def test_a_server_that_is_over_leaves_no_thread_in_the_network():
    """One that still warms up, when the process ends, would abort it."""
    from app import app, lifespan

    async def visit() -> None:
        async with lifespan(app):
            pass

    awaited(visit())
    assert "warm" not in [thread.name for thread in threading.enumerate()]
