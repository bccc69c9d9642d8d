"""What files from strangers cost until they are refused or shown: `python -m benchmarks.hostile_files [WORD ...]`.

One file of every hostile kind known here is made on the spot, of at most 20 MB, and opened in a process of its own: as
a picture, a corpus or a network. Printed are the seconds of processor time and the memory beyond what the libraries
take, and what became of it. Ends with 1 if any took more than 10 seconds or 1.5 GB.
"""

import io
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

SECONDS, GIGABYTES, LARGEST = 10.0, 1.5, 20_000_000
FILES: dict[str, tuple[str, Callable[[Path], object]]] = {}
LIMIT = 120  # seconds of processor time after which a process is ended


def kind(ending: str) -> Callable:
    """Enter a function that makes a file with that ending."""

    def enter(make: Callable[[Path], object]) -> Callable:
        FILES[make.__name__] = (ending, make)
        return make

    return enter


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


SMALL = encoded(Image.new("RGB", (9, 9)), "PNG")


# Pictures


@kind(".jpg")
def thousands_of_scans(path: Path) -> None:
    data = encoded(Image.new("L", (3000, 2000), 9), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    path.write_bytes(data[:-2] + data[last:-2] * 6000 + b"\xff\xd9")


@kind(".jpg")
def scans_at_the_limit(path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8))
    data = encoded(noise, "JPEG", progressive=True, quality=30)
    last = data.rindex(b"\xff\xda")
    path.write_bytes((data[:-2] + data[last:-2] * 800)[: LARGEST - 2] + b"\xff\xd9")


@kind(".jpg")
def small_segments(path: Path) -> None:
    data = encoded(Image.new("L", (9, 9)), "JPEG")
    path.write_bytes(data[:2] + b"\xff\xe1\0\x10Exif\0\0abcdefgh" * 1_000_000 + data[2:])


@kind(".png")
def small_chunks(path: Path) -> None:
    chunk = b"\0\0\0\0noTe" + struct.pack(">I", zlib.crc32(b"noTe"))
    path.write_bytes(SMALL[:33] + chunk * 1_500_000 + SMALL[33:])


@kind(".bmp")
def runs_of_one_pixel(path: Path) -> None:
    runs = (b"\1\5" * 3000 + b"\0\0") * 3000 + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, 3000, 3000, 1, 8, 1, len(runs), 0, 0, 256, 0)
    path.write_bytes(struct.pack("<2sIHHI", b"BM", 1078 + len(runs), 0, 0, 1078) + head + bytes(1024) + runs)


@kind(".tif")
def tags_that_share_their_data(path: Path) -> None:
    size = 15_000_000
    tags = b"".join(struct.pack("<HHII", 40_000 + number, 7, size, 8) for number in range(3000))
    ours = [(256, 50), (257, 50), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 50), (279, 2500)]
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ours) + tags
    head = struct.pack("<2sHI", b"II", 42, 8 + size) + bytes(size)
    path.write_bytes(head + struct.pack("<H", 3000 + len(ours)) + tags + bytes(4))


for form, options in {"PNG": {}, "JPEG": {"progressive": True}, "WEBP": {"lossless": True}, "GIF": {},
                      "TIFF": {"compression": "tiff_lzw"}, "AVIF": {"speed": 10}}.items():  # fmt: skip

    @kind("." + form.lower())
    def largest(path: Path, form: str = form, options: dict = options) -> None:
        path.write_bytes(encoded(Image.new("RGB", (7000, 7000), "teal"), form, **options))

    FILES[f"the_largest_{form.lower()}"] = FILES.pop("largest")


# Corpora


@kind(".zip")
def pictures_cut_off(path: Path) -> None:
    data = encoded(Image.new("RGB", (7000, 7000), "teal"), "JPEG")[:-2]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(18_000_000 // len(data)):
            archive.writestr(f"{number}.jpg", data)


@kind(".zip")
def zeros_for_pictures(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(15):
            archive.writestr(f"{number}.png", SMALL + bytes(63_000_000))


def parquet(path: Path, cells: list[bytes], **options) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(pyarrow.table({"image": cells}), path, **options)


@kind(".parquet")
def zeros_in_groups(path: Path) -> None:
    parquet(path, [SMALL + bytes(30_000_000)] * 8, compression="zstd", use_dictionary=False, row_group_size=1)


@kind(".parquet")
def one_picture_for_all(path: Path) -> None:
    noise = random.Random(0).randbytes(10_000_000)
    parquet(path, [SMALL + noise] * 40, compression="none", dictionary_pagesize_limit=2**25)


# Networks


class Written(nn.Module):
    """A network of a few numbers that does something with what it read."""

    def __init__(self, written: Callable):
        super().__init__()
        self.fc = nn.Linear(3, 4)
        object.__setattr__(self, "written", written)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores = self.fc(images.mean((2, 3)))
        return scores + self.written(scores)[:, None]


def program(path: Path, written: Callable) -> None:
    shapes, images = ({0: torch.export.Dim("pictures")},), (torch.rand(2, 3, 8, 8),)
    torch.export.save(torch.export.export(Written(written).eval(), images, dynamic_shapes=shapes), path)


def wide(scores: torch.Tensor, *sides: int) -> torch.Tensor:
    return scores[:, :1].reshape(-1, *[1 for _ in sides]).expand(-1, *sides).cos()


@kind(".pt2")
def twelve_at_once(path: Path) -> None:
    program(path, lambda scores: sum([wide(scores + number, 30_000_000) for number in range(12)]).mean(1))


@kind(".pt2")
def thirty_products(path: Path) -> None:
    def products(scores):
        matrix = scores[0, 0].expand(1500, 1500).cos()
        for _ in range(30):
            matrix = (matrix @ matrix).tanh()
        return scores[:, 0] * matrix.mean()

    program(path, products)


@kind(".pt2")
def just_affordable(path: Path) -> None:
    def products(scores):
        matrix = scores[0, 0].expand(1500, 1500).cos()
        for _ in range(10):
            matrix = (matrix @ matrix).tanh()
        return scores[:, 0] * matrix.mean()

    program(path, products)


@kind(".pt2")
def sorted_again_and_again(path: Path) -> None:
    def sorts(scores):
        found = wide(scores, 3_000_000)
        for _ in range(12):
            found = found.sort(1)[0].sin()
        return found.mean(1)

    program(path, sorts)


@kind(".pt2")
def four_thousand_calls(path: Path) -> None:
    def calls(scores):
        for _ in range(4000):
            scores = scores.sin()
        return scores[:, 0]

    program(path, calls)


@kind(".pth")
def one_storage_for_all(path: Path) -> None:
    from vizcore.zoo.architectures import blueprint

    plan = blueprint("vit_b_16")
    everything = torch.zeros(3_000_000).half()
    torch.save({key: everything[: max(1, int(np.prod(shape)))].view(shape) for key, shape in plan.items()}, path)


@kind(".pth")
def names_without_end(path: Path) -> None:
    torch.save({"a." * 100_000 + str(number): torch.zeros(1) for number in range(38)}, path)


@kind(".pth")
def twenty_thousand_weights(path: Path) -> None:
    torch.save({f"layer{number}.weight": torch.zeros(1) for number in range(20_000)}, path)


@kind(".pth")
def a_long_old_pickle(path: Path) -> None:
    torch.save({"weight": torch.zeros(1), "log": list(range(2_000_000))}, path, _use_new_zipfile_serialization=False)


@kind(".safetensors")
def a_long_header(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({f"w{number}": torch.zeros(1) for number in range(55_000)}, path)


def opened(path: Path) -> str:
    """What becomes of a file: the sentence it is refused with, or what it is."""
    from vizcore import load_image, open_probe
    from vizcore.representation import open_corpus

    try:
        if path.suffix in (".zip", ".parquet"):
            corpus = open_corpus(path)
            return f"{len(corpus)} pictures, {len(corpus.skipped)} skipped"
        if path.suffix in (".pt2", ".pth", ".safetensors"):
            return repr(open_probe(path))
        return str(tuple(load_image(path).shape))
    except ValueError as problem:
        return str(problem)


def measured(path: Path) -> None:
    """Open a file in this process, and print what that took."""
    import pyarrow.parquet
    import safetensors

    from vizcore import load_image, open_probe
    from vizcore.zoo.architectures import families

    del pyarrow, safetensors
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    torch.set_num_threads(1)
    open_probe("tiny-vgg")
    families()  # imports torchvision and learns its shapes, which every process does once
    load_image(SMALL)
    before, began = memory(), time.process_time()
    found = opened(path)
    print(f"{time.process_time() - began:.2f} {(memory() - before) / 1e6:.3f} {found}")


def memory() -> int:
    """The most memory that this process has taken so far, in thousands of bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(words: list[str]) -> int:
    """A line for each file; 1 if any of them cost too much."""
    if words[:1] == ["--open"]:
        measured(Path(words[1]))
        return 0
    warnings.simplefilter("ignore")
    dear = 0
    print(f"{'kind':28} {'MB':>6} {'seconds':>8} {'GB':>6}")
    for name, (ending, make) in FILES.items():
        if words and not any(word in name for word in words):
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"hostile{ending}"
            make(path)
            size = path.stat().st_size
            assert size <= LARGEST, f"{name} has {size:,} bytes"
            process = subprocess.run(
                [sys.executable, "-m", "benchmarks.hostile_files", "--open", path], capture_output=True, text=True,
                env=os.environ | {"VIZCORE_CACHE": folder, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        lines = process.stdout.strip().splitlines()
        seconds, gigabytes, found = lines[-1].split(" ", 2) if lines else (LIMIT, 0, process.stderr.strip()[-200:])
        too_dear = float(seconds) > SECONDS or float(gigabytes) > GIGABYTES
        dear += too_dear
        print(f"{name:28} {size / 1e6:6.1f} {float(seconds):8.2f} {float(gigabytes):6.2f}"
              f"{'  TOO MUCH' if too_dear else ''}  {found[:150]}", flush=True)  # fmt: skip
    return min(dear, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
