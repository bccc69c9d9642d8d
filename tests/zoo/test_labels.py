"""Labels come as text or JSON from a stranger, and stay text."""

import json
import os

import pytest
from safetensors.torch import save_file

from vizcore import open_probe
from vizcore.zoo import TinyVGG
from vizcore.zoo.labels import read_labels

THREE = ("cat", "cup", "car")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "cat\ncup\ncar\n"),
        ("labels.txt", "\ufeffcat\r\n cup \r\ncar"),
        ("labels.txt", "{0: 'cat',\n 1: 'cup',\n 2: \"car\"}"),
        ("labels.txt", "{\n 2: 'car',\n 1: 'cup',\n 0: 'cat',\n}\n"),
        ("labels.csv", 'id,name\n0,"cat"\n1,"cup"\n2,car\n'),
        ("labels.json", '["cat", "cup", "car"]'),
        ("labels.json", '{"1": "cup", "2": "car", "0": "cat"}'),
        ("labels.json", '{"car": 2, "cat": 0, "cup": 1}'),
        ("labels.json", '{"0": ["n1", "cat"], "1": ["n2", "cup"], "2": ["n3", "car"]}'),
    ],
)
def test_every_usual_form_is_read(name, content, tmp_path):
    (tmp_path / name).write_bytes(content.encode())
    assert read_labels(tmp_path / name, 3) == THREE
    assert read_labels(str(tmp_path / name), 3) == THREE


def test_ten_classes_in_a_table_are_in_the_order_of_their_numbers():
    assert read_labels({str(n): f"the {n}" for n in reversed(range(12))}, 12) == tuple(f"the {n}" for n in range(12))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'["cat", "cup"]', "has 3 classes but 2 labels came"),
        (b'{"0": "cat", "1": "cup", "3": "car"}', "class 2 has no label"),
        (b'{"0": "cat"}', "number 1 classes, the network has 3"),
        (b'"cat"', "labels are a list of names"),
        (b"[1.5, {}, null]", "a label is a name, not a float"),
        (b"[" * 100_000, "is no list of labels"),
        (b'["cat",', "is no list of labels"),
        (b"\xff\xfe\x00", "is no text in UTF-8 or UTF-16"),
        (b'["' + b"a" * 5_000_000 + b'"]', "is too large"),
    ],
)
def test_other_files_are_refused_in_one_sentence(content, sentence, tmp_path):
    (tmp_path / "labels.json").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_labels(tmp_path / "labels.json", 3)


def test_labels_are_one_line_of_text():
    long, broken, empty = read_labels(["x" * 1000, "two\nlines\x1b[31m", "  "], 3)
    assert long == "x" * 200 and broken == "two lines [31m" and empty == "(no name)"


def test_markup_stays_as_it_was_written(tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps(["<script>alert(1)</script>", "a", "b"]))
    assert read_labels(tmp_path / "labels.json", 3)[0] == "<script>alert(1)</script>"


def test_a_file_that_is_not_there():
    with pytest.raises(ValueError, match=r"no labels file nowhere.txt"):
        read_labels("nowhere.txt", 3)
    with pytest.raises(ValueError, match=r"no labels file x{200}\.$"):
        read_labels("x" * 5000, 3)


def test_a_file_in_another_encoding_is_read_or_said_to_be_one(tmp_path):
    file = tmp_path / "labels.txt"
    for encoding in ("utf-16", "utf-8-sig"):  # as a shell and an editor of Windows write it
        file.write_text("chat\nth\u00e9\nvoiture\n", encoding)
        assert read_labels(file, 3) == ("chat", "th\u00e9", "voiture")
    file.write_text("chat\nth\u00e9\nvoiture\n", "latin-1")
    with pytest.raises(ValueError, match=r"labels\.txt is no text in UTF-8 or UTF-16; save it as UTF-8\."):
        read_labels(file, 3)


def test_a_file_that_was_put_right_is_read_again(tmp_path):
    weights, labels = tmp_path / "mine.safetensors", tmp_path / "labels.txt"
    save_file(TinyVGG(2).state_dict(), weights)
    for time, names in enumerate(("cat dgo", "cat dog")):
        labels.write_text(names.replace(" ", "\n"))
        os.utime(labels, (time, time))
        assert open_probe(weights, architecture="tiny-vgg", labels=labels).labels == tuple(names.split())


def test_two_names_for_one_number_are_refused():
    with pytest.raises(ValueError, match="two labels have the same class number; give each class one"):
        read_labels({"cat": 0, "kitty": 0, "dog": 1}, 2)


@pytest.mark.parametrize("heading", ["", "id,name\n"])
@pytest.mark.parametrize("between", [",", ": ", "\t", " ; "])
def test_lines_that_number_their_classes_are_read_by_the_numbers(heading, between, tmp_path):
    file = tmp_path / "labels.csv"
    lines = [f"{number}{between}{name}\n" for number, name in ((2, "car"), (1, "cup"), (0, "cat"))]
    file.write_text(heading + "".join(lines))
    assert read_labels(file, 3) == THREE
    with pytest.raises(ValueError, match="the labels number 3 classes, the network has 4"):
        read_labels(file, 4)
    file.write_text("1, 2, 3: go\ncat\ncup")  # which is no number of a class
    assert read_labels(file, 3)[0] == "1, 2, 3: go"


def test_the_settings_of_a_network_name_its_classes(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"1": "cup", "0": "cat", "2": "car"}, "hidden": 9}))
    assert read_labels(tmp_path / "config.json", 3) == THREE
