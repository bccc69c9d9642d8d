"""Uploads: what readers bring is bounded, nobody else's, and gone when they are."""

import gc
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
import streamlit as st
import torch
from safetensors.torch import save_file
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.testing.v1 import AppTest

from pages.parts import uploads
from pages.parts.upload_limit import FILES, SESSIONS, UploadLimit
from tests.corpora.samples import folder
from tests.pages.test_shell import asked, opened, picture_bytes, said
from tests.served import awaited
from vizcore.zoo.tiny_vgg import TinyVGG

MB = 2**20


def shelf(tmp_path: Path) -> list[Path]:
    """Every file that is kept, locks aside."""
    return [path for path in (tmp_path / "cache" / "own").rglob("*") if path.is_file() and path.name != "lock"]


def session(*contents: bytes) -> AppTest:
    """A reader who brings some files; what was refused is said."""

    def page(contents):
        import streamlit as st

        from pages.parts import uploads
        from pages.parts.calm import calm

        if "kept" not in st.session_state:
            st.session_state["kept"] = []
            for number, content in enumerate(contents):
                with calm():
                    st.session_state["kept"].append(uploads.keep(content, f"<b>{number}</b>.bin", "picture"))

    app = AppTest.from_function(page, kwargs={"contents": contents}, default_timeout=150).run()
    assert not app.exception
    return app


def test_names_cannot_be_guessed_from_the_content_and_equal_files_are_one(tmp_path):
    first, again = session(b"same", b"same").session_state["kept"]
    (other,) = session(b"same").session_state["kept"]
    assert first is again and first.name != other.name
    assert all(re.fullmatch(r"own-[0-9a-f]{32}", upload.name) for upload in (first, other))
    assert len(shelf(tmp_path)) == 2 and first.path.read_bytes() == b"same"
    assert first.path.name == "-b-0--b-.bin", "a name is no path and no markup"


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"LARGEST": 9}, "The file has 10 bytes"),
        ({"A_READER": 15}, "Your own files would be 20 bytes"),
        ({"ALL": 15}, "The server has no room"),
        ({"SPARE": 2**60}, "The server has no room"),
    ],
)
def test_what_is_too_much_is_refused_in_a_sentence_and_leaves_nothing(limits, sentence, tmp_path, monkeypatch):
    for name, size in limits.items():
        monkeypatch.setattr(uploads, name, size)
    app = session(b"0123456789", b"9876543210")
    assert sentence in said(app)
    assert len(shelf(tmp_path)) == len(app.session_state["kept"]) < 2


def test_a_disk_that_fills_up_on_the_way_leaves_a_sentence_and_no_file(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr(Path, "rename", full)
    app = session(b"0123456789")
    assert said(app) == "The disk has no room left for this; free some, or give a smaller file."
    assert not shelf(tmp_path) and not app.session_state["kept"]


def test_the_oldest_of_many_goes_first(tmp_path):
    kept = session(*(bytes([number]) for number in range(1, uploads.MOST + 3))).session_state["kept"]
    assert [upload.path.exists() for upload in kept] == [False] * 2 + [True] * uploads.MOST


def test_what_a_reader_kept_goes_with_their_session(tmp_path):
    session(b"mine")
    assert len(shelf(tmp_path)) == 1
    st.cache_resource.clear()  # as the end of a session does
    assert not shelf(tmp_path)


def test_what_was_made_of_a_readers_collection_goes_with_their_session_too(tmp_path):
    """Its pictures as they were unpacked, their pixels, and what networks made of them; not the file itself."""
    with ZipFile(tmp_path / "flags.zip", "w") as archive:
        for path in sorted(folder(tmp_path / "pictures", count=12).rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "pictures"))

    def page(source):
        from pages.parts import corpora
        from tests.corpora.samples import probe
        from vizcore import last
        from vizcore.corpora import build_index, pixels

        mine = corpora.opened_own(source)
        last(build_index(probe(), mine))
        assert len(pixels(mine)) == 12

    cache = tmp_path / "cache"
    app = AppTest.from_function(page, kwargs={"source": str(tmp_path / "flags.zip")}, default_timeout=150).run()
    assert not app.exception
    assert {path.name for path in cache.iterdir()} >= {"corpora", "pixels", "indexes"}
    st.cache_resource.clear()  # as the end of a session does
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert (tmp_path / "flags.zip").exists()


def test_what_servers_that_ended_left_is_deleted_and_what_others_use_is_not(tmp_path):
    own = tmp_path / "own"
    for name in ("ended/token/network.pth", "used/token/network.pth"):
        (own / name).parent.mkdir(parents=True)
        (own / name).write_bytes(b"weights")
    (own / "ended" / "lock").touch()
    (own / "0123-from-an-older-server.pth").write_bytes(b"weights")
    holding = "import sys; from filelock import FileLock; from vizcore.zoo import locked; lock = FileLock(sys.argv[1])"
    script = f"{holding}; print(locked(lock), flush=True); input()"
    command = [sys.executable, "-c", script, str(own / "used" / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        mine = uploads.home(own)
        assert {path.name for path in own.iterdir()} == {"used", mine.name}
        other.communicate("\n")
    assert uploads.home(own) is mine


def test_twelve_large_pictures_take_little_memory(tmp_path):
    def page():
        import io

        from PIL import Image

        from pages.parts import pictures

        for number in range(12):
            file = io.BytesIO()
            Image.new("RGB", (2048, 2048), (20 * number, 0, 0)).save(file, "PNG")
            name = pictures.keep(file.getvalue(), "large.png")
            assert round(pictures.picture(name)[0, 0, 0].item() * 255) == 20 * number
        assert len(pictures.own()) == 12

    app = AppTest.from_function(page, default_timeout=150).run()
    assert not app.exception
    gc.collect()
    held = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor and thing.numel() == 3 * 2048 * 2048]
    assert 1 <= len(held) <= 5, "of the pixels only those of a few pictures are at hand"
    assert sum(path.stat().st_size for path in shelf(tmp_path)) < 2 * MB


def test_what_was_taken_is_no_longer_held_by_streamlit():
    def page():
        import streamlit as st
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        from pages.parts import state, uploads

        uploads.uploader("a file", key="one", take=lambda file: state.place("taken", file.getvalue().decode()))
        held = get_script_run_ctx().uploaded_file_mgr.file_storage
        st.text(f"{st.session_state.get('taken')}, {sum(map(len, held.values()))} held")

    app = AppTest.from_function(page, default_timeout=150).run()
    assert said(app) == "None, 0 held"
    app.file_uploader("one 0").upload("a.txt", b"content").run()
    assert not app.exception and said(app) == "content, 0 held"
    app.file_uploader("one 1").upload("b.txt", b"more").run()
    assert said(app) == "more, 0 held"


def test_a_file_is_taken_although_the_page_is_asked_to_run_again_meanwhile():
    """As when a job ends, which the page hears where it next reads the session's state."""

    def page():
        import streamlit as st
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        from pages.parts import state, uploads

        def take(file):
            asked = state.kept("asked", [])
            if len(asked) < 12:
                asked.append(file.name)
                st.rerun()
            state.place("taken", file.getvalue().decode())

        uploads.uploader("a file", key="one", take=take)
        held = get_script_run_ctx().uploaded_file_mgr.file_storage
        st.text(f"{st.session_state.get('taken')}, {sum(map(len, held.values()))} held")

    app = AppTest.from_function(page, default_timeout=150).run()
    app.file_uploader("one 0").upload("a.txt", b"content").run()
    assert not app.exception and said(app) == "content, 0 held" and len(app.session_state["asked"]) == 12


def test_no_page_offers_more_than_the_server_takes():
    app = opened("neighbors.py")
    most = st.get_option("server.maxUploadSize")
    offered = [uploader.proto.max_upload_size_mb for uploader in app.get("file_uploader")]
    assert len(offered) >= 3 and max(offered) <= most and most * MB == uploads.LARGEST


def send(limit: UploadLimit, length: str | None, session: str = "a") -> int:
    """The status that a file of a length gets."""
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"/_stcore/upload_file/{session}/1",
        "headers": [(b"content-length", length.encode())] if length is not None else [],
    }
    said = []

    async def speak(message):
        said.append(message)

    awaited(limit(scope, None, speak))
    return said[0]["status"]


@pytest.fixture
def manager(monkeypatch):
    """Where Streamlit keeps files, and a server that allows one megabyte a file."""
    made = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr("pages.parts.upload_limit.get_instance", lambda: SimpleNamespace(uploaded_file_mgr=made))
    monkeypatch.setattr("pages.parts.upload_limit.st", SimpleNamespace(get_option=lambda name: 1))
    return made


def limit_before(manager) -> UploadLimit:
    """The limit in front of a server that keeps what it gets."""

    async def app(scope, receive, send):
        size = int(dict(scope["headers"])[b"content-length"])
        session = scope["path"].split("/")[3]
        number = sum(map(len, manager.file_storage.values()))
        manager.add_file(session, UploadedFileRec(str(number), "x", "x", bytes(size)))
        await send({"type": "http.response.start", "status": 204})

    return UploadLimit(app)


def test_a_session_may_send_as_much_as_one_largest_file_and_again_once_it_was_taken(manager):
    limit = limit_before(manager)
    assert [send(limit, str(MB // 2)) for _ in range(3)] == [204, 204, 413]
    assert send(limit, str(MB // 2), "b") == 204
    manager.remove_session_files("a")
    assert send(limit, str(MB // 2)) == 204


def test_all_sessions_together_are_limited_too_and_small_files_by_number(manager):
    limit = limit_before(manager)
    assert [send(limit, str(MB), f"s{number}") for number in range(SESSIONS + 1)] == [204] * SESSIONS + [413]
    other = limit_before(manager)
    assert [send(other, "1", "t") for _ in range(FILES + 1)] == [204] * FILES + [413]


@pytest.mark.parametrize(("length", "status"), [(None, 411), ("-1", 411), ("x", 411), ("9" * 30, 411), ("9" * 14, 413)])
def test_a_length_has_to_be_told(manager, length, status):
    assert send(limit_before(manager), length) == status


def test_the_server_stands_behind_the_limit():
    from app import app

    assert UploadLimit in [layer.cls for layer in app._user_middleware]


def test_an_own_picture_outlasts_errors_on_other_pages(tmp_path, monkeypatch):
    app = opened()
    app.file_uploader("upload 0").upload("me.png", picture_bytes()).run()
    mine = asked(app, "image")
    path = tmp_path / "nested.safetensors"
    save_file(TinyVGG(5).state_dict(), path, {"labels": "[" * 200_000})
    app.switch_page("filters.py").run()
    app.file_uploader("network 0").upload("nested.safetensors", path.read_bytes()).run()
    assert not app.exception and app.title and asked(app, "network").startswith("own-")

    def fails(*arguments):
        raise RecursionError

    monkeypatch.setattr("pages.parts.networks.doctor", fails)
    app.file_uploader("network 1").upload("other.safetensors", path.read_bytes() + b" ").run()
    assert not app.exception and app.title and "nested more deeply" in said(app)
    assert not list(tmp_path.rglob("cache/**/other.safetensors"))
    app.switch_page("cam.py").run()
    assert asked(app, "image") == mine and not said(app)


def test_files_that_others_let_go_of_meanwhile_keep_nobody_out(tmp_path):
    for number in range(30):
        place = tmp_path / "server" / f"reader{number}"
        place.mkdir(parents=True)
        (place / "photo.png").write_bytes(bytes(10))
    stat = Path.stat

    def gone(path: Path, **options):
        if path.parent.name == "reader7":
            raise FileNotFoundError(path)
        return stat(path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "stat", gone)
        patch.setattr(uploads, "files", dict)
        assert uploads.make_room(10, tmp_path) is None and uploads.taken(tmp_path) == 290
