"""What does it see in the clouds?"""

import inspect

import streamlit as st

from pages.parts import beside, dials, jobs, learn, pictures, show, state
from pages.parts.calm import apology, calm, end
from pages.parts.cloud import MARKS, painting
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore import load_image
from vizcore.imaging import bundled_names, gif, image_digest, mp4, thumbnail
from vizcore.inspection.blocks import outline, stage_ends
from vizcore.laboratory.compare import counterpart
from vizcore.method import titled
from vizcore.synthesis.any_size import convolutional_layers
from vizcore.synthesis.dream import METHODS
from vizcore.synthesis.paint import marked

JOB, METHOD, LAYERS, GUIDE, NONE = "dream", "dream.method", "dream.layers", "dream.guide", "none"
DREAM, CARICATURE, ZOOM = (titled(METHODS)[title] for title in ("DeepDream", "Caricature", "Dream zoom"))
WHERE, EVERYWHERE, PAINTED = "dream.where", "everywhere", "where I paint"
WIDTH, BOARD = 560, 320
MASK = """from vizcore.synthesis.paint import marked

mask = marked(vizcore.load_image("painted.png"))
"""
NOWHERE = "{title} has no layer that can be asked about a picture of any size; one of maps is needed."
SEEN = {
    DREAM: """Each step changes the picture so that **{layers}** finds more of whatever it finds there already: a
hint of an eye becomes an eye. Shallow layers draw strokes, deep ones what they were trained on; a guide says which.""",
    CARICATURE: """The picture is changed so that **{layers}** answers in the same way, only louder. What grows is what
the layer went by; what stays as it was, it hardly noticed.""",
    ZOOM: """The network dreams, the picture is enlarged a little, and it dreams on. After a few pictures
nothing of yours is left: all that is there, **{layers}** has found in its own inventions.""",
}


def mark(file: bytes) -> None:
    """Keep where this picture was painted over, or forget it where it was wiped."""
    painted = load_image(file) if file else None
    state.place(free_in, painted if painted is not None and marked(painted).any() else None)


def board() -> None:
    """The picture, to paint over where it may dream."""
    painting(MARKS, key=f"dream where {chosen.picture}", under=thumbnail(chosen.image, BOARD), on_draw=mark,
             label="your picture; paint over where it may dream")  # fmt: skip
    if painted is None:
        st.caption("Paint over where it may dream; until then it dreams everywhere.")


def draw(frame) -> None:
    """The picture as it grows."""
    told = f"picture {frame.step} of {frame.of}" if method is ZOOM else f"step {frame.step} of {frame.of}"
    show.picture(frame.picture, told, width=WIDTH, pixels=False, alt="dreamt")


def answer(one, mark: str) -> None:
    """What one network dreams; the other in the layers that stand where the first one's do."""
    asked = layers if one is chosen else theirs(one)
    question = (one.network, one.picture, method.title, guide, where, str(asked), tuple(turned.items()))
    jobs.ask(JOB + mark, question, lambda: method.frames(one.probe, one.image, asked, **turned, **given))
    if mark:
        st.caption(show.plain(f"in {named(one, asked)}"))
    jobs.answer(JOB + mark, draw, what=f"{method.title}{mark and f', {one.title}'}", mark=mark)


def theirs(one):
    """The layer, or the layers, of another network that stand where those that are asked stand in the first."""
    known = convolutional_layers(one.probe)
    if not known:
        raise ValueError(NOWHERE.format(title=one.title))
    if isinstance(layers, str):
        return counterpart(chosen.probe, layers, one.probe, known)
    return list(dict.fromkeys(counterpart(chosen.probe, name, one.probe, known) for name in layers))


def named(one, asked) -> str:
    """One layer or several in words."""
    return one.brief(asked) if isinstance(asked, str) else " and ".join(one.brief(name) for name in asked)


def beginning() -> None:
    """The picture it begins with, to paint over where that says where it dreams, and the guide."""
    if painting_on:
        board()
    else:
        show.picture(chosen.image, "your picture", width=240, pixels=False, alt="your picture")
    if guide != NONE:
        show.picture(pictures.bundled(guide), f"the guide: {guide}", width=240, pixels=False, alt="the guide")


def film(frame) -> None:
    """The film once it is there: played by the browser, and to be taken away."""
    animation = gif(frame.detail)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.image(animation, width=WIDTH)
        st.download_button("GIF", animation, "dream.gif", "image/gif", key="gif", on_click="ignore")
        st.download_button("MP4", lambda: mp4(frame.detail), "dream.mp4", "video/mp4", key="mp4", on_click="ignore")


def layers_asked():
    """The dial for the layer, or for several that are mixed."""
    known = convolutional_layers(chosen.probe)
    if not known:
        apology(NOWHERE.format(title=chosen.title))
        end()
    ends = [name for name in stage_ends(chosen.probe) if name in known] or known[-1:]
    usual = ends[len(ends) * 3 // 4]
    listed = outline(chosen.probe, usual, among=known)
    if method is CARICATURE:
        return dials.choose("layer", listed, key="dream.layer", default=usual, format=chosen.brief)
    if not set(st.session_state.get(LAYERS, [usual])) <= {*listed}:  # of another network
        state.release(LAYERS)
    with st.container(width=250):
        wanted = st.multiselect("layers", listed, [usual], chosen.brief, key=LAYERS, bind="query-params")
    return wanted or [usual]


def lines() -> str:
    """The notebook lines that give the same picture."""
    opening = "" if painted is None else MASK
    plain = {dial: stand for dial, stand in turned.items() if dial not in given}
    guided = [f'guide=vizcore.bundled_image("{guide}")'] if "guide" in given else []
    masked = ["mask=mask"] if "mask" in given else []
    call = ", ".join(["probe", "image", repr(layers), *written(plain), *guided, *masked])
    return f"{opening}frames = vizcore.synthesis.{method.name}({call})\npicture = vizcore.last(frames).picture"


chosen = selection()
free_in = f"free in {chosen.picture}"
show.question("What does it see in the clouds?", "DeepDream: a picture in which a layer finds more and more")
with calm():
    with dials.row():
        method = dials.method(METHODS, key=METHOD, label="show")
        layers = layers_asked()
        turned, guide, painted = {}, NONE, None
        if "guide" in inspect.signature(method.function).parameters:
            guide = dials.choose("guide", [NONE, *bundled_names()], key=GUIDE)
        painting_on = method is DREAM and dials.choose("where", [EVERYWHERE, PAINTED], key=WHERE) == PAINTED
        if painting_on:
            painted = st.session_state.get(free_in)
        turned = dials.draw(method, chosen.probe, in_sight=2)
        second = beside.choose(chosen)
    given = {}
    if guide != NONE:
        given["guide"] = pictures.bundled(guide)
    if painted is not None:
        given["mask"] = marked(painted)
    where = image_digest(painted) if painted is not None else ""
    if second:
        beside.each(chosen, second, answer, about=False)
        beginning()
    else:
        left, right = st.columns([11, 5], gap="large")
        with left:
            answer(chosen, "")
        with right:
            beginning()
    job = jobs.running(JOB)
    frame = job and job.latest
    if frame and not job.going and method is ZOOM:
        film(frame)
    learn.below(
        method,
        seen=SEEN.get(method, "").format(layers=show.plain(named(chosen, layers))),
        tries=[
            learn.Try("A caricature: the same, only louder", session={METHOD: CARICATURE.title}),
            learn.Try("Guided by a flower", session={METHOD: DREAM.title, GUIDE: "flower"}),
            learn.Try("The first layers dream of strokes",
                      session={METHOD: DREAM.title, LAYERS: stage_ends(chosen.probe)[:1]}),
            learn.Try("A film into the dream", session={METHOD: ZOOM.title}),
            learn.Try("Only where you paint", session={METHOD: DREAM.title, WHERE: PAINTED}),
        ],
        picture=frame and frame.picture,
        data=frame and frame.picture,
        snippet=lines(),
    )  # fmt: skip
