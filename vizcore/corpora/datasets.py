"""The collections of the literature, read by torchvision: fetched once, as published, and offline from then on."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from filelock import FileLock
from torch import Tensor

from vizcore.corpora.files import Pictures, written
from vizcore.folders import cache_folder
from vizcore.imaging import UnreadableImage, load_image
from vizcore.zoo import FetchFailed, Received, download, locked


@dataclass(frozen=True)
class Archive:
    """A file of a collection: where it was published, its MD5 and megabytes, and where torchvision looks for it."""

    url: str
    md5: str
    megabytes: float
    place: str = "."


@dataclass(frozen=True)
class Dataset:
    """A collection by its name, with what torchvision calls it, the splits that are read, and what it weighs."""

    name: str
    title: str
    pictures: int
    megabytes: float
    family: str
    splits: tuple[dict[str, Any], ...]
    archives: Callable[[Any], list[Archive]]

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return cache_folder("corpora") / self.name

    @property
    def marker(self) -> Path:
        """The file that is there when the whole collection is: the archives it was unpacked from."""
        return self.folder / "complete.json"

    @property
    def available(self) -> bool:
        """Whether it can be opened now, without the internet."""
        return self.marker.is_file()

    def parts(self, *, unpack: bool = False) -> list:
        """Its splits as torchvision's datasets, unpacked first if asked."""
        kind = getattr(datasets(), self.family)
        return [kind(self.folder, download=unpack, **split) for split in self.splits]


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset("cifar10", "CIFAR-10", 60_000, 170.5, "CIFAR10", ({"train": True}, {"train": False}),
                lambda kind: [Archive(kind.url, kind.tgz_md5, 170.5)]),
        Dataset("imagenette", "Imagenette", 13_394, 99.0, "Imagenette",
                ({"split": "train", "size": "160px"}, {"split": "val", "size": "160px"}),
                lambda kind: [Archive(*kind._ARCHIVES["160px"], 99.0)]),
        Dataset("stl10", "STL-10", 13_000, 2640.4, "STL10", ({"split": "train"}, {"split": "test"}),
                lambda kind: [Archive(kind.url, kind.tgz_md5, 2640.4)]),
        Dataset("flowers102", "Flowers-102", 8189, 344.9, "Flowers102",
                ({"split": "train"}, {"split": "val"}, {"split": "test"}),
                lambda kind: [Archive(kind._download_url_prefix + name, md5, 344.9 if what == "image" else 0.1,
                                      "flowers-102") for what, (name, md5) in kind._file_dict.items()]),
        Dataset("pets", "Oxford pets", 7349, 811.1, "OxfordIIITPet", ({"split": "trainval"}, {"split": "test"}),
                lambda kind: [Archive(url, md5, 791.9 if "images" in url else 19.2, "oxford-iiit-pet")
                              for url, md5 in kind._RESOURCES]),
    )
}  # fmt: skip


def datasets() -> Any:
    """Torchvision's datasets, imported when they are wanted."""
    from vizcore.zoo.torchvision_import import torchvision

    return torchvision.datasets


def fetch_corpus(name: str, *, address: str | None = None, timeout: float = 20.0) -> Iterator[Received]:
    """Bring a collection of the literature to this machine, where it stays; frames tell how far it is.

    What was cut off goes on where it stopped, here or the next time. `address` is another server that has the
    same files. Raises FetchFailed, a ValueError.

    >>> list(fetch_corpus("tiles"))  # comes with the project
    []
    """
    dataset = DATASETS.get(name)
    if dataset is None:
        if name in ("tiles", "digits"):
            return
        raise FetchFailed(f"there is no collection {name!r} to fetch; there are {', '.join(DATASETS)}.")
    if dataset.available:
        return
    archives = dataset.archives(getattr(datasets(), dataset.family))
    sizes = [round(archive.megabytes * 1e6) for archive in archives]
    for archive, size, before in zip(archives, sizes, accumulate([0, *sizes]), strict=False):
        file = PurePosixPath(archive.url).name
        path = dataset.folder / archive.place / file
        url = archive.url if address is None else f"{address.rstrip('/')}/{file}"
        if not path.is_file():
            for frame in download(url, path, f"md5:{archive.md5}", size, timeout=timeout):
                yield replace(frame, step=before + frame.step, of=sum(sizes))
    lock = FileLock(dataset.folder / "unpacking.lock", thread_local=False)  # a run may be closed in another thread
    try:
        while not locked(lock):  # somebody else is unpacking it: watch, then use theirs
            yield Received(sum(sizes), sum(sizes))
            time.sleep(0.2)
        if not dataset.available:
            unpack(dataset, archives)
    finally:
        lock.release()


def unpack(dataset: Dataset, archives: list[Archive]) -> None:
    """Unpack the archives of a collection from the start: torchvision takes a folder that is there for a whole one."""
    places = {dataset.folder / archive.place for archive in archives}
    for folder in [part for place in places for part in place.iterdir() if part.is_dir() and part not in places]:
        shutil.rmtree(folder)  # left by a run that was cut off
    dataset.parts(unpack=True)
    for archive in archives:
        file = dataset.folder / archive.place / PurePosixPath(archive.url).name
        if file.suffix in (".gz", ".tgz"):  # unpacked, it takes its room twice
            file.unlink(missing_ok=True)
    written(dataset.marker, json.dumps([archive.md5 for archive in archives]).encode())


@dataclass(frozen=True)
class DatasetPictures:
    """Reads a picture from one of several datasets that follow each other; `starts` are their first numbers."""

    parts: tuple
    starts: np.ndarray

    def __call__(self, number: int) -> Tensor:
        part = int(np.searchsorted(self.starts, number, "right")) - 1
        try:
            picture, _ = self.parts[part][number - int(self.starts[part])]
        except OSError as problem:
            raise UnreadableImage(f"Picture {number} is damaged; delete the collection and fetch it anew.") from problem
        return load_image(picture)


def dataset_pictures(dataset: Dataset) -> Pictures:
    """The pictures of a collection that is here; ValueError with the command that fetches it, where it is not."""
    if not dataset.available:
        raise ValueError(
            f"{dataset.title} ({dataset.megabytes:,.0f} MB) is not on this machine; `python -m vizcore index --corpus "
            f"{dataset.name}` fetches it once, and tiles and digits work without."
        )
    parts = dataset.parts()
    classes = np.concatenate([np.asarray(targets(part)) for part in parts]).astype(np.int64)
    labels = tuple(", ".join(name) if isinstance(name, tuple) else name for name in parts[0].classes)
    lengths = [len(part) for part in parts]
    starts = np.cumsum([0, *lengths[:-1]])
    content = hashlib.blake2b(dataset.marker.read_bytes() + repr(dataset.splits).encode(), digest_size=16)
    words = [split.get("split") or ("train" if split["train"] else "test") for split in dataset.splits]
    names = tuple(f"{word} {number}" for word, length in zip(words, lengths, strict=True) for number in range(length))
    return Pictures(names, classes, labels, content.hexdigest(), DatasetPictures(tuple(parts), starts))


def targets(part: Any) -> Any:
    """The classes of one of torchvision's datasets, which keep them under four names."""
    for name in ("targets", "labels", "_labels"):
        if hasattr(part, name):
            return getattr(part, name)
    return [kind for _, kind in part._samples]
