"""Fetching official weights: once, whole, and as they were published."""

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from filelock import FileLock, Timeout

from vizcore.zoo.checkpoint import read_weights
from vizcore.zoo.official import OFFICIAL, Network
from vizcore.zoo.shelf import bundled_weights
from vizcore.zoo.timm_hub import timm_network
from vizcore.zoo.timm_networks import TIMM

CHUNK = 256 * 1024
SPARE = 100 * 10**6  # bytes of the disk that stay free


class FetchFailed(ValueError):
    """Weights could not be fetched; the message says why and what stays possible."""


@dataclass(frozen=True)
class Received:
    """A moment of a download: bytes here, bytes in all (0 while unknown), bytes a second, and seconds left."""

    step: int
    of: int
    bytes_per_second: float = 0.0
    seconds_left: float | None = None


def fetch(
    name: str, *, address: str | None = None, sha256: str | None = None, timeout: float = 20.0
) -> Iterator[Received]:
    """Bring the official weights of a network to this machine, where they stay; frames tell how far it is.

    A download that was cut off goes on where it stopped, here or the next time. Several readers who
    ask for the same weights share one download. `timm/NAME` comes from timm's hub, or the one that HF_ENDPOINT names,
    and is checked by the size and the SHA-256 stated there. `address` is another server with the same files;
    `sha256` is what the file's SHA-256 has to begin with, if not with the digits in its name.
    Raises FetchFailed.

    >>> list(fetch("tiny-vgg"))
    []
    """
    if name.startswith(TIMM):
        yield from fetch_from_hub(name, address, sha256, timeout)
        return
    network = OFFICIAL.get(name)
    if network is None:
        if name in bundled_weights():  # it comes with the project
            return
        raise FetchFailed(f"there are no official weights of {name!r}; there are {', '.join(OFFICIAL)}.")
    yield from download(
        network.url(address), network.path, sha256 or network.checksum, expected(network), timeout=timeout
    )


def fetch_from_hub(name: str, address: str | None, sha256: str | None, timeout: float) -> Iterator[Received]:
    """Bring the official weights of a network of timm, of the size and with the checksum that the hub states."""
    try:
        network = timm_network(name)
    except ValueError as problem:
        raise FetchFailed(str(problem)) from problem
    if network.available:
        return
    url = network.url(address)
    size, checksum = stated(url, timeout)
    checksum = sha256 or checksum
    yield from download(url, network.path, checksum, size, timeout=timeout)
    if not checksum:  # then at least it has to be whole, and weights
        try:
            read_weights(network.path)
        except ValueError as problem:
            network.path.unlink()
            raise FetchFailed(f"what {urlsplit(url).netloc} sent as {name} was deleted: {problem}") from problem


def stated(url: str, timeout: float) -> tuple[int, str]:
    """What a hub states about a file before it sends the reader on: bytes and SHA-256; 0 and "" where it does not.

    A hub keeps large files elsewhere, and names both in the headers of its own answer, `X-Linked-Size` and
    `X-Linked-Etag`. Addresses of the hub itself, as of a network that was given another name, are followed.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchFailed(f"weights are fetched from http and https addresses, not from {url[:80]}.")
    home = urlsplit(url).netloc
    opener = urllib.request.build_opener(NoRedirects)
    for _ in range(5):
        request = urllib.request.Request(url, headers={"User-Agent": "convscope"}, method="HEAD")
        try:
            with opener.open(request, timeout=timeout) as answer:
                headers, there = answer.headers, None
        except urllib.error.HTTPError as problem:
            if problem.code not in (301, 302, 303, 307, 308):
                reason = f"it answered {problem.code} {problem.reason}"
                raise FetchFailed(f"{url[:120]} could not be fetched from {home}: {reason}.") from problem
            headers, there = problem.headers, problem.headers.get("Location")
        except (OSError, http.client.HTTPException) as problem:
            cause = getattr(problem, "reason", problem)
            reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
            raise FetchFailed(
                f"{home} could not be asked for {url[:120]}: {reason}; tiny-vgg works without."
            ) from problem
        size, checksum = headers.get("X-Linked-Size") or "", (headers.get("X-Linked-Etag") or "").strip('W/"').lower()
        if size or checksum or there is None or urlsplit(urljoin(url, there)).netloc != home:
            known = len(checksum) == 64 and all(digit in "0123456789abcdef" for digit in checksum)
            return int(size) if size.isdecimal() else 0, checksum if known else ""
        url = urljoin(url, there)
    raise FetchFailed(f"{home} sends its readers round in circles for {url[:120]}.")


def expected(network: Network) -> int:
    """About how many bytes the weights of a network have."""
    return round(network.megabytes * 1e6)


def download(url: str, path: Path, sha256: str, size: int = 0, *, timeout: float = 20.0) -> Iterator[Received]:
    """Download one file to `path`, which appears only when the whole of it is there and its checksum is right.

    The checksum is a SHA-256, or the first digits of one, or an MD5 written as `md5:...`. Until the file is whole it is
    kept beside its place as `.part`. `size` is about how many bytes are expected; 0 if that is unknown.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchFailed(f"weights are fetched from http and https addresses, not from {url[:80]}.")
    partial = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"), thread_local=False)  # a run may be closed in another thread
    try:
        while not locked(lock):  # somebody else is fetching it: watch, then use theirs
            yield Received(bytes_in(partial), size)
            time.sleep(0.2)
        while not path.is_file():
            resumed = partial.is_file()
            yield from receive(url, partial, size, timeout)
            if digest(partial, sha256).startswith(sha256.lower().removeprefix("md5:")):
                partial.replace(path)
            else:
                partial.unlink()
                if not resumed:  # otherwise what was there before may have been the fault: once more from the start
                    raise FetchFailed(
                        f"{path.name} arrived, but is not the file that was published (its checksum differs), "
                        "and was deleted; try again later or from another address."
                    )
    finally:
        lock.release()


def receive(url: str, partial: Path, size: int, timeout: float) -> Iterator[Received]:
    """Ask for the bytes that are missing until none is; a broken connection is taken up again if it brought any."""
    began, at_first = time.monotonic(), bytes_in(partial)
    while True:
        before = bytes_in(partial)
        try:
            for step, of in pieces(url, partial, size, timeout):
                at_first = min(at_first, step)  # the server may start over
                speed = (step - at_first) / max(time.monotonic() - began, 1e-3)
                yield Received(step, of, speed, (of - step) / speed if speed and of else None)
            if not of or step >= of:
                return
            reason = "the connection was cut"
        except urllib.error.HTTPError as problem:
            if problem.code == 416 and before:  # nothing comes after what is here
                return
            raise FetchFailed(f"{refusal(url, partial)}: it answered {problem.code} {problem.reason}.") from problem
        except (OSError, http.client.HTTPException) as problem:
            cause = getattr(problem, "reason", problem)
            reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        if bytes_in(partial) <= before:
            raise FetchFailed(
                f"{refusal(url, partial)}: {reason} after {bytes_in(partial) / 1e6:.1f} MB; "
                "the next fetch goes on from there, and efficientnet-lite0 works without."
            )


def refusal(url: str, partial: Path) -> str:
    """How a sentence about a failed download begins."""
    return f"{partial.stem} could not be fetched from {urlsplit(url).netloc}"


def pieces(url: str, partial: Path, size: int, timeout: float) -> Iterator[tuple[int, int]]:
    """One connection: append what it brings; tell after every piece how many bytes are here, and of how many."""
    have = bytes_in(partial)
    # Compressed on the way, byte positions would not be those of the file.
    headers = {"User-Agent": "convscope", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    opener = urllib.request.build_opener(SafeRedirects)
    with opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0
            if response.status == 206:
                raise FetchFailed(f"{refusal(url, partial)}: it sent another part of the file than was asked for.")
        announced = response.headers.get("Content-Length") or ""
        length = int(announced) if announced.isdecimal() else 0
        of = have + length if length else 0
        check_size(partial, of, size)
        check_room(partial, of - have)
        with partial.open("ab" if have else "wb") as file:
            yield have, of
            while chunk := response.read(CHUNK):
                have += file.write(chunk)
                check_size(partial, have, size)
                yield have, of


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirection, so that its own headers can be read."""

    def redirect_request(self, *answer):
        return None


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection to another web address, but never to a file, and never from https to http."""

    def redirect_request(self, request, answer, code, message, headers, new_address):
        if urlsplit(new_address).scheme not in {"https", request.type}:
            raise FetchFailed(f"{request.host} points to {new_address[:80]}, where weights are not fetched from.")
        return super().redirect_request(request, answer, code, message, headers, new_address)


def check_size(partial: Path, of: int, size: int) -> None:
    """Refuse a file that is clearly larger than it should be."""
    if size and of > 1.02 * size + 10**5:
        if bytes_in(partial) > size:
            partial.unlink()
        raise FetchFailed(
            f"{partial.stem} should have {size / 1e6:.1f} MB, but {of / 1e6:,.1f} MB were announced or sent."
        )


def check_room(partial: Path, more: int) -> None:
    """Refuse to fill the disk."""
    free = shutil.disk_usage(partial.parent).free
    if more + SPARE > free:
        raise FetchFailed(
            f"{partial.stem} needs {more / 1e6:,.0f} MB more, but {partial.parent} has {free / 1e6:,.0f} MB free; "
            "make room or set VIZCORE_CACHE to another folder."
        )


def bytes_in(path: Path) -> int:
    """How many bytes a file has; none where there is no file, or no longer, another reader having just named it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def digest(path: Path, like: str = "") -> str:
    """The checksum of a file, of the kind of another: SHA-256, or MD5 where that is written as `md5:...`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5" if like.startswith("md5:") else "sha256").hexdigest()


def locked(lock: FileLock) -> bool:
    """Take a lock, if nobody else holds it; its release, or the end of the process, gives it back."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
