"""Can two stickers unmake a stop sign?"""

import streamlit as st

from pages.parts import dials, jobs, learn, networks, show, state
from pages.parts.calm import calm
from pages.parts.cloud import painting
from pages.parts.selection import selection
from vizcore import load_image
from vizcore.adversarial import detect, drive_by, road_sign
from vizcore.adversarial.detector import NOTHING
from vizcore.adversarial.drive import film
from vizcore.adversarial.road_signs import SIGNS, opaque
from vizcore.adversarial.sign import BARE, CHANCE, METHODS, STUCK, marked, sheet
from vizcore.imaging import gif, image_digest
from vizcore.method import titled
from vizcore.probe import SCORES, Unit

METHOD = titled(METHODS)["Stickers on a sign"]
NETWORK = "road-signs"
JOB, DRIVE = "sign", "sign drive"
SIGN, TARGET, WHERE, DRAWN, WAY, LOOK = "sign.sign", "sign.target", "sign.where", "sign drawn", "sign.way", "sign.look"
ACROSS, WATCHED = "sign.across", "sign.watched"
TWO_BARS, PAINTED = "two bars", "where you paint"
PAPER = ("#ffffff", "#1b1b1d")
PICTURES = 8  # of a drive
SEEN = """The two stickers were not made for one picture: they were laid on the sign at many sizes, from many sides and
in many lights, and **{target}** became more probable on average. Random stickers of the same size and place hide as
much of the sign, so what they leave of its answer tells **covering** from **attacking**."""


def keep(file: bytes) -> None:
    """Keep where stickers may go, or forget it where it was wiped."""
    state.place(DRAWN, marked(load_image(file)) if file else None)


def draw(frame) -> None:
    """The sign, with the stickers as far as they are, and with the control."""
    found = frame.picture
    probability = show.percent(frame.terms["probability"])
    show.row(
        [opaque(one) for one in found.signs.values()],
        [BARE, f"{STUCK}, step {frame.step}: {probability} {target} in the last step", CHANCE],
        width=210, pixels=False,
    )  # fmt: skip


def drive(frame) -> None:
    """The drive as far as it is: a strip of close-ups for every kind of sign, with the answer under each."""
    found = frame.picture
    shares = {name: found.share(name, sign) for name in found.pictures}
    show.numbers({f"taken for {sign}, {name}": show.percent(share) for name, share in shares.items()}
                 | {f"taken for {target}, {STUCK}": show.percent(found.share(STUCK, target))})  # fmt: skip
    for name in found.pictures:
        show.heading(name)
        many = range(len(found.boxes))
        show.row([found.closeup(name, one) for one in many], [found.said(name, one) for one in many],
                 width=92, pixels=False)  # fmt: skip


@st.cache_resource(max_entries=64, show_spinner=False)
def detected(key: tuple, name: str, number: int, _probe, _picture):
    """What the detector finds in one picture of a drive."""
    return detect(_probe, _picture)


def look(key: tuple, found) -> None:
    """One picture of the drive, whole, with the detector's boxes and its map."""
    show.heading("What the detector sees in one of the pictures")
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        name = dials.choose("sign", list(found.pictures), key=WATCHED, default=STUCK)
        last = len(found.boxes)  # one, where the drive was stopped at once
        number = (st.slider("picture", 1, last, last, key=LOOK) if last > 1 else 1) - 1
    picture = found.pictures[name][number]
    seen = detected(key, name, number, probe, picture)
    boxes = [(tuple(map(round, one.box)), f"{one.label} {show.percent(one.probability)}") for one in seen.signs]
    show.map(picture, seen.map, key="sign scene", label="the street, and where the detector sees a sign", boxes=boxes,
             width=620, opacity=0.4)  # fmt: skip


def take(found, way) -> None:
    """The film of the drive, and the stickers to print."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        across = st.slider("the sign's width, in centimetres", 5, 100, 20, key=ACROSS, width=260)
        for kind, mime in (("PDF", "application/pdf"), ("PNG", "image/png")):
            st.download_button(
                f"Stickers as {kind}, true size", lambda kind=kind: sheet(found, across, kind),
                f"stickers-{across}-cm.{kind.lower()}", mime, key=f"print sign {kind}", on_click="ignore",
            )  # fmt: skip
        st.download_button(
            "The drive as GIF", lambda: gif(film(way), seconds=0.3), "drive.gif", "image/gif", key="sign film",
            on_click="ignore",
        )  # fmt: skip


def lines() -> str:
    """The notebook lines."""
    asked = ", ".join(f"{name}={value!r}" for name, value in turned.items())
    mask = (
        "" if mask_drawn is None else "mask=vizcore.adversarial.sign.marked(vizcore.load_image('your-drawing.png')), "
    )
    return (
        f'signs = {networks.opening(network)}\nsign = vizcore.adversarial.road_sign("{sign}")\n'
        f'frames = vizcore.adversarial.sticker(signs, sign, "{target}", {mask}{asked})\n'
        "found = vizcore.last(frames).picture\n"
        f"drive = vizcore.last(vizcore.adversarial.drive_by(signs, found.signs, pictures={PICTURES}, "
        f"seed={st.session_state.get(WAY, 0)})).picture"
    )


chosen = selection()
knows = {NOTHING, *SIGNS} <= {*chosen.probe.labels}
network = chosen.network if knows else NETWORK
probe = chosen.probe if knows else networks.probe(NETWORK)
show.question(
    "Can two stickers unmake a stop sign?", "Stickers on a road sign, seen from near, from far and driving by"
)
with dials.row():
    sign = dials.choose("sign", list(SIGNS), key=SIGN)
    others = [name for name in SIGNS if name != sign]
    target = dials.choose("make it", others, key=TARGET, default="speed limit 80")
    where = dials.choose("stickers", [TWO_BARS, PAINTED], key=WHERE)
    turned = dials.draw(METHOD, probe, in_sight=1)
if not knows:
    st.caption(
        f"{show.plain(chosen.title)} knows no road signs, so the small network that does is asked: "
        f"{networks.title(NETWORK)}."
    )

with calm():
    mask_drawn = st.session_state.get(DRAWN) if where == PAINTED else None
    place = "bars" if mask_drawn is None else image_digest(mask_drawn)
    image, unit = road_sign(sign), Unit(SCORES, probe.labels.index(target))
    key = (network, sign, target, place, *turned.items())
    frames = METHOD.frames(probe, image, unit, mask=mask_drawn, **turned)
    job = jobs.ask(JOB, key, lambda: frames)
    if where == PAINTED:
        left, right = st.columns([5, 15], gap="large")
        with left:
            painting(PAPER, key="sign square", side=64, label="a square, the sign's; paint where stickers go",
                     on_draw=keep)  # fmt: skip
            st.caption("The square is the sign's; until you paint, there are two bars.")
    else:
        right = st.container()
    with right, st.container(key="answer"):
        jobs.watch(JOB, draw, what=f"{show.plain(target)} on {show.plain(sign)}")
    frame = job.latest
    film_of = None
    if frame and not job.going:
        way = st.slider("another street and light", 0, 99, 0, key=WAY, bind="query-params", width=260)
        signs = frame.picture.signs
        driving = jobs.ask(DRIVE, (*key, frame.step, way), lambda: drive_by(probe, signs, pictures=PICTURES, seed=way))
        jobs.watch(DRIVE, drive, what="The drive")
        film_of = driving.latest and not driving.going and driving.latest.picture
        if film_of:
            look((*key, frame.step, way), film_of)
            take(frame.picture, film_of)
    learn.below(
        METHOD,
        seen=SEEN.format(target=show.plain(target)),
        tries=[
            learn.Try("Only ten steps: do they suffice?", method=METHOD, dials={"steps": 10}),
            learn.Try("A stop sign as no entry", session={SIGN: "stop", TARGET: "no entry"}),
            learn.Try("Thirty as eighty", session={SIGN: "speed limit 30", TARGET: "speed limit 80"}),
            learn.Try("Colours that no printer has", method=METHOD, dials={"printable": 0.0}),
        ],
        picture=frame and (lambda: opaque(frame.picture.printed.stuck)),
        data=film_of and (lambda: film_of.rows),
        snippet=lines(),
    )  # fmt: skip
