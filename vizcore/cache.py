"""Where things that were fetched or built once are kept on this machine."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of thing (`weights`, ...), below VIZCORE_CACHE or ~/.cache/convscope.

    >>> cache_folder("weights").name
    'weights'
    """
    return Path(os.environ.get("VIZCORE_CACHE") or Path.home() / ".cache" / "convscope") / kind
