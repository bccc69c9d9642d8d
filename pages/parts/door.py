"""The door: who may talk to the server, and which messages it hears. `app.py` stands it before everything else."""

import ipaddress
import socket
from urllib.parse import urlsplit

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

ANYWHERE = "0.0.0.0"  # where Streamlit listens when it is not told
UNKNOWN_NAME = "This server does not go by that name; whoever runs it can add names with --server.allowedHosts.\n"
OTHER_SITE = "This server answers to its own pages; whoever runs it can add sites with --server.corsAllowedOrigins.\n"
NO_METRICS = "This server keeps its metrics to itself.\n"
# What the browser of a reader sends. The other kinds are for developers: they clear the caches of all readers, or
# name the files of the repository.
FROM_READERS = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request", "backend_operation_request"}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine as it calls itself.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "127.0.0.1.elsewhere.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_address(host: str) -> bool:
    """Whether a host is a number rather than a name.

    >>> is_address("192.168.1.5"), is_address("elsewhere.org")
    (True, False)
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def knows(header: str, allowed: list[str], *, public: bool) -> bool:
    """Whether a Host header names this server.

    `allowed` is Streamlit's `server.allowedHosts`, which Streamlit itself asks for WebSockets alone; where it is
    given it decides, beside loopback. Otherwise a public server goes by any address, since no site can let an address
    point elsewhere, and by the machine's own name.

    >>> knows("localhost:8501", [], public=False), knows("rebound.elsewhere.org:8501", [], public=False)
    (True, False)
    >>> knows("192.168.1.5:8501", [], public=True), knows("192.168.1.5:8501", [], public=False)
    (True, False)
    >>> knows("lab.example.org", ["*.example.org"], public=True)
    True
    """
    try:
        parts = urlsplit(f"//{header}")
        host, _ = parts.hostname, parts.port  # a port that is no number is an error
    except ValueError:
        return False
    if not host or parts.netloc != header or "@" in header:
        return False
    host = host.rstrip(".")
    if is_loopback(host):
        return True
    if allowed:
        patterns = [one.strip().lower().rstrip(".") for one in allowed]
        return any(one in ("*", host) or (one.startswith("*.") and host.endswith(one[1:])) for one in patterns)
    return public and (is_address(host) or host == socket.gethostname().lower())


class Door:
    """ASGI middleware that turns strangers away: other names for this server, pages of other sites, odd messages.

    A site can let its own name point at this machine (DNS rebinding) and read along, or open a WebSocket from its
    page; browsers say so in the headers Host and Origin. Streamlit looks at WebSockets alone, and before it decides
    about another site's it asks an address outside this machine for its own; so it never hears of other sites here.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif refusal := refused(scope):
            await PlainTextResponse(*refusal)(scope, receive, send)
        elif scope["type"] == "websocket":
            own = [(name, value) for name, value in scope["headers"] if name != b"origin" or is_own(value, scope)]
            await self.app(scope | {"headers": own}, lambda: from_reader(receive), send)
        else:
            await self.app(scope, receive, send)


def refused(scope: Scope) -> tuple[str, int] | None:
    """Why a request is turned away, as a sentence and a status; None where it is welcome."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1 or not knows(hosts[0], st.get_option("server.allowedHosts"), public=not is_loopback(listens())):
        return UNKNOWN_NAME, 403
    welcome = {one.strip().encode() for one in st.get_option("server.corsAllowedOrigins")}
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    if not all(is_own(origin, scope) or origin in welcome for origin in origins):
        return OTHER_SITE, 403
    if scope["path"].rstrip("/").endswith("/_stcore/metrics"):
        return NO_METRICS, 403
    return None


def is_own(origin: bytes, scope: Scope) -> bool:
    """Whether an Origin header is a page of this very server, as the Host header calls it."""
    host = next(value for name, value in scope["headers"] if name == b"host")
    return origin.lower() in (b"http://" + host.lower(), b"https://" + host.lower())


async def from_reader(receive: Receive) -> Message:
    """The next message of a WebSocket that a reader's browser may send; what is no message ends the connection."""
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        try:
            kind = BackMsg.FromString(message.get("bytes") or b"").WhichOneof("type")
        except DecodeError:
            return {"type": "websocket.disconnect", "code": 1002}
        if kind in FROM_READERS:
            return message


def listens() -> str:
    """The address that the server listens on."""
    return st.get_option("server.address") or ANYWHERE
