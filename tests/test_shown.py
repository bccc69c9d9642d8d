"""What is shown is what ran: every function whose source a page shows was called for the answer beside it."""

import inspect
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType

import pytest
import streamlit as st

from pages.parts import meter
from tests.pages.test_gradients import work_on
from tests.pages.test_shell import opened, said
from tests.test_methods import arguments, tables
from vizcore import bundled_image, last, open_probe
from vizcore.adversarial.attacks import METHODS as ATTACKS
from vizcore.adversarial.blackbox import METHODS as BLACKBOX
from vizcore.adversarial.defense import METHODS as DEFENSE
from vizcore.adversarial.fooling import METHODS as FOOLING
from vizcore.adversarial.leaderboard import METHODS as BELIEVED
from vizcore.adversarial.linearity import METHODS as LINEARITY
from vizcore.adversarial.overfitting import METHODS as OVERFITTING
from vizcore.adversarial.physical import METHODS as PHYSICAL
from vizcore.adversarial.substitute import METHODS as SUBSTITUTE
from vizcore.attribution.cam import METHODS as FIRST
from vizcore.attribution.cam_variants import METHODS as LATER
from vizcore.attribution.gradients import METHODS as GRADIENTS
from vizcore.frames import frames_of
from vizcore.representation.embedding import METHODS as EMBEDDINGS
from vizcore.synthesis.decoder import METHODS as DECODERS
from vizcore.synthesis.dream import METHODS as DREAMS
from vizcore.synthesis.feedforward_style import METHODS as ONE_PASS
from vizcore.synthesis.inversion import METHODS as INVERSIONS
from vizcore.synthesis.style import METHODS as STYLES
from vizcore.synthesis.style_film import METHODS as STYLE_FILMS

pytestmark = pytest.mark.usefixtures("digits_kept")
SHORT = {"score_cam.channels": "8", "smooth_grad.samples": "1", "integrated_gradients.steps": "8"}
TWO = ["Tiny VGG after 12 epochs"]
QUICK = {
    "adversarial_training.epochs": "1",
    "answers_kept.steps": "1",
    "destruction_rates.samples": "2",
    "leaderboard.epochs": "1",
    "leaderboard.steps": "1",
    "patch.steps": "5",
    "overfitting_or_linearity.steps": "20",
}
FEW = {f"{method.name}.steps": "8" for method in (*INVERSIONS, *DREAMS, *STYLES)} | {
    **{"dream_zoom.pictures": "4", "stylize.size": "128", "stylize_film.size": "128"},
}
PAGES = [
    ("activations.py", {}),
    ("filters.py", {}),
    ("network.py", {}),
    ("occlusion.py", {"occlusion.patch": "32", "occlusion.stride": "32"}),
    ("visualize.py", {"visualize.steps": "16"}),
    ("visualize.py", {"visualize.preset": "Feature accentuation", "accentuate.steps": "8"}),
    *(("inversion.py", {"inversion.method": method.title, **FEW}) for method in INVERSIONS),
    *(("inversion.py", {"inversion.method": method.title}) for method in DECODERS),
    ("visualize.py", {"visualize.preset": "Generator", "visualize.steps": "16"}),
    *(("dream.py", {"dream.method": method.title, **FEW}) for method in DREAMS),
    *(("style.py", {"style.method": method.title, **FEW}) for method in (*ONE_PASS, *STYLES, *STYLE_FILMS)),
    ("atlas.py", {}),
    ("paint.py", {"paint.steps": "5"}),
    ("paint.py", {"paint.method": "Fill a hole", "fill.steps": "5"}),
    ("paint.py", {"paint.method": "Counterfactual", "counterfactual.steps": "10"}),
    ("invariance.py", {}),
    ("trust.py", {}),
    ("examples.py", {"corpus": "digits"}),
    ("neighbors.py", {"corpus": "digits"}),
    ("transfer.py", {"corpus": "digits"}),
    ("passport.py", {"corpus": "digits"}),
    ("compare.py", {"compare.corpus": "digits", "compare.pictures": "50"}),
    ("scalpel.py", {"scalpel.layer": "conv6.relu"}),
    ("time_machine.py", {"aligned_tsne.steps": "30", "time_machine.pictures": "50"}),
    *(("embedding.py", {"embedding.method": method.title, "tsne.steps": "30"}) for method in EMBEDDINGS),
    *(("attacks.py", {"attacks.method": method.title}) for method in ATTACKS),
    *(("linearity.py", {"linearity.method": method.title, "decision_regions.steps": "4"}) for method in LINEARITY),
    *(("linearity.py", {"linearity.method": method.title, **QUICK}) for method in OVERFITTING),
    *(("fooling.py", {"fooling.method": method.title, "evolve.generations": "3"}) for method in FOOLING),
    *(("physical.py", {"physical.method": method.title, **QUICK}) for method in PHYSICAL),
    ("sign.py", {"sticker.steps": "5", "sticker.batch": "2"}),
    ("people.py", {"people.each": "1", "fool_people.steps": "1"}),
    *(("blackbox.py", {"blackbox.method": method.title, "blackbox.networks": TWO}) for method in BLACKBOX),
    *(("blackbox.py", {"blackbox.method": method.title, "substitute.rounds": "1"}) for method in SUBSTITUTE),
    ("sound.py", {"audio_adversarial.steps": "10"}),
    *(("defense.py", {"defense.method": method.title, **QUICK}) for method in (*DEFENSE, *BELIEVED)),
    *(("gradients.py", {"gradients.method": method.title, **SHORT}) for method in GRADIENTS),
    *(("cam.py", {"cam.method": method.title, **SHORT}) for method in (*FIRST, *LATER)),
    *(("cam.py", {"cam.units": "two", "cam.method": method.title}) for method in (*FIRST, *LATER) if method.at_once),
    *(("cam.py", {"cam.units": "difference", "cam.method": title}) for title in ("Grad-CAM", "CAM")),
]


@contextmanager
def watched() -> Iterator[Callable[[], set[CodeType]]]:
    """The functions of the library that were called so far, here and in the threads that begin."""
    seen: dict[int, CodeType] = {}  # by number, since a code object takes long to hash

    def note(frame, event: str, argument) -> None:  # traces calls and, as it returns None, nothing within them
        seen[id(frame.f_code)] = frame.f_code

    threading.settrace(note)
    sys.settrace(note)
    try:
        yield lambda: {code for code in list(seen.values()) if "vizcore" in code.co_filename}
    finally:
        sys.settrace(None)
        threading.settrace(None)


def code_of(function) -> CodeType:
    """A function's own code, or that of the generator in it."""
    return inspect.unwrap(function).__code__


@pytest.mark.parametrize(
    ("family", "method"), [pytest.param(family, method, id=method.title) for family, method in tables()]
)
def test_every_function_that_a_record_shows_is_called_when_the_method_runs(family, method):
    given = arguments(family, method.function)
    with watched() as called:
        last(frames_of(method.function, **given))
    assert [part.__name__ for part in method.source if code_of(part) not in called()] == []


@pytest.mark.parametrize(
    "method", [method for method in (*FIRST, *LATER) if method.together], ids=lambda method: method.title
)
def test_it_is_called_as_well_when_the_method_answers_for_several_units(method):
    layers = [None, None] if method.title == "CAM" else ["conv4.relu", "conv6.relu"]
    with watched() as called:
        method.several(open_probe("tiny-vgg"), bundled_image("cat"), [3, 8], layers)
    assert [part.__name__ for part in method.source if code_of(part) not in called()] == []


@pytest.mark.parametrize(("page", "address"), PAGES, ids=str)
def test_the_source_that_a_page_shows_ran_for_its_answer(page, address, monkeypatch):
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setattr(meter, "strip", lambda *asked: None)  # the meter asks the plain function again, and unasked
    with watched() as called:
        app = opened(page, unit="scores:19", **address)
        while (silent := not_called(app, called())) and any(button.label == "Stop" for button in app.button):
            work_on()
            app.run()
    assert "went wrong" not in said(app)
    assert silent == []


def not_called(app, called: set[CodeType]) -> list[str]:
    """The functions whose source the page shows now and that were not called as they stand there."""
    texts = [one.value.strip() for one in app.code if re.match(r"(@\w+\n)?def ", one.value)]
    if len(texts) != 1:  # some pages show theirs with their first answer
        return [f"{len(texts)} sources are shown"]
    shown = re.split(r"\n\n\n(?=@|def )", texts[0])
    names = [re.search(r"^def (\w+)", part, re.MULTILINE)[1] for part in shown]
    ran = {inspect.getsource(code).strip() for code in called if code.co_name in names}
    return [name for name, part in zip(names, shown, strict=True) if part not in ran]
