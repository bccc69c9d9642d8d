"""Folders: where what was fetched or built once is kept, and where the project's own files lie."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of thing (`weights`, ...), below VIZCORE_CACHE or ~/.cache/convscope.

    >>> cache_folder("weights").name
    'weights'
    """
    return Path(os.environ.get("VIZCORE_CACHE") or Path.home() / ".cache" / "convscope") / kind


def project_folder() -> Path:
    """The folder with `app.py`, `pages` and `assets`.

    >>> [path.name for path in project_folder().glob("app.py")]
    ['app.py']
    """
    package = Path(__file__).parent
    installed = package / "dashboard"  # pyproject.toml lays it there
    return installed if installed.is_dir() else package.parent
