"""The door: raw requests on loopback, as a browser would send them for a page of somebody else."""

import base64
import os
import socket
from urllib.parse import urlsplit

import pytest
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg

from pages.parts.door import NO_METRICS, OTHER_SITE, UNKNOWN_NAME, from_reader, refused
from tests.served import ask, awaited, serve

STRANGERS = [
    "elsewhere.org",
    "elsewhere.org:{port}",
    "localhost.elsewhere.org",
    "127.0.0.1.elsewhere.org:{port}",
    "203.0.113.7:{port}",
    "localhost:{port}@elsewhere.org",
    "elsewhere.org#localhost",
    "localhost:port",
    "localhost/../elsewhere.org",
    "[::1",
    "",
]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    "Sec-WebSocket-Protocol": "streamlit",
}


def scope(host: str, origin: str | None = None, path: str = "/") -> dict:
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
    return {"type": "http", "path": path, "headers": headers}


@pytest.fixture
def option(monkeypatch):
    """Set an option of Streamlit for one test."""
    kept = {}

    def set_option(name: str, value: object) -> None:
        kept.setdefault(name, config.get_option(name))
        config.set_option(name, value)

    yield set_option
    for name, value in kept.items():
        config.set_option(name, value)


@pytest.mark.parametrize("host", STRANGERS)
@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/cam", "/static/nothing.js"])
def test_a_foreign_name_gets_a_sentence_and_nothing_else(server, host, path):
    answer = ask(server, path, Host=host.format(port=urlsplit(server).port))
    assert answer == (403, UNKNOWN_NAME)


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST", "127.0.0.1:{port}", "[::1]:{port}", "localhost."])
def test_this_machine_is_answered_by_each_of_its_names(server, host):
    assert ask(server, "/_stcore/health", Host=host.format(port=urlsplit(server).port)) == (200, "ok")


def test_only_this_machine_is_listened_to(server):
    """Whoever listens everywhere listens on every loopback address too."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(server).port), timeout=5)


@pytest.mark.parametrize(
    "origin", ["http://elsewhere.org", "null", "http://localhost:1", "file://", "http://127.0.0.1"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_the_page_of_another_site_gets_a_sentence(server, origin, method):
    assert ask(server, "/_stcore/upload_file/a/b", method, Origin=origin) == (403, OTHER_SITE)


@pytest.mark.parametrize("rest", ["", "/", "?families=cache_memory_bytes"])
def test_the_metrics_are_closed(server, rest):
    assert ask(server, f"/_stcore/metrics{rest}") == (403, NO_METRICS)


def test_a_websocket_opens_for_the_servers_own_page_and_for_nobody_else(server):
    own, port = f"http://{urlsplit(server).netloc}", urlsplit(server).port
    assert ask(server, "/_stcore/stream", Origin=own, **UPGRADE)[0] == 101
    assert ask(server, "/_stcore/stream", Origin="http://elsewhere.org", **UPGRADE) == (403, OTHER_SITE)
    rebound = {"Host": f"elsewhere.org:{port}", "Origin": f"http://elsewhere.org:{port}"}
    assert ask(server, "/_stcore/stream", **rebound, **UPGRADE) == (403, UNKNOWN_NAME)


@pytest.mark.slow
def test_no_origin_makes_the_server_ask_anybody_outside(tmp_path):
    """The proxy it would have to ask through is ours, and hears nothing."""
    friend = "https://friend.example"
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        options = ["--server.corsAllowedOrigins", friend]
        heard = f"127.0.0.1:{proxy.getsockname()[1]}"
        with serve(tmp_path / "log.txt", tmp_path / "cache", proxy=heard, options=options) as url:
            assert ask(url, "/_stcore/stream", Origin="http://elsewhere.org", **UPGRADE)[0] == 403
            assert ask(url, "/_stcore/stream", Origin=friend, **UPGRADE)[0] == 101
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_public_server_goes_by_addresses_and_its_own_name(option):
    option("server.address", "0.0.0.0")
    mine = socket.gethostname().lower()
    for host in ("192.168.1.5:8501", "[fd00::5]:8501", f"{mine}:8501", mine.upper(), "localhost"):
        assert refused(scope(host)) is None
    for host in ("elsewhere.org", f"{mine}.elsewhere.org", "192.168.1.5.elsewhere.org", "2130706433", "0x7f.1"):
        assert refused(scope(host)) == (UNKNOWN_NAME, 403)


def test_names_that_were_given_are_the_names_it_goes_by(option):
    option("server.address", "0.0.0.0")
    option("server.allowedHosts", ["Lab.example.org", "*.school.example"])
    for host in ("lab.example.org:80", "a.school.example", "localhost:8501"):
        assert refused(scope(host)) is None
    for host in ("192.168.1.5", "school.example", "a.school.example.elsewhere.org", socket.gethostname()):
        assert refused(scope(host)) == (UNKNOWN_NAME, 403)


def test_a_site_that_was_given_may_ask(option):
    option("server.corsAllowedOrigins", ["https://friend.example"])
    assert refused(scope("localhost", "https://friend.example")) is None
    assert refused(scope("localhost", "http://friend.example")) == (OTHER_SITE, 403)


def test_two_hosts_are_no_host():
    twice = {"type": "http", "path": "/", "headers": [(b"host", b"localhost"), (b"host", b"elsewhere.org")]}
    assert refused(twice) == (UNKNOWN_NAME, 403)


def test_what_only_developers_send_is_not_heard():
    """Clearing every reader's caches, naming the repository's files, and text are passed over; a rerun is heard."""
    sent = [
        {"type": "websocket.receive", "bytes": BackMsg(clear_cache=True).SerializeToString()},
        {"type": "websocket.receive", "bytes": BackMsg(load_git_info=True).SerializeToString()},
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.receive", "bytes": b""},
        {"type": "websocket.receive", "bytes": BackMsg(stop_script=True).SerializeToString()},
    ]
    left = list(sent)

    async def receive():
        return left.pop(0)

    assert awaited(from_reader(receive)) == sent[-1]


def test_bytes_that_are_no_message_end_the_connection():
    async def receive():
        return {"type": "websocket.receive", "bytes": b"\xff" * 20}

    assert awaited(from_reader(receive))["type"] == "websocket.disconnect"


def test_the_greeting_says_what_public_means(option, capsys):
    from app import greet

    option("server.port", 8501)
    option("server.address", "127.0.0.1")
    greet()
    assert capsys.readouterr().out == "ConvScope: http://localhost:8501  (Ctrl-C stops it)\n"
    option("server.address", "0.0.0.0")
    greet()
    said = capsys.readouterr().out
    assert "without a password" in said and f"http://{socket.gethostname()}:8501" in said
