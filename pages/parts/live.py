"""Live frames: the route by which pictures come from a browser and what was seen in them goes back, without a run of
the page.

opened(about, look)    the session's stream; its `address` is where frames are sent, `look(content, asked)` answers one
ROUTE                  the route, for `app.py`

A route knows no session, so the address holds an unguessable name that leads to what the page opened: a stream, with
what looks at its frames. It ends with the session. Of the frames of one stream the newest is answered.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

LARGEST = 256 * 1024  # bytes of a frame that comes
WAITING = 8  # frames of a stream that may be under way at once
POOL = ThreadPoolExecutor(4, thread_name_prefix="live")
OPEN: dict[str, "Stream"] = {}  # by the names that lead to them
HOME = f"/{st.get_option('server.baseUrlPath')}/live".replace("//", "/")
OVER = "This page's session is over; load the page again."


class Stream:
    """What a session's frames are shown to, and which of them is the newest.

    `look` answers a frame, a file, and what is asked about it; `about` tells what it looks with.
    """

    def __init__(self, about: Any, look: Callable[[bytes, Mapping[str, str]], bytes]):
        self.about, self.look = about, look
        self.name = secrets.token_urlsafe(24)
        self.newest = 0
        self.waiting = 0
        self.turn = asyncio.Lock()

    @property
    def address(self) -> str:
        """Where its frames are sent."""
        return f"{HOME}/{self.name}"

    async def answer(self, work: Callable[[], bytes]) -> tuple[bytes, float] | None:
        """What `work` gives, once the frame before it is done, and its milliseconds; None where a newer frame came."""
        self.newest = mine = self.newest + 1
        self.waiting += 1
        try:
            async with self.turn:
                if mine != self.newest:
                    return None
                began = time.perf_counter()
                found = await asyncio.get_running_loop().run_in_executor(POOL, work)
                return found, 1000 * (time.perf_counter() - began)
        finally:
            self.waiting -= 1


async def frame(request: Request) -> Response:
    """Answer one frame: the picture is the body, what is asked about it the query."""
    from pages.parts.calm import sentence  # here, so that the server does not wait for torch before it listens

    stream = OPEN.get(request.path_params["name"])
    if stream is None:
        return PlainTextResponse(OVER, 404)
    if stream.waiting >= WAITING:
        return PlainTextResponse("Too many frames are under way; wait for an answer.", 429)
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST:
            return PlainTextResponse(f"A frame may have {LARGEST // 1024} kB.", 413)
    try:
        found = await stream.answer(lambda: stream.look(bytes(content), request.query_params))
    except Exception as error:
        return PlainTextResponse(sentence(error), 400)
    if found is None:
        return Response(status_code=204)
    answer, took = found
    headers = {"Cache-Control": "no-store", "Server-Timing": f"look;dur={took:.0f}"}
    return Response(answer, media_type="application/octet-stream", headers=headers)


ROUTE = Route(HOME + "/{name}", frame, methods=["POST"])


def close(streams: list[Stream]) -> None:
    """Let go of the streams of a session that ends."""
    for stream in streams:
        OPEN.pop(stream.name, None)
    streams.clear()


@st.cache_resource(scope="session", on_release=close, show_spinner=False)
def streams() -> list[Stream]:
    """This session's stream, if it has opened one."""
    return []


def opened(about: Any, look: Callable[[bytes, Mapping[str, str]], bytes]) -> Stream:
    """The session's stream about something; the one about something else is closed."""
    mine = streams()
    if not mine or mine[0].about != about:
        close(mine)
        mine.append(Stream(about, look))
        OPEN[mine[0].name] = mine[0]
    return mine[0]
