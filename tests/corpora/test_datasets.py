"""Collections of the literature come through the zoo's downloader, from a server on loopback here."""

import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest
import torch

from tests.weights_server import serving
from vizcore.corpora.datasets import DATASETS, datasets
from vizcore.representation import fetch_corpus, open_corpus
from vizcore.zoo.download import FetchFailed

NAMES = ["airplane", "automobile", "bird"]


def pickled(content: object) -> bytes:
    return pickle.dumps(content)


def cifar(monkeypatch, each: int = 40) -> tuple[bytes, np.ndarray]:
    """A small archive laid out as CIFAR-10's, whose checksums torchvision and this project are given."""
    kind = datasets().CIFAR10
    pixels = np.random.default_rng(0).integers(0, 256, (6, each, 3072), np.uint8)
    files = {name: pickled({"data": pixels[place], "labels": [number % 3 for number in range(each)]})
             for place, (name, _) in enumerate([*kind.train_list, *kind.test_list])}  # fmt: skip
    files["batches.meta"] = pickled({"label_names": NAMES})
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    for rows in ("train_list", "test_list"):
        monkeypatch.setattr(kind, rows, [[name, md5[name]] for name, _ in getattr(kind, rows)])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": md5["batches.meta"]})
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(file.getvalue()).hexdigest())
    return file.getvalue(), pixels.reshape(6 * each, 3, 32, 32)


def test_cifar_is_fetched_and_opened_pixel_for_pixel(monkeypatch):
    content, pixels = cifar(monkeypatch)
    with pytest.raises(ValueError, match=r"CIFAR-10 \(170 MB\) is not on this machine; `python -m vizcore index"):
        open_corpus("cifar10")
    with serving(content) as server:
        frames = list(fetch_corpus("cifar10", address=server.address))
    assert frames[-1].step == len(content) and frames[-1].of > 0
    corpus = open_corpus("cifar10")
    assert len(corpus) == 240 and corpus.labels == tuple(NAMES)
    assert corpus.classes.tolist() == [number % 40 % 3 for number in range(240)]
    for number in (0, 57, 239):
        assert torch.equal(corpus[number], torch.from_numpy(pixels[number]).float() / 255)
    assert corpus.names[0] == "train 0" and corpus.names[200] == "test 0"
    assert list(fetch_corpus("cifar10", address="http://127.0.0.1:9")) == [], "here for good"


def test_a_download_that_was_cut_goes_on_where_it_stopped(monkeypatch):
    content, _ = cifar(monkeypatch)
    half = len(content) // 2
    with serving(content, cut_after=half, cuts=1) as server:
        list(fetch_corpus("cifar10", address=server.address))
        assert server.asked == [None, f"bytes={half}-"]
    assert len(open_corpus("cifar10")) == 240


def test_unpacking_that_was_cut_off_begins_anew(monkeypatch):
    dataset, kind, content = DATASETS["imagenette"], datasets().Imagenette, io.BytesIO()
    kinds = list(kind._WNID_TO_CLASS)[:2]
    pictures = [f"imagenette2-160/{split}/{wnid}/{number}.JPEG"
                for split in ("train", "val") for wnid in kinds for number in range(5)]  # fmt: skip
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in pictures:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    archives = {"160px": (kind._ARCHIVES["160px"][0], hashlib.md5(content.getvalue()).hexdigest())}
    monkeypatch.setattr(kind, "_ARCHIVES", kind._ARCHIVES | archives)
    for name in pictures[:13]:  # of a run that was killed in the middle
        (dataset.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (dataset.folder / name).touch()
    with serving(content.getvalue()) as server:
        list(fetch_corpus("imagenette", address=server.address))
    assert len(open_corpus("imagenette")) == 20


def test_another_file_than_was_published_is_refused_and_deleted(monkeypatch):
    content, _ = cifar(monkeypatch)
    with serving(content[:-1] + b"!") as server, pytest.raises(FetchFailed, match="its checksum differs"):
        list(fetch_corpus("cifar10", address=server.address))
    assert not list(DATASETS["cifar10"].folder.glob("*.gz*part")) and not DATASETS["cifar10"].available


def test_without_the_internet_a_sentence_says_so():
    with pytest.raises(FetchFailed, match=r"could not be fetched from 127\.0\.0\.1:9"):
        list(fetch_corpus("pets", address="http://127.0.0.1:9"))
    with pytest.raises(FetchFailed, match="there are cifar10, imagenette"):
        list(fetch_corpus("mnist"))


@pytest.mark.parametrize("name", DATASETS)
def test_torchvision_knows_where_every_archive_was_published(name):
    dataset = DATASETS[name]
    archives = dataset.archives(getattr(datasets(), dataset.family))
    assert all(archive.url.startswith("http") and len(archive.md5) == 32 for archive in archives)
    assert sum(archive.megabytes for archive in archives) == pytest.approx(dataset.megabytes, abs=0.3)
