"""What every test shares: threads, an order, and for browser tests a running app and a page on it."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.caching.cache_resource_api import clear_session_cache

from tests.served import NO_CHROMIUM, chromium, open_chromium, serve, watch

SERVER_LOG, CACHE = pytest.StashKey[Path](), pytest.StashKey[Path]()
# Of torch: as many as the smallest machine has cores, shared by the processes that test side by side. Where these have
# more threads than there are cores, they wait for one another and take ten times as long.
THREADS = max(1, 2 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))


def pytest_configure(config: pytest.Config) -> None:
    """Not even a doctest reads or writes what somebody has fetched or indexed on this machine."""
    torch.set_num_threads(THREADS)
    os.environ["OMP_NUM_THREADS"] = str(THREADS)  # of the servers and commands that tests begin, which would take all
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="vizcore-", ignore_cleanup_errors=True)
        os.environ["VIZCORE_CACHE"] = folder.name
        config.add_cleanup(folder.cleanup)
    config.stash[CACHE] = Path(os.environ["VIZCORE_CACHE"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first, slow ones next, those in a browser last."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: 2 * bool(item.get_closest_marker("browser")) + bool(item.get_closest_marker("slow")))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Modules and tests stay to the end: the collector of garbage need not look through them, now or each time."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.set_threshold(2_000, 20, 50)
    gc.enable()
    return collected


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A test that fails against the server shows what the server said."""
    report = yield
    log = item.config.stash.get(SERVER_LOG, None)
    if report.failed and log and "server" in getattr(item, "fixturenames", ()):
        report.sections.append(("the end of the server's log", "\n".join(log.read_text().splitlines()[-60:])))
    return report


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """No test leaves torch with another number of threads."""
    yield
    left = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    assert left == THREADS, f"torch was left with {left} threads instead of {THREADS}"


@pytest.fixture(scope="session", autouse=True)
def packages_read_once() -> Iterator[None]:
    """Whenever AppTest runs a page, Streamlit reads what every installed package says of itself, a quarter second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def jobs_at_rest() -> Iterator[None]:
    """What a page began in the background does not go on beside the next test, and its session ends with the test.

    To Streamlit all that AppTest opens is one session; the next test would be told of a job that was stopped here.
    """
    yield
    if "pages.parts.jobs" in sys.modules:
        sys.modules["pages.parts.jobs"].rest()
        clear_session_cache("test session id")
    if "pages.parts.networks" in sys.modules:  # which networks are there is remembered for two seconds
        sys.modules["pages.parts.networks"].shelf.clear()
        sys.modules["pages.parts.networks"].titles.clear()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No test reads or writes the weights somebody has fetched on this machine."""
    if "digits_kept" not in request.fixturenames:
        monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def digits_indexed(request: pytest.FixtureRequest) -> Path:
    """A cache folder with what tiny-vgg made of the digits; copied by tests that would else all begin with that.

    Processes that test side by side share it: whoever comes second waits until it is there.
    """
    from vizcore import last, open_probe
    from vizcore.representation import build_index, open_corpus

    folder = request.config.stash[CACHE] / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZCORE_CACHE", str(folder))
        last(build_index(open_probe("tiny-vgg"), open_corpus("digits")))
    return folder


@pytest.fixture(scope="module")
def digits_kept(tmp_path_factory: pytest.TempPathFactory, digits_indexed: Path) -> Iterator[None]:
    """One cache folder for all tests of a file, where the digits are indexed already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZCORE_CACHE", str(shutil.copytree(digits_indexed, tmp_path_factory.mktemp("kept") / "cache")))
        yield


@pytest.fixture
def digits_served(server: str, digits_indexed: Path, request: pytest.FixtureRequest) -> None:
    """The server has indexed the digits already."""
    shutil.copytree(digits_indexed, request.config.stash[SERVER_LOG].with_name("cache"), dirs_exist_ok=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the app, served once for all tests with an empty cache folder."""
    folder = tmp_path_factory.mktemp("server")
    request.config.stash[SERVER_LOG] = folder / "log.txt"
    with serve(folder / "log.txt", folder / "cache") as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    path = chromium()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    with open_chromium(path) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A fresh page, signed in nowhere, on which relative addresses are the app's. No request may leave the machine."""
    context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=30_000)
    elsewhere = watch(page, server)
    yield page
    context.close()
    assert not elsewhere, f"the page asked for addresses outside this machine: {elsewhere}"
