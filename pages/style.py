"""How would another picture paint this one?"""

import streamlit as st

from pages.parts import components, dials, jobs, learn, pictures, show, state, studio
from pages.parts.calm import calm
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore.imaging import bundled_names
from vizcore.method import titled
from vizcore.synthesis.style import METHODS, style_layers

JOB, METHOD, PATTERN = "style", "style.method", "style.pattern"
STYLE, TEXTURE = titled(METHODS)["Style transfer"], titled(METHODS)["Texture synthesis"]
LIVE = ("balance", "smoothness")  # may be turned while it runs
FIRST = "galaxies"
SEEN = {
    STYLE: """The shapes are those of your picture, as one layer keeps them; colours and strokes are those of
**{pattern}**, as averages over all places that say what occurs together and not where. Turn the balance while
it paints: the picture follows.""",
    TEXTURE: """Nothing is copied: from noise, the pixels change until several layers answer on average as they do to
your picture. What is the same everywhere, such as bricks, comes out right; what stands in one place is scattered.""",
}


def draw(frame) -> None:
    """The picture as it is painted, and what it is painted from."""
    left, right = st.columns([11, 5], gap="large")
    with left:
        show.picture(frame.picture, width=560, pixels=False, alt="painted")
    with right:
        show.picture(chosen.image, f"{'content' if styled else 'the texture'}: {chosen.picture}", width=240,
                     pixels=False, alt="your picture")  # fmt: skip
        if styled:
            show.picture(pictures.bundled(pattern), f"style: {pattern}", width=240, pixels=False, alt="the style")
    figures = {"distance from the style": (show.percent(frame.terms["style"]), "of what it was")}
    if styled:
        figures["distance from the content"] = frame.terms["content"]
    show.numbers(figures)


def shelf() -> None:
    """The styles to choose from; picking one paints anew."""
    show.label("Style")
    components.grid(
        pictures.thumbnails(names, lambda: [pictures.bundled(name) for name in names]),
        key="style shelf", label="pictures to take the style of", captions=list(names),
        selected=names.index(pattern), on_pick=lambda number: state.put(PATTERN, names[number]), tile=56, gap=3,
    )  # fmt: skip


def asked() -> jobs.Job:
    """The run for what is asked: the one there is, its live dials turned, or a new one."""
    live = {name: turned[name] for name in LIVE if name in turned}
    fixed = tuple((name, stand) for name, stand in turned.items() if name not in LIVE)
    question = (chosen.network, chosen.picture, method.title, pattern if styled else "", fixed)
    given = (chosen.image, pictures.bundled(pattern)) if styled else (chosen.image,)
    probe, function, options = chosen.probe, method.function, dict(turned)
    job, _ = studio.ask(JOB, question, live, lambda: function(probe, *given, **options))
    return job


def lines() -> str:
    """The notebook lines that give the same picture."""
    opening, given = (f'pattern = vizcore.bundled_image("{pattern}")\n', ["pattern"]) if styled else ("", [])
    call = f"vizcore.synthesis.{method.name}({', '.join(['probe', 'image', *given, *written(turned)])})"
    return f"{opening}frames = {call}\npicture = vizcore.last(frames).picture"


chosen = selection()
names = bundled_names()
show.question("How would another picture paint this one?", "Style transfer: what is there from one, how from another")
with calm():
    style_layers(chosen.probe)  # a network without maps is told so before anything is drawn
    with dials.row():
        method = dials.method(METHODS, key=METHOD, label="show")
        styled = "style" in method.takes
        pattern = dials.choose("style", names, key=PATTERN, default=FIRST) if styled else FIRST
        turned = dials.draw(method, chosen.probe, in_sight=3)
    job = asked()
    jobs.answer(JOB, draw, what=method.title)
    if styled:
        shelf()
    frame = job.latest
    learn.below(
        method,
        seen=SEEN.get(method, "").format(pattern=show.plain(pattern)),
        tries=[
            learn.Try("In bricks", session={METHOD: STYLE.title, PATTERN: "bricks"}),
            learn.Try("By means and covariances instead of Gram matrices", method=STYLE, dials={"statistic": "moments"},
                      session={METHOD: STYLE.title}),
            learn.Try("Its texture alone, from noise", session={METHOD: TEXTURE.title}),
            learn.Try("The texture of gravel", image="gravel", session={METHOD: TEXTURE.title}),
        ],
        picture=frame and frame.picture,
        data=frame and frame.picture,
        snippet=lines(),
    )  # fmt: skip
