"""The app as its readers meet it: a server of its own, and a Chromium that can reach nothing else.

Shared by the browser tests and `benchmarks/browser.py`; `python -m tests.served` says which Chromium they use.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
NO_CHROMIUM = "no Chromium on this machine; `make test` installs one where it can"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def awaited(coroutine: Coroutine) -> Any:
    """What a coroutine gives, in a thread of its own: where a browser was opened, this one has a loop that runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def chromium() -> str | None:
    """The Chromium to drive: the system's, else the one Playwright has downloaded, else None."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(url: str) -> bool:
    """Whether the server at this address says that it is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_stcore/health", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, path: str = "/", method: str = "GET", *, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """The status and the body that a raw request gets; `Host` is as given, else the server's own."""
    home = urlsplit(url)
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in ({"Host": home.netloc} | headers).items()]
    with closing(socket.create_connection((home.hostname, home.port), timeout=30)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body)
        answer = b""
        while b"\r\n\r\n" not in answer and (part := connection.recv(65536)):
            answer += part
        head, _, content = answer.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        length = 0 if method == "HEAD" else int(fields.get(b"content-length", 0))
        while len(content) < length and (part := connection.recv(65536)):
            content += part
    return int(head.split()[1]), content.decode("utf-8", "replace")


@contextmanager
def serve(
    log: Path,
    cache: Path,
    app: Path = ROOT / "app.py",
    patience: float = 60,
    *,
    port: int = 0,
    proxy: str = "127.0.0.1:9",
    options: Sequence[str] = (),
    corpora: Sequence[Path] = (),
) -> Iterator[str]:
    """Serve the app on loopback until the block ends, on a free port if none is given; gives its address.

    `log` receives all it prints, `cache` stands in for the reader's cache folder, `options` are Streamlit's, and
    `corpora` are the folders that the pages offer.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    # Nothing listens on port 9: a server that asks the internet for something finds itself offline.
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), f"http://{proxy}")
    environment = os.environ | offline | {"NO_PROXY": "127.0.0.1,localhost", "VIZCORE_CACHE": str(cache)}
    environment["VIZCORE_CORPORA"] = os.pathsep.join(map(str, corpora))
    command = [sys.executable, "-m", "streamlit", "run", str(app)]
    command += ["--server.port", str(port), *options]
    with open(log, "wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + patience
        while not answers(url):
            if server.poll() is not None:
                raise RuntimeError(f"the server stopped at once with code {server.returncode}:\n{log.read_text()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server did not answer within {patience:.0f} s:\n{log.read_text()}")
            time.sleep(0.02)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def open_chromium(path: str) -> Iterator[Browser]:
    """A headless Chromium for which every address but loopback does not exist; its camera plays a test picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def watch(page: Page, url: str) -> list[str]:
    """A list that fills with the address of every request and WebSocket of the page that goes elsewhere than `url`."""
    elsewhere: list[str] = []
    home = urlsplit(url).netloc

    def note(request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc != home:
            elsewhere.append(request.url)

    page.on("request", note)
    page.on("websocket", note)
    return elsewhere


if __name__ == "__main__":
    path = chromium()
    if path is None:
        sys.exit(1)
    print(f"Browser tests use {path}")
