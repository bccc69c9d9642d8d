"""Bounds on what one file may hold: how many pictures, how many bytes, and how many times its own size."""

import shutil
from collections.abc import Sized
from pathlib import Path

MOST_FILES = 200_000
LARGEST_WHOLE = 16 * 2**30  # bytes of everything in it
LARGEST_RATIO = 50  # times its own size that it may hold; pictures are compressed already
SMALL = 10**7  # bytes that any file may hold
SPARE = 10**8  # bytes of the disk that stay free
Item = tuple[str, str, bytes, str]  # name, label (empty if there is none), content, and why it is left out


def check_count(path: Path, count: int, what: str) -> None:
    """Refuse a file with too many pictures in it."""
    if count > MOST_FILES:
        raise ValueError(f"{path.name} holds {count:,} {what}; up to {MOST_FILES:,} are opened, so split it.")


def check_any(name: str, count: int, skipped: Sized) -> None:
    """Refuse a collection without a picture."""
    if not count:
        others = f", only {len(skipped)} files that are none" if len(skipped) else ""
        raise ValueError(f"there are no pictures in {name}{others}; a corpus needs at least one.")


def check_whole(path: Path, whole: int) -> None:
    """Refuse a file that would unpack to so many bytes, far more than pictures do."""
    size = path.stat().st_size
    if whole > max(SMALL, min(LARGEST_WHOLE, LARGEST_RATIO * size)):
        raise ValueError(
            f"{path.name} would unpack to {whole / 1e6:,.0f} MB from {size / 1e6:,.1f} MB, more than pictures do; "
            "keep the pictures in it as they are."
        )


def check_room(folder: Path, more: int, name: str) -> None:
    """Refuse to fill the disk."""
    if shutil.disk_usage(folder).free < more + SPARE:
        raise ValueError(f"{name} does not fit on this disk; make room or set VIZCORE_CACHE to another folder.")
