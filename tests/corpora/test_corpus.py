"""Corpora hold exactly the pictures there are, named by their content, and say what they left out."""

import io
import json
import os
import shutil
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_digits

from tests.corpora.samples import folder, picture
from tests.pictures import encoded, png
from vizcore import UnreadableImage, bundled_image, load_image
from vizcore.representation import open_corpus


def zipped(path: Path, files: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_digits_are_scikit_learns_pixel_for_pixel():
    corpus, expected = open_corpus("digits"), load_digits()
    assert len(corpus) == 1797 and corpus.labels == tuple("0123456789")
    assert np.array_equal(corpus.classes, expected.target)
    for number in (0, 7, 1796):
        ink = torch.from_numpy(expected.images[number] / 16).float()
        assert torch.equal(corpus[number][1, 2:10, 2:10], 1 - ink)
        assert corpus[number].sum() - corpus[number][:, 2:10, 2:10].sum() == 3 * (144 - 64), "the margin is white"


def test_tiles_are_pieces_of_the_photographs_at_several_scales():
    corpus = open_corpus("tiles")
    sides = set()
    for number in range(0, len(corpus), 97):
        name, side, _, place = corpus.names[number].split(" ", 3)
        top, left = map(int, place.split(", "))
        side = int(side)
        assert torch.equal(corpus[number], bundled_image(name)[:, top : top + side, left : left + side])
        assert corpus.label(number) == name
        sides.add(side)
    assert len(sides) > 1 and len(set(corpus.names)) == len(corpus) > 2000
    assert set(corpus.classes[:200]) == set(range(len(corpus.labels))), "the first few are of every photograph"


def test_folders_are_classes_and_files_are_decoded_as_ever(tmp_path):
    corpus = open_corpus(folder(tmp_path / "all" / "pets", 12, 3).parent)
    assert corpus.labels == ("kind0", "kind1", "kind2")
    for number, name in enumerate(corpus.names):
        assert corpus.label(number) == Path(name).parent.name
        assert torch.equal(corpus[number], load_image(tmp_path / "all" / name))
    flat = open_corpus(folder(tmp_path / "flat", 5, 0))
    assert flat.labels == () and flat.classes.tolist() == [-1] * 5


def test_numbers_beyond_the_end_are_refused_and_the_classes_cannot_be_changed():
    corpus = open_corpus("digits")
    with pytest.raises(IndexError, match="no picture 1797 among the 1797"):
        corpus[1797]
    assert torch.equal(corpus[-1], corpus[1796])
    with pytest.raises(ValueError):
        corpus.classes[0] = 3


def test_broken_files_are_counted_named_and_left_out(tmp_path):
    path = folder(tmp_path / "pets", 6, 2)
    whole = encoded(picture(9, 64, 64), "JPEG")
    (path / "kind0" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (path / "kind0" / "text.png").write_text("This is no picture.")
    (path / "kind1" / "empty.gif").write_bytes(b"")
    (path / "kind1" / "bomb.png").write_bytes(png(60_000, 60_000, b""))
    (path / "kind1" / "list.csv").write_text("a,b")
    (path / "kind1" / ".DS_Store").write_bytes(b"x")
    corpus = open_corpus(path)
    assert len(corpus) == 6 and all(corpus[number].shape == (3, 20, 24) for number in range(6))
    reasons = dict(corpus.skipped)
    assert reasons.keys() == {"kind0/cut.jpg", "kind0/text.png", "kind1/empty.gif", "kind1/bomb.png", "kind1/list.csv"}
    assert "cut off" in reasons["kind0/cut.jpg"] and "empty" in reasons["kind1/empty.gif"]
    assert "million" in reasons["kind1/bomb.png"]


def test_the_digest_follows_the_content_and_nothing_else(tmp_path):
    one = folder(tmp_path / "one", 8, 2)
    before = open_corpus(one)
    shutil.copytree(one, tmp_path / "elsewhere")
    assert open_corpus(tmp_path / "elsewhere").digest == before.digest, "another place and time"
    packed = zipped(tmp_path / "one.zip", {f"one/{name}": (one / name).read_bytes() for name in before.names})
    assert len(open_corpus(packed)) == len(before)
    changed = one / before.names[3]
    content = bytearray(changed.read_bytes())
    changed.write_bytes(encoded(picture(77), "PNG"))
    after = open_corpus(one)
    assert after.digest != before.digest
    changed.write_bytes(content)
    assert open_corpus(one).digest == before.digest
    (one / "kind0" / "0000.png").rename(one / "kind1" / "0000.png")
    assert open_corpus(one).digest != before.digest, "another class"


def test_a_picture_that_changed_since_is_not_taken_for_the_one_that_was_there(tmp_path):
    corpus = open_corpus(folder(tmp_path / "pets", 4, 0))
    (tmp_path / "pets" / "0002.png").write_bytes(encoded(picture(50, 40, 40), "PNG"))
    (tmp_path / "pets" / "0003.png").unlink()
    for number in (2, 3):
        with pytest.raises(ValueError, match="has changed since") as caught:
            corpus[number]
        assert not isinstance(caught.value, UnreadableImage)


def test_many_files_take_memory_for_their_names_only(tmp_path):
    """Told from what each further file adds, with files of twenty kilobytes."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    assert len(data) > 19_000
    peaks = []
    for count in (150, 600):
        for number in range(count):
            (tmp_path / f"{number}.png").write_bytes(data)
        tracemalloc.start()
        corpus = open_corpus(tmp_path)
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        peaks.append(peak)
        assert len(corpus) == count and held < count * 1000
    assert peaks[1] - peaks[0] < 450 * 2000


def test_a_zip_is_read_without_writing_under_its_names(tmp_path):
    good = {f"pets/kind{number % 2}/{number}.png": encoded(picture(number), "PNG") for number in range(4)}
    evil = encoded(picture(20), "PNG")
    path = zipped(tmp_path / "pets.zip", good | {
        "../outside.png": evil, "/absolute.png": evil, "pets/../../up.png": evil, "C:/windows.png": evil,
        "..\\back.png": evil, "__MACOSX/pets/._1.png": evil, "pets/readme.txt": b"hello",
    })  # fmt: skip
    before = {file for file in tmp_path.rglob("*") if "cache" not in str(file)}
    corpus = open_corpus(path)
    assert {file for file in tmp_path.rglob("*") if file.suffix == ".png"} == set()
    assert before <= set(tmp_path.rglob("*")) and not (tmp_path.parent / "outside.png").exists()
    assert list(corpus.names) == sorted(good) and corpus.labels == ("kind0", "kind1")
    assert torch.equal(corpus[2], load_image(good[corpus.names[2]]))
    reasons = dict(corpus.skipped)
    assert {name for name, why in reasons.items() if "leads out" in why} == {
        "../outside.png", "/absolute.png", "pets/../../up.png", "C:/windows.png", "../back.png",
    }  # fmt: skip
    assert "pets/readme.txt" in reasons
    assert open_corpus(path).digest == corpus.digest


def test_links_locks_and_damage_in_a_zip_are_left_out(tmp_path):
    path = zipped(tmp_path / "odd.zip", {"a.png": encoded(picture(1), "PNG"), "b.png": encoded(picture(2), "PNG")})
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 20] ^= 0xFF  # in a.png, whose checksum then is wrong
    path.write_bytes(content)
    corpus = open_corpus(path)
    assert corpus.names == ("b.png",)
    assert dict(corpus.skipped) == {"a.png": "it is damaged inside the zip", "link.png": "it is a link, not a picture"}


@pytest.mark.parametrize("hostile", ["bomb", "many", "long list", "cut", "text", "empty"])
def test_hostile_zips_are_refused_in_a_sentence(hostile, tmp_path, monkeypatch):
    path = tmp_path / "hostile.zip"
    if hostile == "bomb":
        zipped(path, {"a.png": b"\0" * 60_000_000}, compression=zipfile.ZIP_DEFLATED)
    elif hostile == "many":
        monkeypatch.setattr("vizcore.corpora.bounds.MOST_FILES", 30)
        zipped(path, {f"{number}.png": b"" for number in range(31)})
    elif hostile == "long list":
        zipped(path, {"a.png": encoded(picture(1), "PNG")})
        content = bytearray(path.read_bytes())
        place = content.rindex(b"PK\x05\x06") + 12
        content[place : place + 4] = struct.pack("<I", 2**31)
        path.write_bytes(content)
    elif hostile == "cut":
        zipped(path, {"a.png": encoded(picture(1), "PNG")})
        path.write_bytes(path.read_bytes()[:-30])
    else:
        path.write_text("no zip" if hostile == "text" else "")
    with pytest.raises(ValueError) as caught:
        open_corpus(path)
    assert str(caught.value).startswith("hostile.zip ") and str(caught.value).endswith(".")


def test_a_parquet_file_of_jpegs_with_labels(tmp_path):
    jpegs = [encoded(picture(number), "JPEG") for number in range(150)]
    words = [("cat", "dog", "owl")[number % 3] for number in range(150)]
    jpegs[10] = jpegs[10][:200]
    parquet.write_table(arrow.table({"label": words, "jpeg": jpegs, "box": [1] * 150}), tmp_path / "a.parquet")
    corpus = open_corpus(tmp_path / "a.parquet")
    assert len(corpus) == 149 and corpus.labels == ("cat", "dog", "owl")
    assert [name for name, _ in corpus.skipped] == ["row 10"]
    assert corpus.names[10] == "row 11" and corpus.label(10) == words[11]
    assert torch.equal(corpus[10], load_image(jpegs[11]))


def test_a_parquet_file_as_the_datasets_library_writes_it(tmp_path):
    rows = [{"bytes": encoded(picture(number), "PNG"), "path": f"{number}.png"} for number in range(6)]
    notes = {"info": {"features": {"label": {"names": ["zebra", "ape"], "_type": "ClassLabel"}}}}
    table = arrow.table({"image": rows, "label": [0, 1, 1, 0, 1, 0]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(notes)}), tmp_path / "b.parquet")
    corpus = open_corpus(tmp_path / "b.parquet")
    assert [corpus.label(number) for number in range(6)] == ["zebra", "ape", "ape", "zebra", "ape", "zebra"]
    assert torch.equal(corpus[4], load_image(rows[4]["bytes"]))


def test_parquet_files_of_something_else_are_refused(tmp_path):
    parquet.write_table(arrow.table({"a": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="no column of encoded pictures; it has a"):
        open_corpus(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(ValueError, match=r"b\.parquet is no Parquet file"):
        open_corpus(tmp_path / "b.parquet")


def test_what_is_no_corpus_is_said_so(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'tiles'"):
        open_corpus("tile")
    for name in ("x" * 5000, "~nobody-by-that-name/pictures"):
        with pytest.raises(ValueError, match=r"there is no corpus '.{,80}'; there are"):
            open_corpus(name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no pictures in empty"):
        open_corpus(tmp_path / "empty")
    (tmp_path / "a.png").write_bytes(encoded(picture(1), "PNG"))
    with pytest.raises(ValueError, match=r"a\.png is one file"):
        open_corpus(tmp_path / "a.png")


def test_the_same_folder_is_quick_the_second_time(tmp_path, monkeypatch):
    path = folder(tmp_path / "pets", 6, 2)
    first = open_corpus(path)
    monkeypatch.setattr("vizcore.corpora.files.examined", lambda path: pytest.fail(f"read {path} again"))
    assert open_corpus(path).digest == first.digest


def test_progress_is_told_of_a_large_folder(tmp_path):
    tiny = io.BytesIO()
    picture(1, 4, 4).save(tiny, "PNG")
    for number in range(600):
        (tmp_path / f"{number}.png").write_bytes(tiny.getvalue())
    frames = list(open_corpus.frames(tmp_path))
    assert [(frame.step, frame.of) for frame in frames] == [(256, 600), (512, 600), (600, 600)]
    assert [frame.picture is None for frame in frames] == [True, True, False]


def test_a_name_that_is_no_text_is_skipped_and_named(tmp_path):
    tmp_path = tmp_path / "pictures"
    tmp_path.mkdir()
    good = encoded(picture(1), "PNG")
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(good)
    odd = os.fsencode(tmp_path)
    for name in (b"k\xe4fer.png", b"cat/\xff.png"):
        with open(odd + b"/" + name, "wb") as file:
            file.write(good)
    os.mkdir(odd + b"/\xe9t\xe9")
    with open(odd + b"/\xe9t\xe9/2.png", "wb") as file:
        file.write(good)
    for _ in range(2):  # also from what was kept
        corpus = open_corpus(tmp_path)
        assert corpus.names == ("cat/1.png",)
        assert dict(corpus.skipped) == dict.fromkeys(
            ("k\ufffdfer.png", "cat/\ufffd.png", "\ufffdt\ufffd/2.png"), "its name is not written in UTF-8; rename it")
    corpus = open_corpus(os.fsdecode(odd + b"/\xe9t\xe9"))
    assert corpus.name == "\ufffdt\ufffd" and len(corpus) == 1


def test_no_reason_tells_where_on_the_machine_a_file_lies(tmp_path, monkeypatch):
    path, refused = folder(tmp_path / "here", 3, 1), Path.open

    def opened(path, *mode, **named):
        if path.name == "0001.png":
            raise PermissionError(13, "Permission denied", str(path))
        return refused(path, *mode, **named)

    corpus = open_corpus(path)
    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(UnreadableImage, match=r"^kind0/0001\.png cannot be opened"):
        corpus[1]
    shutil.copytree(path, tmp_path / "there")
    skipped = open_corpus(tmp_path / "there").skipped
    assert skipped == (("kind0/0001.png", "it cannot be opened (permission denied)"),)


def test_labels_and_names_without_end_are_cut_short(tmp_path):
    good = encoded(picture(1), "PNG")
    path = zipped(tmp_path / "a.zip", {"a" * 900 + "/1.png": good, "b/2.png": good, "c" * 60_000 + ".png": good})
    corpus = open_corpus(path)
    assert corpus.labels == ("a" * 200, "b")
    assert corpus.skipped == (("c" * 1000 + " ...", "its name has 60,004 letters"),)
    table = arrow.table({"image": [good] * 3, "label": ["x" * 100_000, "  y\n", None]})
    parquet.write_table(table, tmp_path / "b.parquet")
    corpus = open_corpus(tmp_path / "b.parquet")
    assert corpus.labels == ("x" * 200, "y") and corpus.classes.tolist() == [0, 1, -1]


def test_pictures_that_end_otherwise_are_looked_into_as_long_as_that_is_quick(tmp_path, monkeypatch):
    whole = encoded(picture(1), "PNG") + b"said afterwards " * 200
    path = zipped(tmp_path / "a.zip", {f"{number}.png": whole for number in range(6)})
    monkeypatch.setattr("vizcore.corpora.packs.MOST_DECODED", 4 * 20 * 24)
    corpus = open_corpus(path)
    assert corpus.names == tuple(f"{number}.png" for number in range(4))
    assert all("too many like it" in reason for _, reason in corpus.skipped)
