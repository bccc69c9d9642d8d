"""How long a reader waits, in a real browser: `python -m benchmarks.browser [REPEATS]`.

Every line is a median, with the fastest and the slowest try. The clock starts at the click (or when
a cold server first answers) and stops when the browser shows what was asked for.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.served import NO_CHROMIUM, chromium, open_chromium, serve

# What the clock stops for, by the pages' own marks.
START = "/"
FIRST_PICTURE = "[data-testid=stMain] .pictures img"  # what the network is shown
ACTIVATIONS = "/activations"
GRID = "[data-testid=stMain] .grid canvas"
TILE = 68  # pixels from one small picture in the grid to the next
ANSWER = "[data-testid=stMain] .stage"  # its label names the channel it shows
CHAPTER = "Inspection"
PAGES = ["Filters", "Activations", "Network"]  # of that chapter, opened in turn
INDEXED = "network=tiny-vgg&unit=conv4.relu:5"
PATCHES = "[class*='st-key-passport-patches'] canvas"

ARRIVED = """before => {
    const title = document.querySelector("[data-testid=stMain] h1");
    const idle = document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]");
    return title && title.innerText !== before && idle;
}"""


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def first_picture(page: Page, url: str) -> None:
    """Open the start page and wait for its first picture."""
    page.goto(url + START, wait_until="commit")
    page.locator(FIRST_PICTURE).first.wait_for()


def settle(page: Page) -> None:
    """Wait until the page has nothing more to do."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(500)


def click_on_grid(page: Page, number: int) -> float:
    """Click on another channel in the grid and wait until the large picture shows it."""
    settle(page)
    before = page.locator(ANSWER).first.get_attribute("aria-label")
    place = {"x": TILE * (number % 5 + 0.5), "y": TILE * (number % 4 + 0.5)}

    def ask() -> None:
        page.locator(GRID).first.click(position=place)
        page.locator(f"{ANSWER}:not([aria-label='{before}'])").first.wait_for()

    return seconds(ask)


def switch(page: Page, name: str, chapter: str = CHAPTER) -> float:
    """Choose a page in the navigation and wait until it is there and done."""
    settle(page)
    before = page.locator("[data-testid=stMain] h1").first.inner_text()
    page.get_by_test_id("stTopNavSection").filter(has_text=chapter).click()
    link = page.get_by_test_id("stTopNavDropdownLink").filter(has_text=name)
    link.wait_for()

    def go() -> None:
        link.click()
        page.wait_for_function(ARRIVED, arg=before)

    return seconds(go)


def passport(page: Page, url: str) -> float:
    """From another page to the passport of a unit whose layer is indexed, until what excites it most is there."""
    page.goto(f"{url}/filters?{INDEXED}")
    page.locator("[data-testid=stMain] canvas").first.wait_for()
    return switch(page, "Unit passport", "Laboratory")


def report(what: str, times: list[float], asked: float) -> None:
    """Print one line: the median, its spread, and what was asked for."""
    spread = f"{min(times):.2f} to {max(times):.2f}, {len(times)} tries"
    print(f"{what:<40}{statistics.median(times):6.2f} s   ({spread}; at most {asked} s is asked for)", flush=True)


def main(repeats: int) -> None:
    """Time all of them and print them."""
    path = chromium()
    if path is None:
        sys.exit(NO_CHROMIUM)
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, open_chromium(path) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(120_000)
        log, cache = Path(folder) / "log.txt", Path(folder) / "cache"
        cold = []
        for _ in range(3):
            with serve(log, cache) as url, context.new_page() as page:
                cold.append(seconds(lambda page=page, url=url: first_picture(page, url)))
        report("cold server to first picture", cold, 4)

        with serve(log, cache) as url, context.new_page() as page:
            page.goto(url + ACTIVATIONS)
            page.wait_for_selector(GRID)
            click_on_grid(page, 1)
            report("click on an activation to its answer", [click_on_grid(page, n + 2) for n in range(repeats)], 0.5)
            for name in PAGES:
                switch(page, name)
            report("page switch", [switch(page, name) for _ in range(repeats // 3) for name in PAGES], 0.7)

            page.goto(f"{url}/passport?{INDEXED}")
            page.locator(PATCHES).wait_for()  # indexed by now, as far as this unit's layer goes
            report("page switch to an indexed passport", [passport(page, url) for _ in range(repeats // 3)], 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
