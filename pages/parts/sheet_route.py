"""Sheets by address: how a browser fetches a file of many pictures once and keeps it, whatever the page does.

address(path)    where a browser finds a file from now on
ROUTE            the route, for `app.py`
"""

from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

HOME = f"/{st.get_option('server.baseUrlPath')}/sheet".replace("//", "/")
KEPT = "private, max-age=86400"
SERVED: dict[str, Path] = {}  # by what follows HOME in their addresses; no other file leaves by this route


def address(path: Path) -> str:
    """Where a browser finds this file; another one when the file was written anew."""
    name = f"{path.parent.name}/{path.stat().st_mtime_ns:x}/{path.name}"
    SERVED[name] = path
    return f"{HOME}/{name}"


async def sheet(request: Request) -> Response:
    """Send one file that a page gave an address."""
    path = SERVED.get(request.path_params["name"])
    if path is None or not path.is_file():
        return PlainTextResponse("There is no such sheet; load the page again.", 404)
    return FileResponse(path, headers={"Cache-Control": KEPT})


ROUTE = Route(HOME + "/{name:path}", sheet, methods=["GET"])
