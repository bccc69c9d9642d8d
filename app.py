"""The server: `streamlit run app.py`. The network is opened while the first reader's browser is still loading.

It listens on this machine alone; `--server.address 0.0.0.0` (`make run PUBLIC=1`) opens it to the network.
"""

import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from starlette.middleware import Middleware

from pages.parts.door import Door, is_loopback, listens
from pages.parts.live import ROUTE as LIVE
from pages.parts.sheet_route import ROUTE as SHEETS
from pages.parts.upload_limit import UploadLimit

PUBLIC = """
ConvScope listens on the network, without a password and without encryption: whoever reaches this machine can use its
processor, upload files, and see the folders of pictures and the networks that it offers. Stop it when you are done."""


def addresses() -> list[str]:
    """Where readers find the server."""
    if is_loopback(listens()):
        hosts = ["localhost"]
    elif listens() in ("0.0.0.0", "::"):
        hosts = ["localhost", socket.gethostname(), *outward_address(), *st.get_option("server.allowedHosts")]
        hosts = [host for host in hosts if "*" not in host]
    else:
        hosts = [listens()]
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    return [f"{scheme}://{host}:{st.get_option('server.port')}" for host in dict.fromkeys(hosts)]


def outward_address() -> list[str]:
    """The address under which this machine's network knows it, if it has one; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        try:
            outward.connect(("192.0.2.1", 9))  # an address kept for examples; only the way there is looked up
        except OSError:
            return []
        return [outward.getsockname()[0]]


def greet() -> None:
    """Print where the server is to be found, and what it means where that is not this machine alone."""
    if not is_loopback(listens()):
        print(PUBLIC)
    print(f"ConvScope: {'  '.join(addresses())}  (Ctrl-C stops it)", flush=True)


def warm(over: threading.Event) -> None:
    """Do what the first reader would otherwise wait for: import torch, open the first network, run it once.

    What readers of servers that ended left behind is deleted. It ends early where the server is over before.
    """
    import vizcore  # noqa: F401 (first: of two threads that import a package, one by a part of it, one may find half)
    from pages.parts import uploads
    from vizcore.folders import cache_folder
    from vizcore.imaging import bundled_image
    from vizcore.probe import Cancelled, cancel_when
    from vizcore.zoo import open_probe

    with suppress(Cancelled), cancel_when(over.is_set):
        open_probe("efficientnet-lite0").predict(bundled_image("cat"))
    with suppress(OSError):  # a server that can write nowhere keeps no uploads either, and says so when one comes
        uploads.home(cache_folder("own"))


def decode(over: threading.Event) -> None:
    """Decode the gallery, whose thumbnails stand on every page, while another processor opens the network."""
    import vizcore  # noqa: F401 (first, as above)
    from vizcore.imaging import bundled_image, bundled_names

    for name in bundled_names():
        if over.is_set():
            return
        bundled_image(name)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Start warming, and answer meanwhile. A thread that is cut off within torch would abort the process."""
    greet()
    over = threading.Event()
    warming = [threading.Thread(target=task, args=(over,), daemon=True, name=task.__name__) for task in (warm, decode)]
    for thread in warming:
        thread.start()
    yield
    over.set()
    for thread in warming:
        thread.join()


app = st.App(
    "pages/index.py",
    routes=[LIVE, SHEETS],
    lifespan=lifespan,
    middleware=[Middleware(Door), Middleware(UploadLimit)],
)
