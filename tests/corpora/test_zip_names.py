"""Names in zips come out in their own letters, and pictures are told by what they are."""

import os
import struct
import zipfile
import zlib

import pytest
import torch
from PIL import Image

from vizcore.corpora.pixels import pixel_side
from vizcore.corpora.zip_names import in_words, name_of
from vizcore.representation import open_corpus

WORDS = {
    "utf-8": ["猫", "ねこ", "кошка", "Käfer", "고양이", "chien"],
    "cp866": ["кошка", "Собака", "Ёж"],
    "cp932": ["ねこ", "ネコ", "日本の犬"],
    "gbk": ["小狗", "汽车"],
    "cp437": ["Käfer", "chat noir é", "niño"],
}


@pytest.mark.parametrize("page", WORDS)
def test_words_come_out_of_the_code_page_they_were_written_in(page):
    assert [in_words(word.encode(page)) for word in WORDS[page]] == WORDS[page]


def zipped(path, raw: bytes, extra: bytes = b""):
    """A zip of one picture whose name is these bytes, without a word on what they mean."""
    Image.new("RGB", (9, 9)).save(path.with_suffix(".png"))
    stand_in = b"Q" * len(raw)
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo(stand_in.decode())
        entry.extra = extra
        archive.writestr(entry, path.with_suffix(".png").read_bytes())
    path.write_bytes(path.read_bytes().replace(stand_in, raw))
    return path


def test_a_name_that_is_said_again_in_unicode_is_believed_if_it_is_that_name(tmp_path):
    raw, told = "Kõrv/1.png".encode("cp1257"), "Kõrv/1.png".encode()
    for check, expected in ((zlib.crc32(raw), "Kõrv/1.png"), (1, None)):
        field = struct.pack("<BL", 1, check) + told
        file = zipped(tmp_path / "mine.zip", raw, struct.pack("<HH", 0x7075, len(field)) + field)
        with zipfile.ZipFile(file) as archive:
            [entry] = archive.infolist()
        assert (name_of(entry) == "Kõrv/1.png") == (expected is not None)


def test_class_folders_of_a_zip_have_their_own_names(tmp_path):
    for number, word in enumerate(("猫", "ねこ")):
        page = "utf-8" if number == 0 else "cp932"
        file = zipped(tmp_path / f"{number}.zip", f"{word}\\1.png".encode(page))
        assert open_corpus(file).names == (f"{word}/1.png",)


def test_linked_folders_are_classes_and_circles_end(tmp_path):
    root, store = tmp_path / "root", tmp_path / "store"
    for folder in (root / "dog", store):
        folder.mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(folder / "1.png")
    for name, to in {"cat": store, "feline": store, "dog/again": root, "gone": tmp_path / "nowhere"}.items():
        os.symlink(to, root / name)
    corpus = open_corpus(root)
    assert corpus.names == ("cat/1.png", "dog/1.png", "feline/1.png")
    assert corpus.labels == ("cat", "dog", "feline")


@pytest.mark.parametrize(("name", "form"), [("a.jfif", "JPEG"), ("a", "PNG"), ("a.dat", "WEBP"), ("a.img", "TIFF")])
def test_a_picture_is_told_by_its_first_bytes(name, form, tmp_path):
    (tmp_path / "folder").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "folder" / name, form)
    (tmp_path / "folder" / "notes.txt").write_text("A cat.")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for file in (name, "notes.txt"):
            archive.write(tmp_path / "folder" / file, file)
    for corpus in (open_corpus(tmp_path / "folder"), open_corpus(tmp_path / "mine.zip")):
        assert corpus.names == (name,) and [left for left, _ in corpus.skipped] == ["notes.txt"]


def test_a_first_picture_that_is_damaged_is_passed_over(tmp_path):
    for number in range(2):
        pixels = torch.randint(0, 256, (40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(number))
        Image.fromarray(pixels.numpy()).save(tmp_path / f"{number}.png")
    content = bytearray((tmp_path / "0.png").read_bytes())
    content[2000:2040] = bytes(40)
    (tmp_path / "0.png").write_bytes(content)
    assert pixel_side(open_corpus(tmp_path)) == 32
