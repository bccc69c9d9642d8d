"""What a network frees is kept for its next answer, where the C library would hand it back and take it anew.

glibc gives blocks of more than 32 MB, and the end of a heap beyond 64 MB, back to the system as soon as they are
free, and threads other than the first have heaps of 64 MB. The maps of a few pictures are larger. So the memory of each
answer is taken from the system page by page and cleared, which is a quarter to a half of what sixteen pictures cost at
`efficientnet-lite0` (`python -m benchmarks.memory`).
"""

import ctypes
import sys
import threading
import time
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # mallopt(3)
KEPT, LARGEST = 256 << 20, 128 << 20  # bytes free at a heap's end, and the largest block that comes from it
EVERY = 4  # seconds


@cache
def libc() -> ctypes.CDLL | None:
    """The C library of this process, if it is glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


@cache
def keep_freed() -> bool:
    """From now on keep what is freed, in one heap for all threads; False where this C library cannot be told.

    Every few seconds what is free is handed back all the same, so that a process at rest holds no more than it uses,
    and holes between what stays do not add up. It costs less than a tenth of a second, and the next answer its pages.
    """
    options = {TRIM_THRESHOLD: KEPT, MMAP_THRESHOLD: LARGEST, ARENA_MAX: 1}
    told = [libc().mallopt(*option) for option in options.items()] if libc() else [0]
    if not all(told):
        return False
    threading.Thread(target=now_and_then, name="hands memory back", daemon=True).start()
    return True


def now_and_then() -> None:
    """Hand back what is free, every few seconds."""
    while True:
        time.sleep(EVERY)
        give_back()


def give_back() -> None:
    """Hand back to the system what is free now."""
    if libc():
        libc().malloc_trim(0)
