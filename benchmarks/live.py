"""How live the toolbox and the decoders are, in a real browser: `python -m benchmarks.live [SECONDS] [READERS]`.

Chromium plays a test picture as its camera. For each network, without and with a way back to the picture, and for the
decoders of the small one, printed are the frames a second, and the median of the milliseconds from the moment a picture
is grabbed to the moment that what the network made of it is drawn, as the page itself counts both over its last two
seconds. Several readers get a line each. What they are worth depends on what else the machine does.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.served import NO_CHROMIUM, chromium, open_chromium, serve

ASKED = (
    ("efficientnet-lite0", "stages.stage4.2.add:7"),
    ("tiny-vgg", "conv4.relu:7"),
)
WAYS_BACK = ("off", "guided backprop")
TOOLBOX = {
    f"{network:<20}{back}": f"toolbox?network={network}&unit={unit}&look.back={back.replace(' ', '+')}"
    for network, unit in ASKED
    for back in WAYS_BACK
}
LIVE = "inversion.method=Up-convolutional+decoder&inversion.live=true"
DECODERS = {f"{'tiny-vgg':<20}decoders": f"inversion?network=tiny-vgg&{LIVE}"}
BOX = "section[data-rate]"


def opens(page: Page, address: str) -> None:
    """Open the page, choose the camera, and wait until it is at its pace."""
    page.goto(address)
    page.wait_for_selector(BOX)
    page.locator(BOX).get_by_role("button", name="Camera").click()
    page.wait_for_timeout(4000)


def counted(pages: list[Page], seconds: int) -> list[tuple[float, float]]:
    """The median of frames a second and of milliseconds of every page, looked at twice a second."""
    seen = [([], []) for _ in pages]
    for _ in range(2 * seconds):
        pages[0].wait_for_timeout(500)
        for page, (rates, delays) in zip(pages, seen, strict=True):
            shown = page.locator(BOX)
            rates.append(int(shown.get_attribute("data-rate")))
            delays.append(int(shown.get_attribute("data-delay")))
    return [(statistics.median(rates), statistics.median(delays)) for rates, delays in seen]


def main(seconds: int, readers: int) -> None:
    """Print one line for everything that is live, and every reader."""
    path = chromium()
    if path is None:
        sys.exit(NO_CHROMIUM)
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes wait for them; camera of Chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        open_chromium(path) as browser,
        serve(Path(folder, "log.txt"), Path(folder, "cache"), patience=300) as url,
    ):
        for name, address in (TOOLBOX | DECODERS).items():
            contexts = [browser.new_context(viewport={"width": 1440, "height": 1000}) for _ in range(readers)]
            pages = [context.new_page() for context in contexts]
            for page in pages:
                page.set_default_timeout(300_000)
                opens(page, f"{url}/{address}")
            for rate, delay in counted(pages, seconds):
                print(f"{name:<38}{rate:5.0f} frames a second {delay:6.0f} ms", flush=True)
            for context in contexts:
                context.close()


if __name__ == "__main__":
    main(*(int(sys.argv[place]) if len(sys.argv) > place else usual for place, usual in ((1, 10), (2, 1))))
