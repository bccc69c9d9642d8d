"""Names in zips: what a file is called, in whatever letters the zip was written."""

import re
import struct
import unicodedata
import zipfile
import zlib

UTF_8, UNICODE_PATH = 0x800, 0x7075
# Code pages that systems wrote names in, the likelier first, and the letters that words in each are written in.
CODE_PAGES = (
    ("utf-8", ""),
    ("cp866", "CYRILLIC"),
    ("cp932", "HIRAGANA KATAKANA CJK"),
    ("gbk", "CJK"),
    ("cp949", "HANGUL"),
    ("big5", "CJK"),
    ("cp1251", "CYRILLIC"),
    ("cp437", "LATIN"),
    ("cp850", "LATIN"),
)


def name_of(entry: zipfile.ZipInfo) -> str:
    """What a file of a zip is called, with `/` between folders.

    A zip may say that a name is in UTF-8, or bring it once more as such (field 0x7075 of Info-ZIP). Where it says
    nothing, the name is read as UTF-8 if it is that, or else in the code page that makes words of it.

    >>> name_of(zipfile.ZipInfo("猫/1.png".encode().decode("cp437")))
    '猫/1.png'
    >>> [name_of(zipfile.ZipInfo(word.encode(page).decode("cp437")))
    ...  for page, word in {"cp866": "кошка", "cp932": "ねこ", "gbk": "汽车", "cp437": "Käfer"}.items()]
    ['кошка', 'ねこ', '汽车', 'Käfer']
    """
    if entry.flag_bits & UTF_8:
        return with_slashes(entry.orig_filename)
    try:
        raw = entry.orig_filename.encode("cp437")
    except UnicodeEncodeError:  # a name that was read as something else already
        return with_slashes(entry.orig_filename)
    return with_slashes(said_again(entry.extra, raw) or in_words(raw))


def with_slashes(name: str) -> str:
    """A name up to its end, with the folders parted as everywhere."""
    return name.partition("\0")[0].replace("\\", "/")


def said_again(extra: bytes, raw: bytes) -> str:
    """The name in UTF-8 that the extra fields bring, if it is still the name of these bytes; else nothing."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and len(field) > 5 and struct.unpack("<BL", field[:5]) == (1, zlib.crc32(raw)):
            return field[5:].decode("utf-8", "replace")
    return ""


def in_words(raw: bytes) -> str:
    """Bytes in the code page in which most of what is not plain ASCII are letters of one script."""
    if raw.isascii():
        return raw.decode("ascii")
    best, most = raw.decode("cp437"), 0.0
    for page, scripts in CODE_PAGES:
        try:
            name = raw.decode(page)
        except UnicodeDecodeError:
            continue
        if page == "utf-8":
            return name
        # Other letters are seldom in one name with plain ones, apart from what a file's ending is.
        alone = not re.search(r"[A-Za-z]", re.sub(r"\.\w+$", "", name))
        weight = 1.0 if alone or scripts == "LATIN" else 0.85 if "CJK" in scripts else 0.5
        share = weight * sum(usual(letter, page, scripts) for letter in name if not letter.isascii())
        share /= sum(not letter.isascii() for letter in name)
        if share > most:
            best, most = name, share
    return best


def usual(letter: str, page: str, scripts: str) -> float:
    """How usual a letter is in words written in a code page: 1 for a common one of its scripts, 0 for no letter."""
    called = unicodedata.name(letter, "")
    if not unicodedata.category(letter).startswith(("L", "M")) or "HALFWIDTH" in called:
        return 0.0
    if not called.startswith(tuple(scripts.split())):
        return 0.0
    if scripts == "CJK" or (page == "cp932" and called.startswith("CJK")):
        return common_ideograph(letter, page)
    if called.startswith("LATIN"):
        return 0.9 if letter.lower() in "äöüßéèêëàâçñåæøôîïùûáíóú" else 0.4
    return 0.9 if called.startswith("HANGUL") else 1.0  # its commonest bytes are the commonest of Chinese as well


def common_ideograph(letter: str, page: str) -> float:
    """How usual an ideograph is, by where its code page put it: the common ones come first in each."""
    code = int.from_bytes(letter.encode(page), "big")
    first, last = {"gbk": (0xB0A1, 0xD7F9), "big5": (0xA440, 0xC67E), "cp932": (0x889F, 0x9872)}[page]
    return 0.95 if first <= code <= last else 0.3
