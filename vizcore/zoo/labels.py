"""The names of classes, from a stranger's file: read as text, bounded, never as markup."""

import json
import os.path
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping, Sequence
from pathlib import Path

LARGEST = 4 * 2**20
NUMBERED = re.compile(r"\s*(\d+)\s*[,;:\t]\s*(.+)")
QUOTED = re.compile(r"""^(['"])(.*)\1,?\s*$""")  # as in a table of Python's, or of a spreadsheet's
LONGEST = 200


def read_labels(source: str | Path | Sequence[str] | Mapping, classes: int) -> tuple[str, ...]:
    """One label a class, from a text file (one a line), a JSON file (a list, or a table of numbers), or a list.

    A table may be from number to label, or the other way round; torchvision's and Keras's
    `{"0": ["n01440764", "tench"]}` is understood as well. Raises ValueError where a class is left without a label.

    >>> read_labels({"1": "cup", "0": "cat"}, 2)
    ('cat', 'cup')
    """
    if isinstance(source, (str, Path)):
        source = labels_of_file(Path(source))
    if isinstance(source, Mapping):
        source = in_order(source, classes)
    if not isinstance(source, Sequence) or isinstance(source, (str, bytes)):
        raise ValueError("labels are a list of names, or a table from class number to name.")
    if len(source) != classes:
        raise ValueError(f"the network has {classes} classes but {len(source)} labels came; one a class is needed.")
    return tuple(plain_label(label) for label in source)


def labels_of_file(path: Path) -> list | dict:
    """What a labels file says, before it is checked against a network."""
    if not os.path.isfile(path):  # also where no file could be called so
        raise ValueError(f"there is no labels file {str(path)[:LONGEST]}.")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} is too large for a list of labels; up to {LARGEST // 2**20} MB are read.")
    try:
        content = path.read_bytes()
        text = content.decode("utf-16" if content[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
        return of_json(json.loads(text)) if path.suffix.lower() == ".json" else of_lines(text.strip().splitlines())
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path.name} is no text in UTF-8 or UTF-16; save it as UTF-8.") from problem
    except (json.JSONDecodeError, RecursionError) as problem:
        reason = type(problem).__name__
        raise ValueError(f"{path.name} is no list of labels ({reason}); text or JSON is read.") from problem


def of_json(found: object) -> object:
    """What JSON says of labels; in the settings of a network (as transformers keeps them) these have a name.

    >>> of_json({"model_type": "resnet", "id2label": {"0": "cat"}})
    {'0': 'cat'}
    """
    return found["id2label"] if isinstance(found, dict) and isinstance(found.get("id2label"), dict) else found


def of_lines(lines: list[str]) -> list | dict:
    """Labels from lines of text; where each has its class's number in front, by these, perhaps below a heading.

    So is a table of Python's, as ImageNet's classes are passed around.

    >>> of_lines(["cat", "cup"]), of_lines(["id,name", "1,cup", "0,cat"]), of_lines(["{0: 'cat',", " 1: 'cup'}"])
    (['cat', 'cup'], {1: 'cup', 0: 'cat'}, {0: 'cat', 1: 'cup'})
    """
    table = "\n".join(lines)
    bare = table[1:-1].strip().splitlines() if table.startswith("{") and table.endswith("}") else lines
    numbered = [NUMBERED.match(line) for line in bare]
    if numbered and not numbered[0]:
        numbered = numbered[1:]
    table = {int(one[1]): QUOTED.sub(r"\2", one[2]) for one in numbered if one}
    return table if numbered and all(numbered) and sorted(table) == [*range(len(numbered))] else lines


def in_order(table: Mapping, classes: int) -> list:
    """The labels of a table in the order of the class numbers, whichever side the numbers are on."""
    if table and all(isinstance(value, int) for value in table.values()):
        if len(set(table.values())) < len(table):
            raise ValueError("two labels have the same class number; give each class one.")
        table = {number: label for label, number in table.items()}
    numbered = {str(number): label for number, label in table.items()}
    absent = [number for number in range(classes) if str(number) not in numbered]
    if absent or len(numbered) != classes:
        raise ValueError(
            f"the labels number {len(numbered)} classes, the network has {classes}"
            + (f"; class {absent[0]} has no label." if absent else ".")
        )
    return [numbered[str(number)] for number in range(classes)]


def plain_label(label: object) -> str:
    """A label as one line of text, of at most 200 letters.

    >>> plain_label("  a\\tcat "), len(plain_label("cat" * 100_000)), plain_label("")
    ('a cat', 200, '(no name)')
    """
    if isinstance(label, Sequence) and not isinstance(label, str) and label:
        label = label[-1]
    if not isinstance(label, (str, int)):
        raise ValueError(f"a label is a name, not a {type(label).__name__}.")
    if isinstance(label, int) and abs(label) >= 10**18:
        raise ValueError("a label is a name, not a number of so many digits.")
    text = str(label)[: 10 * LONGEST]
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:LONGEST] or "(no name)"
