"""What strangers can do to a server: `python -m benchmarks.hostile [REQUESTS] [MINUTES]`.

So many hostile requests, drawn with a seed, against a dashboard served on loopback: odd addresses, foreign names and
sites, WebSocket frames that no browser sends, pages asked for with rubbish in the address, and once each of the hostile
files of the tests, uploaded as a reader would. It stops by itself, prints what was answered, and fails unless the
server is well in the end: healthy, no fatter than it may be, no file in its cache that was not there at first, nothing
asked of the outside, no stack trace in its log, no code of a file run.
"""

import asyncio
import os
import random
import re
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.hostile import hostile_files
from tests.pictures import encoded, gradient, png
from tests.served import answers, ask, serve
from vizcore import last, open_probe
from vizcore.corpora import build_index, open_corpus, pixels

SEED = 0
MEGABYTES = 200  # that the server may have more in the end
LARGEST = 2**26  # bytes of a file that is uploaded
PATIENCE = 60  # seconds for one request
PAGES_EVERY = 200  # requests, of which one runs a whole page
WORDS = ["..", "%2e%2e", "%00", "\\", "//", "etc/passwd", "~", "_stcore", "media", "component", "é", "%ff", "a" * 900]
WORDS += ["'", "{}"]
HOSTS = [
    "elsewhere.org",
    "localhost.elsewhere.org",
    "203.0.113.7",
    "[::",
    "a@b",
    "localhost:0x1f",
    "",
    "\u00e9",
    "x" * 4000,
]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]
VALUES = [
    "",
    "../../etc/passwd",
    "<script>",
    "`![](//elsewhere.org/a.png)",
    "0" * 400,
    "-1",
    "\0",
    "scores:99999",
    "nan",
    "🐍",
]
STREAM, SMALL = "/_stcore/stream", {"network": "tiny-vgg"}


def odd_address(url: str, draw: random.Random) -> str:
    """A path, a method and a query that no page of ours has."""
    path = "/" + "/".join(draw.choice(WORDS) for _ in range(draw.randint(1, 6)))
    return str(ask(url, f"{path}?{draw.choice(VALUES[:3])}".replace(" ", ""), draw.choice(METHODS))[0])


def foreign(url: str, draw: random.Random) -> str:
    """Somebody else's name, or the page of another site."""
    name = draw.choice(HOSTS)
    given = {"Host": name} if draw.random() < 0.5 else {"Origin": f"http://{name}"}
    return str(ask(url, draw.choice(["/", STREAM, "/_stcore/metrics", "/_stcore/health"]), **given)[0])


def no_upload(url: str, draw: random.Random) -> str:
    """A file for a session that there is not, with a token of our own making."""
    body = draw.randbytes(draw.randint(0, 4000))
    path = f"/_stcore/upload_file/{quote(draw.choice(VALUES))}/{draw.randint(0, 9)}"
    return str(
        ask(url, path, "PUT", body=body, Content_Length=str(len(body)), X_Xsrftoken="x", Cookie="_streamlit_xsrf=x")[0]
    )


def no_http(url: str, draw: random.Random) -> str:
    """Bytes that are no request; the answer is an error, or the end of the connection."""
    home = urlsplit(url)
    with socket.create_connection((home.hostname, home.port), timeout=30) as line, suppress(OSError):
        line.sendall(draw.choice([draw.randbytes(300), b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n"]))
        line.shutdown(socket.SHUT_WR)
        return ([*line.recv(100).split(b" "), b"", b"closed"])[1].decode("latin-1") or "closed"
    return "closed"


async def frames(url: str, draw: random.Random) -> str:
    """A WebSocket on which comes what no browser sends."""
    with suppress(WebSocketException, OSError):
        async with connect(url.replace("http", "ws") + STREAM, subprotocols=["streamlit"], max_size=None) as line:
            for _ in range(draw.randint(1, 4)):
                kind = draw.randrange(5)
                if kind == 0:
                    await line.send(draw.choice(["hello", "{}", "\0" * 3000]))
                elif kind == 1:
                    await line.send(draw.randbytes(draw.randint(1, 4000)))
                elif kind == 2:
                    await line.send(
                        draw.choice([BackMsg(clear_cache=True), BackMsg(load_git_info=True)]).SerializeToString()
                    )
                elif kind == 3:
                    await line.ping(draw.randbytes(100))
                else:
                    line.transport.write(draw.randbytes(40))  # frames that break the protocol
            return "open"
    return "closed"


async def odd_page(url: str, draw: random.Random) -> str:
    """A whole page, asked for with rubbish in the address."""
    names = ["network", "image", "unit", "cam.layer", "corpus", "grad_cam.both_signs", "cam.method"]
    asked = {name: draw.choice(VALUES) for name in draw.sample(names, 3)}
    page = draw.choice(["", "cam", "network", "activations", "nowhere", "../app"])
    async with connect(url.replace("http", "ws") + STREAM, subprotocols=["streamlit"], max_size=None) as line:
        await run(line, page, SMALL | asked)
        return "page"


async def run(
    line: ClientConnection, page: str, asked: dict[str, str], message: BackMsg | None = None
) -> dict[str, str]:
    """Let a page run to its end; the file widgets on it, by what they are called."""
    message, found = message or BackMsg(), {}
    message.rerun_script.query_string, message.rerun_script.page_name = urlencode(asked), page
    await line.send(message.SerializeToString())
    async with asyncio.timeout(PATIENCE):
        async for received in line:
            heard = ForwardMsg.FromString(received)
            kind = heard.WhichOneof("type")
            if kind == "delta" and (widget := heard.delta.new_element.file_uploader).id:
                found[widget.label] = widget.id
            elif kind == "script_finished" and heard.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                break
    return found


async def drop(url: str, page: str, label: str, files: list[tuple[str, bytes]]) -> Counter:
    """Files dropped on a page, one after the other, as a browser does it: an address is asked for, the file is sent,
    the widget set. What each was answered."""
    told: Counter = Counter()
    async with connect(url.replace("http", "ws") + STREAM, subprotocols=["streamlit"], max_size=None) as line:
        widgets = await run(line, page, SMALL)
        for name, content in files:
            [widget] = [one for called, one in widgets.items() if label in called]
            wanted = BackMsg()
            wanted.file_urls_request.request_id, wanted.file_urls_request.file_names[:] = "1", [name]
            await line.send(wanted.SerializeToString())
            async for received in line:
                if (heard := ForwardMsg.FromString(received)).WhichOneof("type") == "file_urls_response":
                    break
            [place] = heard.file_urls_response.file_urls
            told[str(await asyncio.to_thread(put, url, place.upload_url, name, content))] += 1
            message = BackMsg()
            state = message.rerun_script.widget_states.widgets.add(id=widget)
            state.file_uploader_state_value.uploaded_file_info.append(
                UploadedFileInfo(name=name, size=len(content), file_id=place.file_id, file_urls=place)
            )
            widgets = await run(line, page, SMALL, message)
    return told


def put(url: str, path: str, name: str, content: bytes) -> int:
    """Send a file to the address it was given, with the server's own token."""
    token = "2|0|0|0"
    home = urlsplit(url)
    with socket.create_connection((home.hostname, home.port), timeout=60) as line:
        line.sendall(f"GET /_stcore/health HTTP/1.1\r\nHost: {home.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := line.recv(65536):
            answer += part
        if found := re.search(rb"_streamlit_xsrf=([^;\r]+)", answer):
            token = found[1].decode()
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{quote(name)}"\r\n\r\n'.encode()
    body = head + content + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    headers = {"Content_Length": str(len(body)), "Content_Type": kind, "X_Xsrftoken": token}
    return ask(url, path, "PUT", body=body, Cookie=f"_streamlit_xsrf={token}", **headers)[0]


def files(folder: Path) -> Iterator[tuple[str, str, list[tuple[str, bytes]]]]:
    """The hostile files that can be sent: the page each is dropped on, words of its widget, names and contents."""
    weights = hostile_files(folder, folder / "proof")
    small = {name: path for name, path in weights.items() if path.stat().st_size < LARGEST}
    yield "", "safetensors", [(path.name, path.read_bytes()) for path in small.values()]
    half = encoded(gradient(400, 400), "JPEG")
    pictures = [png(100_000, 100_000, b""), half[: len(half) // 2], b"<svg/>", b"\x89PNG\r\n\x1a\n", b"", bytes(5000)]
    yield "", "photograph", [(f"`![](http:)`{number}.png", content) for number, content in enumerate(pictures)]
    zips = [path for name, path in small.items() if "zip" in name]
    yield "neighbors", "zip", [(f"../{path.stem}.zip", path.read_bytes()) for path in zips]


def prepare(cache: Path) -> None:
    """Make what pages keep of our own collections beforehand, so that any file more is one of the strangers'."""
    os.environ["VIZCORE_CACHE"] = str(cache)
    tiles = open_corpus("tiles")
    last(build_index(open_probe(SMALL["network"]), tiles))
    pixels(tiles)


def held(cache: Path) -> set[Path]:
    """Every file in the cache but locks."""
    return {path for path in cache.rglob("*") if path.is_file() and "lock" not in path.name}


def megabytes(server: int) -> float:
    """The resident memory of a process."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server}/status").read_text())[1]) / 1024


def settle(server: int, seconds: int = 120) -> None:
    """Wait until a process has come to rest, for closed sessions and their jobs are let go one by one."""
    used, until = -1.0, time.monotonic() + seconds
    while (now := processor_seconds(server)) > used + 0.2 and time.monotonic() < until:
        used = now
        time.sleep(5)


def processor_seconds(server: int) -> float:
    """The processor time that a process has used."""
    numbers = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def children() -> list[int]:
    """The processes that this one started."""
    return [int(one) for one in Path(f"/proc/self/task/{socket.os.getpid()}/children").read_text().split()]


async def storm(url: str, requests: int, seconds: float) -> Counter:
    """So many requests, as long as there is time; what each got, by its kind."""
    draw, told, until = random.Random(SEED), Counter(), time.monotonic() + seconds
    for number in range(requests):
        if time.monotonic() > until:
            print(f"time is up after {number} requests")
            break
        if number % PAGES_EVERY == 0:
            attack = odd_page
        else:
            attack = draw.choice([odd_address, foreign, no_upload, no_http, frames])
        try:  # half a frame leaves both ends waiting for the other half
            async with asyncio.timeout(PATIENCE):
                if asyncio.iscoroutinefunction(attack):
                    got = await attack(url, draw)
                else:
                    got = await asyncio.to_thread(attack, url, draw)
        except TimeoutError:
            got = "waiting"
        told[attack.__name__, got] += 1
    return told


def main() -> int:
    """Print what was answered, and what is wrong in the end."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as place, socket.create_server(("127.0.0.1", 0)) as proxy:
        folder, outside = Path(place), f"127.0.0.1:{proxy.getsockname()[1]}"
        proxy.setblocking(False)
        (folder / "files").mkdir()
        prepare(folder / "cache")
        with serve(folder / "log.txt", folder / "cache", proxy=outside) as url:
            [server] = children()
            draw = random.Random(SEED)
            for _ in range(10):  # so that what every page needs once is there
                asyncio.run(odd_page(url, draw))
            settle(server)
            before, there = megabytes(server), held(folder / "cache")
            told = asyncio.run(storm(url, requests, 60 * minutes))
            for page, label, some in files(folder / "files"):
                for got, times in asyncio.run(drop(url, page, label, some)).items():
                    told["file for " + label, got] += times
            settle(server)
            after, healthy = megabytes(server), answers(url)
        for (kind, got), times in sorted(told.items()):
            print(f"{kind:22} {got:>8} {times:7,}")
        print(f"resident memory {before:.0f} MB before, {after:.0f} MB after")
        log = (folder / "log.txt").read_text()
        left = held(folder / "cache") - there
        with suppress(BlockingIOError):
            proxy.accept()
            print("FAILED: the server asked for something outside")
            return 1
        wrong = {
            "the server is not healthy": not healthy,
            f"it has {after - before:.0f} MB more than before": after - before > MEGABYTES,
            f"its cache holds {sorted(str(path.relative_to(folder)) for path in left)}": bool(left),
            f"its log holds {log.count('Traceback')} stack traces, the last ends\n{log[-1500:]}": "Traceback" in log,
            "code in a file was run": (folder / "files" / "proof").exists(),
        }
    for what in (what for what, is_so in wrong.items() if is_so):
        print(f"FAILED: {what}")
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
