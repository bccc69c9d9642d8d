"""What is it sure of, though there is nothing to see?"""

from dataclasses import replace

import streamlit as st

from pages.parts import components, dials, jobs, learn, networks, show, state
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import TEACHING, selection
from vizcore import Unit, zoo
from vizcore.adversarial.fooling import METHODS, SURE, Archive, second_opinions
from vizcore.imaging import render, sheet
from vizcore.method import titled
from vizcore.probe import SCORES

METHOD, SECOND, PICKED = "fooling.method", "fooling.second", "fooling.picked"
JOB, OPINIONS = "fooling", "fooling opinions"
CLIMB, BREED = titled(METHODS)["Ascent from noise"], titled(METHODS)["MAP-Elites"]
MOST = 100  # classes whose best images are drawn
SEEN = {
    CLIMB: """From nothing, every step changes each pixel value by 1 of 255 in the direction that makes **{unit}** more
probable. A network divides the space of all pictures among its classes, and most of that space lies far from any
photograph: it is certain there too, and **sees nothing of what we see**.""",
    BREED: """Every tile is the image that the network is surest of for its class, found with nothing but its answers:
each child of one of them challenges all classes. Click one. What a **second network** says of it tells whether the two
were fooled by something they have in common.""",
}


@st.cache_resource(max_entries=256, show_spinner=False)
def said(network: str, key: tuple, _probe, _image) -> tuple:
    """What a network says of an image."""
    return tuple(_probe.predict(_image, k=5))


def draw(frame) -> None:
    """The answer as far as it is: one image, or one for every class."""
    (bred if isinstance(frame.picture, Archive) else climbed)(frame)


def climbed(frame) -> None:
    """The image so far, and once it rests what both networks say of it."""
    share, rests = frame.terms["probability"], not jobs.running(JOB).going
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.picture(
            frame.picture, f"{show.percent(share)} {asking.name}, after {frame.step} steps", width=440,
            alt=f"an image that fools the network into {asking.name}",
        )  # fmt: skip
    with right:
        show.answer(show.percent(share), asking.name)
        if rests:
            both(frame.picture, (*question.key, frame.step), unit.channel)


def both(image, key: tuple, number: int) -> None:
    """What the network and the second one say of an image."""
    for one, title, probe in ((chosen.network, chosen.title, chosen.probe), (second, networks.title(second), other)):
        show.heading(f"What {title} says")
        answers = said(one, key, probe, image)
        label = chosen.probe.labels[number]
        show.bars(answers, chosen=next((answer.index for answer in answers if answer.label == label), None))


def bred(frame) -> None:
    """The archive as far as it is, and one of its images large."""
    archive, known = frame.picture, chosen.probe.labels
    numbers = archive.best(MOST)
    picked = st.session_state.get(PICKED)
    picked = picked if picked in numbers else archive.best(1)[0]
    shares = archive.probability.tolist()
    show.numbers(
        {
            f"classes at {100 * SURE:.0f} % and more": f"{archive.sure} of {len(known):,}",
            "median over all classes": show.percent(archive.median),
            "images shown to the network": archive.shown,
        }
    )
    left, right = st.columns([5, 3], gap="large")
    with left:
        components.grid(
            sheet(archive.pictures(numbers), largest=64),
            key="fooling archive", label="the best image for every class",
            captions=[f"{known[number]}, {show.percent(shares[number])}" for number in numbers],
            selected=numbers.index(picked), marked=[place for place, one in enumerate(numbers) if shares[one] >= SURE],
            on_pick=lambda place: state.place(PICKED, numbers[place]), tile=62, gap=6,
        )  # fmt: skip
        st.caption("Marked: the network gives it 90 % or more.")
    with right:
        show.picture(
            archive.image(picked), f"{show.percent(shares[picked])} {known[picked]}", width=260,
            alt=f"the best image for {known[picked]}",
        )  # fmt: skip
        if not jobs.running(JOB).going:
            both(archive.image(picked), (*question.key, frame.step, picked), picked)


def opinions(frame) -> None:
    """How many of the images that fool the first network get the same label from the second."""
    show.numbers(
        {
            "images that fool": frame.of,
            f"the same label from {networks.title(second)}": show.percent(frame.terms["same label"]),
        }
    )


def kept(found):
    """What is kept as a picture: the image, or all the archive's small ones."""
    if isinstance(found, Archive):
        return render.grid(found.pictures(found.best(MOST)), 10, gap=2)
    return render.enlarged(found, 512)


chosen = selection()
unit = chosen.unit if chosen.unit.is_class else Unit(SCORES, chosen.predictions[0].index)
asking = replace(chosen, asked=str(unit))
show.question("What is it sure of, though there is nothing to see?", "Fooling images: certainty without an object")
with dials.row():
    method = dials.method(METHODS, key=METHOD, label="how")
    turned = dials.draw(method, chosen.probe, unit, in_sight=1)
    bundled = [one for one in zoo.bundled_weights() if "@" not in one and one != chosen.network]
    titles = {one: networks.title(one) for one in bundled}
    second = dials.choose(
        "a second network", bundled, key=SECOND, default=zoo.twin(chosen.network), format=titles.__getitem__
    )
    other = networks.probe(second)

with calm():
    question = Question(asking, method, turned)
    job = question.ask(JOB, patience=1.0)
    jobs.answer(JOB, draw, what=method.title)
    frame = job.latest
    if frame and not job.going and isinstance(frame.picture, Archive) and frame.picture.sure:
        jobs.ask(OPINIONS, (*question.key, second, frame.step),
                 lambda: second_opinions(other, frame.picture, chosen.probe.labels))  # fmt: skip
        jobs.watch(OPINIONS, opinions, what="a second opinion")
    learn.below(
        method,
        seen=SEEN.get(method, "").format(unit=show.plain(asking.name)),
        tries=[
            learn.Try("From grey instead of noise", method=CLIMB, dials={"start": "grey"},
                      session={METHOD: CLIMB.title}),
            learn.Try("Breed patterns, one for each of 64 classes", network=TEACHING, method=BREED,
                      dials={"encoding": "CPPN"}, session={METHOD: BREED.title}),
            learn.Try("Breed pixels: much harder", network=TEACHING, method=BREED,
                      dials={"encoding": "direct"}, session={METHOD: BREED.title}),
            learn.Try("Does the robust twin fall for it?", network="tiny-vgg-robust"),
        ],
        picture=frame and (lambda: kept(frame.picture)),
        data=frame and (lambda: getattr(frame.picture, "probability", frame.picture)),
        snippet=question.lines("found"),
        unit=unit,
    )  # fmt: skip
