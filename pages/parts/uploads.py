"""Uploads: one bounded shelf for what readers bring, their pictures, networks and corpora.

uploader(label, key=..., take=...)               a place to drop a file; `take(file)` is called with each that comes
keep(content, called, kind)                      put a file on the shelf, under a name that nobody else can guess
own(kind) and drop(name)                         this reader's files of a kind by their names; let one go

A file is deleted when its reader's session ends, and when the next server starts. There is one limit for a file,
`server.maxUploadSize`; what a reader and all readers may keep follows from it.
"""

import functools
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from filelock import FileLock
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.parts import state
from pages.parts.calm import calmly
from vizcore.folders import cache_folder
from vizcore.zoo import locked

OWN = "own-"  # what the names of readers' own things begin with
LARGEST = st.get_option("server.maxUploadSize") * 2**20  # bytes of a file
MOST = 12  # files of a kind that a reader keeps; the oldest goes first
A_READER, ALL = 2 * LARGEST, 10 * LARGEST  # bytes that are kept
SPARE = 500 * 10**6  # bytes of the disk that stay free
PLACING = threading.Lock()


@dataclass(frozen=True)
class Upload:
    """A file on the shelf: its name here, where it lies, what its owner calls it, and what was said about it."""

    name: str
    kind: str
    path: Path
    called: str
    digest: str
    size: int
    about: str = ""


def own(kind: str) -> dict[str, Upload]:
    """This reader's files of a kind by their names, oldest first."""
    return {name: upload for name, upload in files().items() if upload.kind == kind}


def files() -> dict[str, Upload]:
    """All of this reader's files by their names."""
    if "uploads" not in st.session_state:
        leaving().append(state.kept("uploads", {}))
    return state.kept("uploads")


def let_go(sessions: list[dict[str, Upload]]) -> None:
    """Delete the files of a session that ends."""
    for mine in sessions:
        for upload in mine.values():
            shutil.rmtree(upload.path.parent, ignore_errors=True)
        mine.clear()


@st.cache_resource(scope="session", on_release=let_go, show_spinner=False)
def leaving() -> list[dict[str, Upload]]:
    """What is deleted when the session ends."""
    return []


def keep(content: bytes, called: str, kind: str, *, about: str = "") -> Upload:
    """Put a file on the shelf; the same file of the same reader is kept once.

    It is written aside and renamed, so that no half a file is ever opened. Raises ValueError where there is no room.
    """
    digest = hashlib.sha256(content).hexdigest()
    for upload in own(kind).values():
        if (upload.digest, upload.about) == (digest, about):
            return upload
    token, called = secrets.token_hex(16), called[:80]
    stem, _, ending = called.rpartition(".")
    folder = home(cache_folder("own")) / token
    path, aside = folder / f"{plain(stem)[:40] or kind}.{plain(ending).lower()[:12]}", folder / "part"
    try:
        with PLACING:
            make_room(len(content), folder.parent.parent)
            folder.mkdir(mode=0o700)
            with aside.open("wb") as file:
                file.truncate(len(content))  # others see from now on that this much is taken
        with aside.open("r+b") as file:
            file.write(content)
        aside.rename(path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    upload = files()[OWN + token] = Upload(OWN + token, kind, path, called, digest, len(content), about)
    for oldest in list(own(kind))[:-MOST]:
        drop(oldest)
    return upload


def drop(name: str) -> None:
    """Let one of this reader's files go."""
    if upload := files().pop(name, None):
        shutil.rmtree(upload.path.parent, ignore_errors=True)


def plain(text: str) -> str:
    """Letters and digits of a name; everything else becomes a dash."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)


def make_room(size: int, folder: Path) -> None:
    """Refuse a file for which this reader, all readers together or the disk have no room."""
    mine = sum(upload.size for upload in files().values())
    everybody = taken(folder)
    if not size:
        raise ValueError("The file is empty, so it cannot be opened; choose it again, or another.")
    if size > LARGEST:
        raise ValueError(f"The file has {in_mb(size)}; up to {in_mb(LARGEST)} are taken.")
    if mine + size > A_READER:
        raise ValueError(
            f"Your own files would be {in_mb(mine + size)}, and up to {in_mb(A_READER)} are kept; "
            "close this tab to let them go, and begin in a new one."
        )
    if everybody + size > ALL or shutil.disk_usage(folder).free < size + SPARE:
        raise ValueError(f"The server has no room for {in_mb(size)} more now; try a smaller file, or later.")


def taken(folder: Path) -> int:
    """The bytes of all files on the shelf; one that its reader lets go of meanwhile, or that is renamed, has none."""
    sizes = []
    for place, _, names in os.walk(folder):  # unlike glob, it passes over a folder that is gone by now
        for name in names:
            with suppress(FileNotFoundError):
                sizes.append(Path(place, name).stat().st_size)
    return sum(sizes)


def in_mb(size: int) -> str:
    """Bytes as megabytes."""
    return f"{size / 2**20:,.0f} MB" if size >= 2**20 else f"{size:,} bytes"


@functools.cache
def home(folder: Path) -> Path:
    """This server's own folder on the shelf. What servers that ended left on it is deleted first."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        if not in_use(left):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    mine = folder / secrets.token_hex(8)
    mine.mkdir(mode=0o700)
    lock = lock_of(mine)
    locked(lock)
    LOCKS.append(lock)
    return mine


LOCKS: list[FileLock] = []  # of the folders of this process, held until it ends


def lock_of(folder: Path) -> FileLock:
    """The lock that says that a server uses a folder."""
    return FileLock(folder / "lock", thread_local=False)


def in_use(left: Path) -> bool:
    """Whether a server that runs uses a folder."""
    if not (left / "lock").is_file():
        return False
    lock = lock_of(left)
    if locked(lock):
        lock.release()
        return False
    return True


def uploader(
    label: str, *, key: str, take: Callable[[Any], None], draw: Callable = st.file_uploader, **options: Any
) -> None:
    """Draw a place to drop a file; `take(file)` is called with what comes, and the next finds the place empty.

    It is called where the page runs, not in a callback: the page may be asked to run again in the midst of it, and a
    callback is not called again, while the file lies here until it was taken.
    """
    turn = state.kept(f"{key} round", 0)
    if file := draw(label, key=f"{key} {turn}", **options):
        calmly(take)(file)
        state.place(f"{key} round", turn + 1)
        release(file)
        st.rerun()


def release(file: Any) -> None:
    """Let go of the copy of a file that Streamlit keeps."""
    context = get_script_run_ctx()
    context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
