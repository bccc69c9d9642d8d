"""Can it finish your sketch?"""

import streamlit as st

from pages.parts import dials, jobs, learn, networks, show, state
from pages.parts.calm import apology, calm
from pages.parts.cloud import painting
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore import load_image
from vizcore.imaging import image_digest
from vizcore.synthesis.paint import METHODS, beside, change, example

JOB, METHOD, CLASS, FROM, DRAWN = "paint", "paint.method", "paint.class", "paint.from", "painting"
ROBUST, PLAIN = "tiny-vgg-robust", "tiny-vgg"
SKETCH, YOURS = "a sketch", "your picture"
FIRST = "goldfish"
COLOURS = ("#b9c4cc", "#f28022", "#1d1f21", "#fbfaf7", "#c22f28", "#f4cf3a", "#2f7d3b", "#2c6fb3", "#7b4a2a", "#8d8d8d")
SEEN = """First a network that was trained on pictures changed against it (Madry et al. 2018), then its twin, trained
in peace. Both climb to **{name}** by the same steps. To change its mind the robust one has to change what we see as
well; its twin is content with noise."""


def keep(file: bytes) -> None:
    """Keep what was painted, or forget it where it was wiped."""
    state.place(DRAWN, load_image(file) if file else None)


def draw(frame) -> None:
    """Where it began, and what each of the twins has made of it."""
    ours, theirs = frame.detail
    words = [told(title, one) for title, one in (("the robust twin", ours), ("trained in peace", theirs))]
    width = 215 if source == SKETCH else 300  # three fit side by side
    show.row([before, *frame.picture], ["where it begins", *words], width=width, alt=f"painted as {name}")
    if not jobs.running(JOB).going:
        show.heading("What changed, three times as strong around grey")
        changes = change(frame.picture, before, times=3)
        show.row(changes, ["the robust twin", "trained in peace"], width=190, alt="the change")


def told(title: str, frame) -> str:
    """How far a network has come, and how far from where it began."""
    probability = f"{show.percent(frame.terms['probability'])} {name}"
    return f"{title}: {probability}; length of the change {show.figures(frame.terms['length'])}"


chosen = selection()
show.question("Can it finish your sketch?", "Paint: Tiny VGG's robust twin turns what you give it into a class")
with dials.row():
    source = dials.choose("begin with", [SKETCH, YOURS], key=FROM)
    probes = [networks.probe(network) for network in (ROBUST, PLAIN)]
    names = sorted(probes[0].labels, key=str.lower)
    name = dials.choose("make it", names, key=CLASS, default=FIRST)
    method = dials.method(METHODS, key=METHOD)
    turned = dials.draw(method, probes[0])

with calm():
    drawn = st.session_state.get(DRAWN)
    image = chosen.image if source == YOURS else example() if drawn is None else drawn
    before = probes[0].prepare(image)
    asked = (method.name, image_digest(before), name, *turned.items())
    unit = probes[0].labels.index(name)
    job = jobs.ask(JOB, asked, lambda: beside(probes, image, unit, method.function, **turned))
    if source == SKETCH:
        left, right = st.columns([5, 15], gap="large")
        with left:
            painting(COLOURS, key="painting square", side=64, label="a square to paint on", on_draw=keep)
            if drawn is None:
                st.caption("Paint something of your own; until then this fish is finished.")
    else:
        right = st.container()
    with right:
        jobs.answer(JOB, draw, what=f"{show.plain(name)}, on both")
    frame = job.latest
    if source == SKETCH and drawn is None and frame is None:
        apology("The first picture is on its way.")
    learn.below(
        method,
        seen=SEEN.format(name=show.plain(name)),
        tries=[
            learn.Try("Your picture, as a king penguin", session={FROM: YOURS, CLASS: "king penguin"}),
            learn.Try("How little is enough? A length of 2", session={"paint.epsilon": 2.0}),
            learn.Try("The sketch, as a pizza", session={FROM: SKETCH, CLASS: "pizza"}),
        ],
        picture=frame and (lambda: frame.picture[0]),
        data=frame and frame.picture,
        snippet=f'robust = vizcore.open_probe("{ROBUST}")\n'
        + ("" if source == YOURS else 'image = vizcore.load_image("your-sketch.png")\n')
        + f'frames = vizcore.synthesis.{method.name}(robust, image, "{name}", {", ".join(written(turned))})\n'
        + "picture = vizcore.last(frames).picture",
    )
