"""Names from strangers are text on every page: no label, folder, file or layer name is ever read as markup."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import Page, expect
from safetensors.torch import save

from tests.corpora.samples import picture
from tests.pages.test_shell import PAGES
from tests.pages.test_shell_browser import rests
from tests.pictures import encoded
from tests.served import serve, watch
from vizcore.zoo.tiny_vgg import TinyVGG

pytestmark = pytest.mark.browser

ADDRESS = "http://elsewhere.invalid"
LABELS = [
    f"`![a tick]({ADDRESS}/tick.png)",
    f"![a picture]({ADDRESS}/picture.png)",
    f"<img src={ADDRESS}/tag.png>",
    f"<b>[bold]({ADDRESS}/link)</b> :material/home: $x$",
    f"{ADDRESS}/bare or www.elsewhere.invalid",
]
# No file name holds a slash, but Markdown reads one written in numbers.
FOLDERS = [re.sub("/", "&#47;", name)[:80] for name in LABELS[:3]]
RESTING = "[data-testid=stApp][data-test-script-state=notRunning]"
WORKING = "button:has-text('Stop')"  # a page whose job goes on never rests
SELECTED = [page.removesuffix(".py") for page in PAGES]


def weights() -> bytes:
    """A small network whose classes have such names."""
    torch.manual_seed(0)
    return save(TinyVGG(len(LABELS), (4, 4, 4, 4, 4, 4)).state_dict(), {"labels": json.dumps(LABELS)})


def pictures(folder: Path) -> Path:
    """A collection whose folders and files have such names, as has the collection itself."""
    for number in range(24):
        place = folder / FOLDERS[number % len(FOLDERS)]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{FOLDERS[0]}{number}.png").write_bytes(encoded(picture(number, 64, 64), "PNG"))
    return folder


@pytest.fixture(scope="module")
def lecture(browser, tmp_path_factory):
    """A page of a session that has opened the network, on a server that offers the collection."""
    folder = tmp_path_factory.mktemp("names")
    offered = pictures(folder / f"`![x]({ADDRESS.replace('/', '&#47;')})")
    with serve(folder / "log.txt", folder / "cache", corpora=[offered]) as url:
        context = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.elsewhere, page.offered = watch(page, url), offered.name
        page.goto("/?network=tiny-vgg")
        rests(page)
        page.get_by_role("button", name="Your own network").click()
        page.locator("[data-testid=stFileUploaderDropzoneInput]").first.set_input_files(
            {"name": f"{FOLDERS[0]}.safetensors", "mimeType": "application/octet-stream", "buffer": weights()}
        )
        page.wait_for_url(re.compile("network=own-"))
        rests(page)
        yield page
        context.close()


def turns_to(page: Page, name: str, **asked: str) -> None:
    """Go to a page of the same session, as the browser's Back does."""
    title, address = page.locator("h1"), "/" if name == "overview" else f"/{name}"
    before, moves = title.inner_text(), urlsplit(page.url).path != address
    page.evaluate(
        """([path, asked]) => {
            const kept = new URLSearchParams(location.search)
            for (const [name, value] of Object.entries(asked)) kept.set(name, value)
            history.pushState({}, "", `${path}?${kept}`)
            dispatchEvent(new PopStateEvent("popstate"))
        }""",
        [address, asked],
    )
    if moves:
        expect(title).not_to_have_text(before, timeout=60_000)
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=60_000)
    page.wait_for_selector(f"{RESTING}, {WORKING}")
    page.wait_for_timeout(300)  # what came last is drawn


def is_text(page: Page) -> None:
    """Nothing was asked of another address, and nothing on the page leads to one or came from its markup."""
    assert page.elsewhere == []
    for place in ("src", "href"):
        expect(page.locator(f"[{place}*='elsewhere.invalid']")).to_have_count(0)
    expect(page.locator(".katex", has_text=re.compile("^xx?$"))).to_have_count(0)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


@pytest.mark.parametrize("name", SELECTED)
def test_no_name_is_markup(lecture, name):
    turns_to(lecture, name, unit=f"scores:{SELECTED.index(name) % len(LABELS)}")
    is_text(lecture)


@pytest.mark.parametrize("name", ["examples", "neighbors", "embedding", "transfer"])
def test_no_folder_or_file_name_is_markup(lecture, name):
    turns_to(lecture, name, corpus=lecture.offered)
    expect(lecture.get_by_text(re.compile("elsewhere")).first).to_be_attached()
    is_text(lecture)


def test_the_names_are_there_as_they_were_written(lecture):
    turns_to(lecture, "cam", unit="scores:0")
    text = lecture.locator("[data-testid=stMain]").inner_text().replace("\u2060", "")
    assert [label for label in LABELS if label not in text] == []
