"""How much a server takes in at once: before a page sees what a browser sends, it is held in memory."""

import streamlit as st
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance

ADDRESS = "/_stcore/upload_file/"
SESSIONS = 4  # as many sessions may have a largest file in memory at once
FILES = 16  # that a session may have in memory; a page that takes a file lets it go


class UploadLimit:
    """Middleware that refuses a file when its session, or all of them together, would hold more than allowed.

    Anybody with a socket may send files, as many as they like, and Streamlit keeps them until the session ends. Here
    a session may hold as much as one largest file (`server.maxUploadSize`), and everybody together SESSIONS times that.
    """

    def __init__(self, app: ASGIApp):
        self.app = app
        self.coming: dict[str, list[int]] = {}  # bytes on their way, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or ADDRESS not in scope["path"]:
            await self.app(scope, receive, send)
            return
        session = scope["path"].partition(ADDRESS)[2].partition("/")[0]
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit() or len(length) > 15:
            await PlainTextResponse("say how long the file is", 411)(scope, receive, send)
            return
        if not self.fits(session, int(length)):
            await PlainTextResponse("there is no room for this file now", 413)(scope, receive, send)
            return
        self.coming.setdefault(session, []).append(int(length))
        try:
            await self.app(scope, receive, send)
        finally:
            self.coming[session].remove(int(length))
            if not self.coming[session]:
                del self.coming[session]

    def fits(self, session: str, length: int) -> bool:
        """Whether so many bytes more are allowed."""
        one = st.get_option("server.maxUploadSize") * 2**20 + 2**16  # the frame around a file is part of its length
        sizes = {name: list(coming) for name, coming in self.coming.items()}
        for name, files in list(get_instance().uploaded_file_mgr.file_storage.items()):
            sizes.setdefault(name, []).extend(len(file.data) for file in list(files.values()))
        mine = sizes.get(session, [])
        return (
            len(mine) < FILES
            and sum(mine) + length <= one
            and sum(map(sum, sizes.values())) + length <= SESSIONS * one
        )
