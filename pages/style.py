"""How would another picture paint this one?"""

import streamlit as st

from pages.parts import (
    beside,
    components,
    dials,
    jobs,
    learn,
    live_painter,
    live_sources,
    pictures,
    show,
    state,
    studio,
)
from pages.parts import style_film as film
from pages.parts.calm import calm
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore.imaging import bundled_names
from vizcore.laboratory.clip import squares
from vizcore.method import titled
from vizcore.synthesis.feedforward_style import METHODS as ONE_PASS
from vizcore.synthesis.style import METHODS as ASCENTS
from vizcore.synthesis.style import style_layers
from vizcore.synthesis.style_film import METHODS as FILMS
from vizcore.synthesis.style_pictures import STYLES, style_thumbnail

JOB, METHOD, PATTERN, PAINTER, LIVE, STEADY = (
    "style", "style.method", "style.pattern", "style.painter", "style.live", "style.steady"
)  # fmt: skip
METHODS = (*ONE_PASS, *ASCENTS, *FILMS)
ONCE, STYLE, TEXTURE, FILM = (
    titled(METHODS)[title] for title in ("In one pass", "Style transfer", "Texture synthesis", "A film")
)
LIVE_DIALS = ("balance", "smoothness")  # may be turned while it runs
FIRST = "bricks"
IN_SIGHT = {ONCE: 1, FILM: 0}  # dials that stand beside the choices
AT_ONCE = 1.0  # seconds that a page waits for a painting before it shows how far it is
SEEN = {
    ONCE: """The shapes are those of your picture, colours and strokes those of **{pattern}**. Nothing is optimised
here: a small network has learned five styles in advance and paints any picture in one pass, so that it can paint what
your camera sees. Of all its numbers, only a scale and a shift for every channel tell one style from another.""",
    STYLE: """The shapes are those of your picture, as one layer keeps them; colours and strokes are those of
**{pattern}**, as averages over all places that say what occurs together and not where. Turn the balance while
it paints: the picture follows.""",
    TEXTURE: """Nothing is copied: from noise, the pixels change until several layers answer on average as they do to
your picture. What is the same everywhere, such as bricks, comes out right; what stands in one place is scattered.""",
    FILM: """Left, every picture is painted for itself: a little movement, and the strokes fall elsewhere. Right, what
was painted before is carried along with what moves, wherever the optical flow there and back agree; where something
comes into view, it is painted anew. The warp error says how much a point changes its colour while it moves.""",
}


def draw(frame) -> None:
    """The picture as it is painted, and how far it is from what it is painted from."""
    show.picture(frame.picture, width=560, pixels=False, alt="painted")
    if method in ASCENTS:
        figures = {"distance from the style": (show.percent(frame.terms["style"]), "of what it was")}
        if styled:
            figures["distance from the content"] = frame.terms["content"]
        show.numbers(figures)


def beginning() -> None:
    """What it is painted from."""
    given = {f"{'content' if styled else 'the texture'}: {chosen.called}": chosen.image}
    if styled:
        given[f"style: {pattern}"] = pattern_picture()
    show.row(given.values(), list(given), width=240, pixels=False)


def pattern_picture():
    """The picture that the style is taken from."""
    return style_thumbnail(pattern) if learned else pictures.bundled(pattern)


def shelf() -> None:
    """The styles to choose from; picking one paints anew."""
    show.label("Style")
    key, picture = (PAINTER, style_thumbnail) if learned else (PATTERN, pictures.bundled)
    components.grid(
        pictures.thumbnails(tuple(names), lambda: [picture(name) for name in names]),
        key=f"{key} shelf", label="pictures to take the style of", captions=list(names),
        selected=names.index(pattern), on_pick=lambda number: state.put(key, names[number]),
        tile=84 if learned else 56, gap=6 if learned else 3,
    )  # fmt: skip


def asked(one, mark: str) -> None:
    """Have one network paint what is asked: its run goes on, the live dials turned, or begins anew."""
    stand = turned if one is chosen else dials.suited(method, turned, (chosen.probe,), (one.probe,))
    live = {name: stand[name] for name in LIVE_DIALS if name in stand}
    fixed = tuple((name, at) for name, at in stand.items() if name not in LIVE_DIALS)
    question = (one.network, one.picture, method.title, pattern if styled else "", fixed)
    given = (one.image, pictures.bundled(pattern)) if styled else (one.image,)
    function = method.function
    studio.ask(JOB + mark, question, live, lambda: function(one.probe, *given, **stand))


def answer(one, mark: str) -> None:
    """What one network paints; in one pass, none is asked."""
    painted() if method is ONCE else asked(one, mark)
    jobs.answer(JOB + mark, draw, what=f"{method.title}{mark and f', {one.title}'}", mark=mark)


def painted() -> None:
    """Paint the selected picture in one of the five styles."""
    image, key = chosen.image, (chosen.picture, method.title, pattern, *turned.values())
    jobs.ask(JOB, key, lambda: method.frames(image, pattern, **turned), patience=AT_ONCE)


def filmed(source: film.Source) -> None:
    """Paint the films of a source in one of the five styles."""
    key = (source.name, method.title, pattern, *turned.values())
    jobs.ask(JOB, key, lambda: method.frames(source.pictures(), pattern, **turned))


def live() -> None:
    """What the camera sees, painted picture by picture."""
    live_painter.painter(
        pattern, steady=steady, own_colours=turned["own_colours"],
        pictures=lambda: squares([pictures.picture(name) for name in bundled_names()], live_sources.CLIP_SIDE),
    )  # fmt: skip


def lines(source: film.Source | None) -> str:
    """The notebook lines that give the same picture."""
    options = written(turned)
    if method is ONCE:
        return f"picture = vizcore.synthesis.stylize({', '.join(['image', repr(pattern), *options])})"
    if method is FILM:
        call = f"frames = vizcore.synthesis.stylize_film({', '.join(['film', repr(pattern), *options])})"
        return f"{source.line}\n{call}\npicture = vizcore.last(frames).picture" if source else ""
    opening, given = (f'pattern = vizcore.bundled_image("{pattern}")\n', ["pattern"]) if styled else ("", [])
    call = f"vizcore.synthesis.{method.name}({', '.join(['probe', 'image', *given, *options])})"
    return f"{opening}frames = {call}\npicture = vizcore.last(frames).picture"


chosen = selection()
show.question("How would another picture paint this one?", "Style transfer: what is there from one, how from another")
with calm():
    with dials.row():
        method = dials.method(METHODS, key=METHOD, label="show", letters=60)
        styled, learned, source = method is not TEXTURE, method in (ONCE, FILM), None
        names = list(STYLES) if learned else list(bundled_names())
        if method is FILM:
            source = film.source(chosen)
        if not learned:
            style_layers(chosen.probe)  # a network without maps is told so before anything is drawn
        default = names[0] if learned else FIRST
        key = PAINTER if learned else PATTERN
        with st.container(width=160 if learned else "stretch"):
            pattern = dials.choose("style", names, key=key, default=default) if styled else FIRST
        running = method is ONCE and st.toggle("live", key=LIVE, bind="query-params")
        steady = running and st.toggle("held steady", key=STEADY, bind="query-params")
        about, without = [] if learned else [chosen.probe], ["size"] if running else []
        turned = dials.draw(method, *about, without=without, in_sight=IN_SIGHT.get(method, 3))
        second = None if learned else beside.choose(chosen)
    if learned:
        jobs.forget(JOB + beside.MARK)  # no network is asked, so no other one either
        shelf()
    if running:
        jobs.forget(JOB)
        live()
    elif source:
        filmed(source)
        jobs.answer(JOB, film.draw, what=method.title)
    elif second:
        beside.each(chosen, second, answer, about=False)
        beginning()
    elif method is not FILM:
        left, right = st.columns([11, 5], gap="large")
        with left:
            answer(chosen, "")
        with right:
            beginning()
    job = None if running or (method is FILM and not source) else jobs.running(JOB)
    frame = job and job.latest
    if method is FILM and frame and not job.going and frame.step == frame.of:
        film.taken(frame, (source.name, pattern, *turned.values()))
    if styled and not learned:
        shelf()
    learn.below(
        method,
        seen=SEEN.get(method, "").format(pattern=show.plain(pattern)),
        tries=[
            learn.Try("Live, from your camera", session={METHOD: ONCE.title, LIVE: True}),
            learn.Try("A film that keeps its strokes", session={METHOD: FILM.title}),
            learn.Try("In grass, by an ascent", session={METHOD: STYLE.title, PATTERN: "grass"}),
            learn.Try("By Gram matrices, as in the paper", method=STYLE, dials={"statistic": "gram"},
                      session={METHOD: STYLE.title}),
            learn.Try("The texture of gravel, from noise", image="gravel", session={METHOD: TEXTURE.title}),
        ],
        picture=frame and frame.picture,
        data=frame and frame.picture,
        snippet=lines(source),
    )  # fmt: skip
