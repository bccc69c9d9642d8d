"""Failures: what went wrong, in one calm sentence, where what somebody gave or the machine itself is the cause."""

import errno
import json
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def in_words(error: BaseException) -> str:
    """What an error says to who caused it, as one sentence; nothing where the fault is the program's own.

    >>> in_words(ValueError("there is no layer 'x'"))
    "There is no layer 'x'."
    >>> in_words(OSError(28, "No space left on device", "/somewhere/weights.pth"))
    'The disk has no room left for this; free some, or give a smaller file.'
    >>> in_words(IsADirectoryError(21, "Is a directory", "/somewhere/pictures")), in_words(KeyError("x"))
    ('Pictures cannot be used: is a directory.', '')
    """
    if isinstance(error, RecursionError):
        text = "what came is nested more deeply than anything that is read here; give a plainer file"
    elif isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
        text = "the memory of this machine is too small for this; give something smaller"
    elif isinstance(error, OSError) and error.errno in NO_ROOM:
        text = "the disk has no room left for this; free some, or give a smaller file"
    elif isinstance(error, OSError):
        name = Path(error.filename).name if isinstance(error.filename, str) else "what was named"
        text = f"{name} cannot be used: {(error.strerror or 'the machine refused it').lower()}"
    elif isinstance(error, UnicodeError):
        text = "what came is no text in UTF-8; save it as that"
    elif isinstance(error, json.JSONDecodeError):
        text = f"what came is no JSON ({error.msg} in line {error.lineno}); write it anew"
    elif isinstance(error, ValueError):
        text = " ".join(str(error).split())
    else:
        return ""
    named = not text.split(" ")[0].strip(",;'").isalpha()  # the name of a unit, a layer or a file stays as it is
    return text and (text if named else text[0].upper() + text[1:]) + ("" if text[-1] in ".?!" else ".")
