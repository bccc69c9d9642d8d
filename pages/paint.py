"""Can it finish your picture?"""

import streamlit as st

from pages.parts import components, dials, jobs, learn, networks, show, state
from pages.parts.calm import calm
from pages.parts.cloud import MARKS, painting
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore import load_image
from vizcore.imaging import image_digest
from vizcore.method import titled
from vizcore.synthesis.counterfactual import METHODS as COUNTERFACTUALS
from vizcore.synthesis.counterfactual import film
from vizcore.synthesis.paint import METHODS, beside, change, emptied, example, marked, square

JOB, METHOD, CLASS, FROM, DRAWN = "paint", "paint.method", "paint.class", "paint.from", "painting"
PAINT, FILL, OTHERWISE = (titled((*METHODS, *COUNTERFACTUALS))[title] for title in
                          ("Paint", "Fill a hole", "Counterfactual"))  # fmt: skip
ROBUST, PLAIN = "tiny-vgg-robust", "tiny-vgg"
TWINS = "the robust twin", "trained in peace"
SKETCH, YOURS = "a sketch", "your picture"
SQUARE = "hole", "down", "across"  # the dials of a hole that nobody painted
FIRST = "goldfish"
COLOURS = ("#b9c4cc", "#f28022", "#1d1f21", "#fbfaf7", "#c22f28", "#f4cf3a", "#2f7d3b", "#2c6fb3", "#7b4a2a", "#8d8d8d")
SEEN = {
    PAINT: """First a network that was trained on pictures changed against it (Madry et al. 2018), then its twin,
trained in peace. Both climb to **{name}** by the same steps. To change its mind the robust one has to change what we
see as well; its twin is content with noise.""",
    FILL: """What was in the hole is gone, and no network was told. Each fills it so that the whole becomes a **{name}**
to it, and nothing outside changes. The robust one, which needs what we see as well, paints parts of one that fit the
rest; its twin is content with noise.""",
    OTHERWISE: """Step by step your picture becomes a **{name}**, above for the robust network and for its twin, below
where it has changed, the brighter the more. The curves say when the answer turns: the twin's after a change that
nobody would see, the robust one's when there is something to see.""",
}


def keep(file: bytes) -> None:
    """Keep what was painted, or forget it where it was wiped."""
    state.place(DRAWN, load_image(file) if file else None)


def mark(file: bytes) -> None:
    """Keep where a hole was painted in this picture, or forget it where it was wiped."""
    painted = load_image(file) if file else None
    state.place(hole_in, painted if painted is not None and marked(painted).any() else None)


def draw(frame) -> None:
    """Where it began, and what each of the twins has made of it."""
    if method is OTHERWISE and not jobs.running(JOB).going:
        path(frame)
        return
    words = [told(title, one) for title, one in zip(TWINS, frame.detail, strict=True)]
    first = "with a hole" if method is FILL else "where it begins"
    width = f"clamp(120px, 31%, {300 if source == YOURS and method is not FILL else 215}px)"  # three fit side by side
    show.row([begun, *frame.picture], [first, *words], width=width, alt=f"painted as {name}")
    if method not in (FILL, OTHERWISE) and not jobs.running(JOB).going:
        show.heading("What changed, three times as strong around grey")
        show.row(change(frame.picture, before, times=3), TWINS, width=190, alt="the change")


def told(title: str, frame) -> str:
    """How far a network has come, and how far from where it began."""
    probability = f"{title}: {show.percent(frame.terms['probability'])} {name}"
    length = frame.terms.get("length")
    return probability if length is None else f"{probability}; length of the change {show.figures(length)}"


@st.cache_resource(max_entries=16, show_spinner=False)
def filmed(asked: tuple, steps: int, _paths):
    """The pictures of both paths, and where they have changed, step by step."""
    return film(_paths)


def path(frame) -> None:
    """The way from the picture to the class under a slider, where it has changed, and when the answers turn."""
    paths = [one.detail for one in frame.detail]
    turned_at = {title: one.flips for title, one in zip(TWINS, paths, strict=True)}
    show.numbers(
        {f"{title}: {name} from a length of": "none here" if at is None else show.figures(one.lengths[at].item())
         for (title, at), one in zip(turned_at.items(), paths, strict=True)}
    )  # fmt: skip
    probable, far = (
        {title: getattr(one, what) for title, one in reversed([*zip(TWINS, paths, strict=True)])}
        for what in ("probabilities", "lengths")
    )
    last_step, highest = len(paths[0].said) - 1, max(map(max, far.values()))
    components.scrub(
        filmed(asked, last_step, paths),
        ["your picture", *(f"after step {step} of {last_step}" for step in range(1, last_step + 1))],
        [
            components.Panel(f"How probable it is a {name}", probable, height=2),
            components.Panel("How far from your picture, in L2", far, ticks=range(0, int(highest) + 1, 2)),
        ],
        key="paint path", label=f"{chosen.called} on its way to {name}", start=turned_at[TWINS[0]] or last_step,
        heads=[[f"{title}: {said}" for title, said in zip(TWINS, both, strict=True)]
               for both in zip(*(one.said for one in paths), strict=True)],
        pixels=True,
    )  # fmt: skip


def source_of() -> str:
    """The dial for what it begins with; a hole and another answer need a picture."""
    return dials.choose("begin with", [SKETCH, YOURS], key=FROM) if method not in (FILL, OTHERWISE) else YOURS


def board() -> None:
    """What the reader paints on: a square to sketch on, or the picture to paint a hole in."""
    if method is FILL:
        painting(
            MARKS, key=f"paint hole {chosen.picture}", under=before, on_draw=mark,
            label="your picture; paint over what is to be filled",
        )  # fmt: skip
        if painted is None:
            st.caption("Paint over what is to go; until then it is a square, which the dials move.")
        return
    painting(COLOURS, key="painting square", label="a square to paint on", on_draw=keep)
    if drawn is None:
        st.caption("Paint something of your own; until then this fish is finished.")


def lines() -> str:
    """The notebook lines that give the same picture."""
    opening, given = f'robust = vizcore.open_probe("{ROBUST}")\n', written(turned)
    if source == SKETCH:
        opening += 'image = vizcore.load_image("your-sketch.png")\n'
    if painted is not None:
        opening += 'from vizcore.synthesis.paint import marked\n\nmask = marked(vizcore.load_image("your-hole.png"))\n'
        given = ["mask=mask", *given]
    call = f'{method.name}(robust, image, "{name}", {", ".join(given)})'
    return f"{opening}frames = vizcore.synthesis.{call}\npicture = vizcore.last(frames).picture"


chosen = selection()
show.question(
    "Can it finish your picture?", "Paint, fill a hole, or turn it into something else, with Tiny VGG's robust twin"
)
hole_in = f"hole in {chosen.picture}"
painted = None
with dials.row():
    method = dials.method((*METHODS, *COUNTERFACTUALS), key=METHOD, label="do")
    source = source_of()
    probes = [networks.probe(network) for network in (ROBUST, PLAIN)]
    names = sorted(probes[0].labels, key=str.lower)
    name = dials.choose("fill it with a" if method is FILL else "make it", names, key=CLASS, default=FIRST)
    if method is FILL:
        painted = st.session_state.get(hole_in)
    turned = dials.draw(
        method, probes[0], without=() if painted is None else SQUARE, in_sight=1 if method is FILL else 2
    )

with calm():
    drawn = st.session_state.get(DRAWN)
    image = chosen.image if source == YOURS else example() if drawn is None else drawn
    before = begun = probes[0].prepare(image)
    given = dict(turned)
    if method is FILL:
        mask = square(before.shape[-1], *map(turned.get, SQUARE)) if painted is None else marked(painted)
        begun = emptied(before, mask, turned["seed"])
        given |= {} if painted is None else {"mask": mask}
    about = image_digest(before), "" if painted is None else image_digest(painted)
    unit = probes[0].labels.index(name)
    asked = (method.name, *about, name, *turned.items())
    job = jobs.ask(JOB, asked, lambda: beside(probes, image, unit, method.function, **given))
    if source == SKETCH or method is FILL:
        left, right = st.columns([5, 15], gap="large")
        with left:
            board()
    else:
        right = st.container()
    with right:
        jobs.answer(JOB, draw, what=f"{show.plain(name)}, on both")
    frame = job.latest
    learn.below(
        method,
        seen=SEEN.get(method, "").format(name=show.plain(name)),
        tries=[
            learn.Try("A king penguin in a hole in a temple", image="temple", method=FILL,
                      dials={"hole": 0.5, "down": 0.6, "across": 0.5},
                      session={METHOD: FILL.title, CLASS: "king penguin"}),
            learn.Try("What would make the cat a lesser panda?", image="cat",
                      session={METHOD: OTHERWISE.title, CLASS: "lesser panda"}),
            learn.Try("How little is enough? A length of 2", session={METHOD: PAINT.title, "paint.epsilon": 2.0}),
            learn.Try("The sketch, as a pizza", session={METHOD: PAINT.title, FROM: SKETCH, CLASS: "pizza"}),
        ],
        picture=frame and (lambda: frame.picture[0]),
        data=frame and frame.picture,
        snippet=lines(),
    )  # fmt: skip
