"""A web server on loopback that has one file, and that serves it properly or in every wrong way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WeightsServer:
    """What the server does: the content it has, what goes wrong, and the ranges it was asked for."""

    content: bytes
    cut_after: int | None = None  # bytes of an answer, then the connection ends
    cuts: int = 10**9  # how often it is cut
    status: int = 200
    redirect: str = ""
    announced: int | None = None
    stalls_after: int | None = None
    ignores_range: bool = False
    stated: dict[str, str] = field(default_factory=dict)  # headers of its answer to HEAD, as a hub gives them
    renamed: bool = False  # everything has moved to /moved/... on the same server
    asked: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    address: str = ""


@contextmanager
def serving(content: bytes, **behaviour) -> Iterator[WeightsServer]:
    """Run the server for the block."""
    shop = WeightsServer(content, **behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            moved = shop.renamed and not self.path.startswith("/moved")
            self.send_response(307 if moved else 302 if shop.redirect else shop.status)
            if moved:
                self.send_header("Location", "/moved" + self.path)
            else:
                if shop.redirect:
                    self.send_header("Location", shop.redirect)
                for name, value in shop.stated.items():
                    self.send_header(name, value)
            self.end_headers()

        def do_GET(self):
            wanted = self.headers.get("Range")
            shop.asked.append(wanted)
            if shop.redirect:
                self.send_response(302)
                self.send_header("Location", shop.redirect)
                self.end_headers()
                return
            if shop.status != 200:
                self.send_error(shop.status)
                return
            start = 0
            if wanted and not shop.ignores_range:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(shop.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(shop.content) - 1}/{len(shop.content)}")
            else:
                self.send_response(200)
            answer = shop.content[start:]
            self.send_header("Content-Length", str(len(answer) if shop.announced is None else shop.announced))
            self.end_headers()
            if shop.cut_after is not None and shop.cuts > 0:
                shop.cuts -= 1
                answer = answer[: shop.cut_after]
            if shop.stalls_after is not None:
                self.wfile.write(answer[: shop.stalls_after])
                shop.released.wait(30)
                return
            self.wfile.write(answer)

        def log_message(self, *line):
            pass

        def handle(self):
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    shop.address = f"http://127.0.0.1:{server.server_port}/models"
    try:
        yield shop
    finally:
        shop.released.set()
        server.shutdown()
        server.server_close()
