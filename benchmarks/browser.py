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
FIRST_PICTURE = ".pictures img"
ACTIVATIONS = "/activations"
GRID = "[data-testid=stMain] [role=listbox] canvas"
ANSWER = "[data-testid=stImage] img"
PAGES = ["Filters", "Activations", "Network"]  # links in the navigation, clicked in turn
CHAPTER = "[data-testid=stTopNavSection]"  # opens the list with the pages of the first chapter
NAVIGATION = "[data-testid=stTopNavDropdownLink]"

SHOWN = """selector => {
    const picture = document.querySelector(selector);
    return picture && picture.complete !== false && picture.getBoundingClientRect().width > 0;
}"""
CHANGED = """([selector, before]) => {
    const answer = document.querySelector(selector);
    return answer && answer.outerHTML !== before && answer.complete !== false && !answer.closest("[data-stale=true]");
}"""
ARRIVED = """page => location.pathname === `/${page.toLowerCase()}` && document.querySelector("h1")
    && document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
"""


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def first_picture(page: Page, url: str) -> None:
    """Open the start page and wait for its first picture."""
    page.goto(url + START, wait_until="commit")
    page.wait_for_function(SHOWN, arg=FIRST_PICTURE)


def settle(page: Page) -> None:
    """Wait until the page has nothing more to do."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(500)


def click_on_grid(page: Page, number: int) -> float:
    """Click on another place of the activations and wait until the answer is another one."""
    settle(page)
    before = page.locator(ANSWER).first.evaluate("answer => answer.outerHTML")
    box = page.locator(GRID).first.bounding_box()
    place = {"x": box["width"] * (0.1 + 0.17 * number % 0.8), "y": box["height"] * (0.1 + 0.29 * number % 0.8)}

    def ask() -> None:
        page.locator(GRID).first.click(position=place)
        page.wait_for_function(CHANGED, arg=[ANSWER, before])

    return seconds(ask)


def switch(page: Page, name: str) -> float:
    """Click on a page in the navigation and wait until it is there and done."""
    settle(page)

    def go() -> None:
        page.locator(CHAPTER).first.click()
        page.locator(NAVIGATION).filter(has_text=name).first.click()
        page.wait_for_function(ARRIVED, arg=name)

    return seconds(go)


def report(what: str, times: list[float], asked: float) -> None:
    """Print one line: the median, its spread, and what was asked for."""
    spread = f"{min(times):.2f} to {max(times):.2f}, {len(times)} tries"
    print(f"{what:<40}{statistics.median(times):6.2f} s   ({spread}; at most {asked} s is asked for)", flush=True)


def main(repeats: int) -> None:
    """Time all three and print them."""
    path = chromium()
    if path is None:
        sys.exit(NO_CHROMIUM)
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, open_chromium(path) as browser:
        log, cache = Path(folder) / "log.txt", Path(folder) / "cache"
        cold = []
        for _ in range(3):
            with serve(log, cache) as url, browser.new_page() as page:
                cold.append(seconds(lambda page=page, url=url: first_picture(page, url)))
        report("cold server to first picture", cold, 6)

        with serve(log, cache) as url, browser.new_page(viewport={"width": 1280, "height": 900}) as page:
            page.goto(url + ACTIVATIONS)
            page.wait_for_selector(GRID)
            click_on_grid(page, 0)
            report("click on an activation to its answer", [click_on_grid(page, n) for n in range(1, repeats + 1)], 0.5)
            for name in PAGES:
                switch(page, name)
            report("page switch", [switch(page, name) for _ in range(repeats // 3) for name in PAGES], 0.7)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
