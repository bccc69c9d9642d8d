"""How would another picture paint this one?"""

import streamlit as st

from pages.parts import components, dials, jobs, learn, live_painter, live_sources, pictures, show, state, studio
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
FIRST = "galaxies"
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
    """The picture as it is painted, and what it is painted from."""
    left, right = st.columns([11, 5], gap="large")
    with left:
        show.picture(frame.picture, width=560, pixels=False, alt="painted")
    with right:
        show.picture(chosen.image, f"{'content' if styled else 'the texture'}: {chosen.called}", width=240,
                     pixels=False, alt="your picture")  # fmt: skip
        if styled:
            show.picture(pattern_picture(), f"style: {pattern}", width=240, pixels=False, alt="the style")
    if method in ASCENTS:
        figures = {"distance from the style": (show.percent(frame.terms["style"]), "of what it was")}
        if styled:
            figures["distance from the content"] = frame.terms["content"]
        show.numbers(figures)


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


def asked() -> jobs.Job:
    """The run for what is asked: the one there is, its live dials turned, or a new one."""
    live = {name: turned[name] for name in LIVE_DIALS if name in turned}
    fixed = tuple((name, stand) for name, stand in turned.items() if name not in LIVE_DIALS)
    question = (chosen.network, chosen.picture, method.title, pattern if styled else "", fixed)
    given = (chosen.image, pictures.bundled(pattern)) if styled else (chosen.image,)
    probe, function, options = chosen.probe, method.function, dict(turned)
    job, _ = studio.ask(JOB, question, live, lambda: function(probe, *given, **options))
    return job


def painted() -> jobs.Job:
    """The painting of the selected picture in one of the five styles."""
    image, key = chosen.image, (chosen.picture, method.title, pattern, *turned.values())
    return jobs.ask(JOB, key, lambda: method.frames(image, pattern, **turned), patience=AT_ONCE)


def filmed(source: film.Source) -> jobs.Job:
    """The films of a source in one of the five styles."""
    key = (source.name, method.title, pattern, *turned.values())
    return jobs.ask(JOB, key, lambda: method.frames(source.pictures(), pattern, **turned))


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
    job = None
    if learned:
        shelf()
    if running:
        jobs.forget(JOB)
        live()
    elif method is ONCE:
        job = painted()
    elif method is not FILM:
        job = asked()
    elif source:
        job = filmed(source)
    if job:
        jobs.answer(JOB, film.draw if method is FILM else draw, what=method.title)
    frame = job.latest if job else None
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
            learn.Try("In bricks, by an ascent", session={METHOD: STYLE.title, PATTERN: "bricks"}),
            learn.Try("By means and covariances instead of Gram matrices", method=STYLE, dials={"statistic": "moments"},
                      session={METHOD: STYLE.title}),
            learn.Try("The texture of gravel, from noise", image="gravel", session={METHOD: TEXTURE.title}),
        ],
        picture=frame and frame.picture,
        data=frame and frame.picture,
        snippet=lines(source),
    )  # fmt: skip
