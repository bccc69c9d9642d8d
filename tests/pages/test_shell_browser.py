"""The shell in a real browser: what only a browser can show. Fixture `page` sees that nothing leaves the machine."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.served import serve

pytestmark = pytest.mark.browser

GRID = "[role=listbox][aria-label^='channels']"


def asked(page: Page, name: str) -> str | None:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query).get(name, [None])[0]


def small(address: str) -> str:
    """An address that asks about the small network, unless it names another."""
    return address if "network=" in address else f"{address}{'&' if '?' in address else '?'}network=tiny-vgg"


def opens(page: Page, address: str) -> None:
    """Go to an address and wait until nothing more comes; the network is the small one unless the address names one."""
    page.goto(small(address))
    page.wait_for_selector("h1", timeout=90_000)
    rests(page)


def rests(page: Page) -> None:
    """Wait until the server has nothing more to say."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=30_000)


def test_a_link_opens_on_its_page_with_its_picture_and_unit(page):
    opens(page, "/cam?network=tiny-vgg&image=coffee&unit=scores:19")
    assert urlsplit(page.url).path == "/cam"
    assert (asked(page, "image"), asked(page, "unit")) == ("coffee", "scores:19")
    expect(page.locator(".stage").first).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_a_picture_is_picked_and_travels_to_another_page_and_back_in_time(page):
    opens(page, "/")
    strip = page.locator("[role=listbox][aria-label^=pictures]")
    strip.locator("canvas").click(position={"x": 110, "y": 20})
    page.wait_for_url(re.compile("image=coffee"))
    rests(page)
    page.get_by_text("Attribution", exact=True).first.click()
    page.get_by_text("Class activation maps").click()
    page.wait_for_url(re.compile("/cam"))
    page.wait_for_url(re.compile("image=coffee"))
    page.go_back()
    page.wait_for_url(lambda address: "/cam" not in address)
    expect(page.locator(".answer")).to_be_visible()
    assert asked(page, "image") == "coffee"


def test_arrow_keys_step_through_the_channels_at_once_and_python_hears_of_the_last(page):
    opens(page, "/activations?unit=conv3.relu:2")
    grid = page.locator(GRID)
    grid.focus()
    before = grid.locator(".ring").bounding_box()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    after = grid.locator(".ring").bounding_box()
    assert after["x"] > before["x"], "the ring moves without waiting for the server"
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda address: parse_qs(urlsplit(address).query).get("unit") == ["conv3.relu:3"])
    rests(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda address: parse_qs(urlsplit(address).query).get("unit") == ["conv3.relu:4"])


def test_back_at_the_top_answer_the_address_names_no_unit(page):
    opens(page, "/network?unit=conv3.relu:8")
    page.locator("[data-testid=stSidebar] [data-testid=stSelectbox]").nth(1).locator("input").click()
    page.get_by_role("option", name=re.compile("class scores")).click()
    page.wait_for_url(lambda address: "unit" not in address)


def test_a_broken_link_is_mended_by_the_next_click(page):
    opens(page, "/network?network=nope&unit=rubbish")
    expect(page.locator("[class*=st-key-note]")).to_have_count(2)
    page.locator("[role=listbox][aria-label^=pictures] canvas").click(position={"x": 110, "y": 20})
    page.wait_for_url(lambda address: "nope" not in address and "rubbish" not in address)
    expect(page.locator("[class*=st-key-note]")).to_have_count(0)


def test_hovering_over_a_tile_says_which_it_is_without_asking_the_server(page):
    opens(page, "/activations")
    grid = page.locator(GRID)
    grid.locator("canvas").hover(position={"x": 5, "y": 5})
    expect(grid.locator(".caption")).to_be_visible()
    assert grid.locator(".caption").inner_text()
    assert asked(page, "unit") is None


def test_the_slider_fades_the_map_and_returns_the_pictures_colours(page):
    opens(page, "/cam")
    slider = page.locator("input[aria-label^='how much']").first
    slider.fill("0")
    expect(page.locator("canvas.heat").first).to_have_css("opacity", "0")
    expect(page.locator("img.picture").first).to_have_css("filter", "grayscale(0)")
    slider.fill("1")
    expect(page.locator("canvas.heat").first).to_have_css("opacity", "1")


def test_the_value_under_the_cursor_is_read_from_the_map(page):
    opens(page, "/cam")
    page.locator(".stage").first.hover(position={"x": 30, "y": 30})
    expect(page.locator(".reading").first).to_have_text(re.compile(r"^row \d+, column \d+: [\d.]+.* score$"))


def test_a_broken_upload_leaves_a_sentence_in_the_browser_too(page):
    opens(page, "/")
    page.get_by_role("button", name="Your own picture").click()
    page.locator("[data-testid=stFileUploaderDropzoneInput]").last.set_input_files(
        {"name": "broken.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n and nothing more"}
    )
    expect(page.locator("[class*=st-key-note]")).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


@pytest.mark.parametrize("width", [800, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_page(page, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    opens(page, "/activations?unit=conv3.relu:8")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_at_800_pixels_a_list_among_the_dials_shows_a_whole_name(page):
    page.set_viewport_size({"width": 800, "height": 900})
    opens(page, "/linearity")
    assert page.locator(".st-key-dials [data-testid=stSelectbox]").first.bounding_box()["width"] >= 12 * 16


FORMULAS = '''
import pkgutil
from importlib import import_module
from pathlib import Path

import streamlit as st

st.html(Path("pages/parts/style.css"))
for chapter in ("inspection", "representation", "attribution", "synthesis", "adversarial", "laboratory"):
    for family in pkgutil.iter_modules(import_module(f"vizcore.{chapter}").__path__):
        for method in getattr(import_module(f"vizcore.{chapter}.{family.name}"), "METHODS", ()):
            if method.formula:
                with st.container(width=540):  # pixels of the column beside "Take it with you"
                    st.latex(method.formula)
st.write("that was all")
'''
CUT_OFF = """() => [...document.querySelectorAll(".katex-display")].filter((formula) => {
    const column = formula.closest("[data-testid=stVerticalBlock]").getBoundingClientRect().right
    return [...formula.querySelectorAll(".base")].some((part) => part.getBoundingClientRect().right > column + 1)
}).map((formula) => formula.textContent)"""


def test_no_formula_is_wider_than_its_column(browser, tmp_path):
    script = tmp_path / "formulas.py"
    script.write_text(FORMULAS)
    with serve(tmp_path / "log.txt", tmp_path / "cache", script) as url, browser.new_page() as page:
        page.goto(url)
        page.get_by_text("that was all").wait_for(timeout=60_000)
        page.wait_for_function("document.querySelectorAll('.katex-display').length > 70")
        assert page.evaluate(CUT_OFF) == []
