"""Training photographs in miniature, in both of the forms in which they come."""

import io
from pathlib import Path

import pytest
from PIL import Image

COLOURS = {"n1": (200, 60, 60), "n2": (60, 60, 200), "n3": (60, 200, 60)}
CORE = ("n1", "n2")


def photograph(wnid: str, number: int, form: str) -> bytes:
    """A picture of one colour with a little of another: red is one class, blue the other."""
    picture = Image.new("RGB", (64, 64), COLOURS[wnid])
    picture.paste((90, 90 + number, 90), (number % 40, 10, number % 40 + 9, 30))
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=95)
    return buffer.getvalue()


@pytest.fixture(params=["JPEG", "WEBP"])
def data(request, tmp_path: Path) -> Path:
    """A folder of training photographs in one of the two forms in which they come."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "classes.txt").write_text("n1\tred\tcore\nn2\tblue\tcore\nn3\tgreen\t\n")
    rows = [(split, wnid, number) for split, count in (("train", 60), ("val", 10)) for number in range(count)
            for wnid in (COLOURS if request.param == "JPEG" else CORE)]  # fmt: skip
    column = {"JPEG": "jpeg", "WEBP": "webp"}[request.param]
    table = {
        "split": [row[0] for row in rows],
        "wnid": [row[1] for row in rows],
        column: [photograph(row[1], row[2], request.param) for row in rows],
    }
    if request.param == "WEBP":
        parquet.write_table(arrow.table(table), tmp_path / "core-compact.parquet")
    else:
        for split in ("train", "val"):
            here = [number for number, row in enumerate(rows) if row[0] == split]
            part = {name: [values[number] for number in here] for name, values in table.items() if name != "split"}
            part["box"] = [[0, 0, 63, 63]] * len(here)
            parquet.write_table(arrow.table(part), tmp_path / f"{split}-0.parquet")
    return tmp_path
