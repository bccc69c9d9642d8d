"""How little fools it?"""

import streamlit as st

from pages.parts import dials, jobs, learn, show, state
from pages.parts.calm import apology, calm
from pages.parts.selection import selection
from vizcore.adversarial import random_signs
from vizcore.adversarial.attacks import METHODS, usual_target
from vizcore.method import titled

METHOD, CHANGE, TARGET, JOB = "attacks.method", "attacks.change", "attacks.target", "attacks"
ANY = -1  # in place of a target: anything but what the network says now
QUICK = 10  # steps of PGD at first; a fooled picture within a second
WIDTH = 232
SEEN = """No pixel value has moved by more than **{change} of 255**, in the direction that {aim}: you see the same
picture, the network sees another thing. Random changes of the same size do next to nothing, so it is the direction that
matters and not the size."""


def quick_at_first() -> None:
    """Begin with few steps, unless a link says otherwise."""
    steps = dials.key(titled(METHODS)["PGD"], "steps")
    if steps not in st.session_state and steps not in st.query_params:
        state.place(steps, QUICK)


@st.cache_resource(max_entries=128, show_spinner=False)
def control(network: str, picture: str, change: int, seed: int, _probe, _images, _label: int):
    """The picture after a random change of the same size."""
    return random_signs(_probe, _images, _label, epsilon=change / 255, seed=seed)


def draw(frame) -> None:
    """The pictures on the way, and at the end the panels."""
    if frame.picture is None:
        show.row(
            [chosen.prepared, frame.detail[0]], ["the original", f"after {frame.step} steps of {frame.of}"], width=WIDTH
        )
        return
    attack = frame.picture
    after = probe.predict(attack.saved[0], k=5)
    panels(attack, after[0])
    verdict(attack, after[0])
    random = control(chosen.network, chosen.picture, change, turned.get("seed", 0), probe, images, before.index)
    aim = after[0].index if target == ANY else target
    for column, heading, answers in zip(
        st.columns(3, gap="large"),
        ("The original", "After the attack", "After a random change of the same size"),
        (chosen.predictions, after, probe.predict(random.saved[0], k=5)),
        strict=True,
    ):
        with column:
            show.heading(heading)
            show.bars(answers, chosen=aim)


def panels(attack, now) -> None:
    """The four panels of the lecture: the original, the fooled one, the difference, and ten times the difference."""
    show.row(
        [attack.before[0], attack.saved[0], attack.difference()[0], attack.difference(10)[0]],
        [
            f"the original: {before.label}, {show.percent(before.probability)}",
            f"after the attack: {now.label}, {show.percent(now.probability)}",
            "the difference; mid-grey is none",
            "ten times the difference",
        ],
        width=WIDTH,
    )


def verdict(attack, now) -> None:
    """In figures what was done to the picture, and where it did not succeed a sentence."""
    if not attack.success.item():
        wanted = "something else" if target == ANY else probe.labels[target]
        apology(f"Within {change} of 255 this attack does not make it {wanted}: to the network it is {now.label}.")
    show.numbers(
        {
            "largest change": (show.figures(attack.largest.item() * 255), "of 255"),
            "length of the change": attack.length.item(),
            "pixels changed": attack.moved.item(),
            "gradients": attack.gradients,
        }
    )


def label(number: int) -> str:
    """A target by its name."""
    return "anything else" if number == ANY else probe.labels[number]


chosen = selection()
probe, before, images = chosen.probe, chosen.predictions[0], chosen.prepared[None]
show.question("How little fools it?", "Adversarial examples: the smallest steps against the answer, or towards another")
quick_at_first()
with st.container(key="dials", horizontal=True, gap="large", vertical_alignment="bottom"):
    name = dials.choose("method", titled(METHODS), key=METHOD, default="PGD")
    method = titled(METHODS)[name]
    change = st.slider("largest change, of 255", 0, 16, 2, key=CHANGE, bind="query-params")
    others = [number for number in range(len(probe.labels)) if number != before.index]
    target = dials.choose(
        "make it", [ANY, *others], key=TARGET, default=usual_target(probe, before.index), format=label
    )
    turned = dials.draw(method, probe, without=("epsilon",), in_sight=1)

with calm():
    asked = {"epsilon": change / 255, **turned, "target": None if target == ANY else target}
    question = (chosen.network, chosen.picture, name, tuple(asked.items()))
    job = jobs.ask(JOB, question, lambda: method.frames(probe, images, before.index, **asked), patience=1.5)
    with st.container(key="answer"):
        jobs.watch(JOB, draw, what=name)
    attack = job.latest and job.latest.picture
    options = "".join(f", {dial}={stand!r}" for dial, stand in asked.items() if dial != "epsilon")
    learn.below(
        method,
        seen=SEEN.format(
            change=change,
            aim="takes the answer away" if target == ANY else f"makes it say {show.plain(probe.labels[target])}",
        ),
        tries=[
            learn.Try("A single step, to anything else: FGSM", session={METHOD: "FGSM", TARGET: ANY}),
            learn.Try("As little as 1 of 255", session={METHOD: "PGD", CHANGE: 1}),
            learn.Try("So much that one begins to see it: 16 of 255", session={CHANGE: 16}),
        ],
        picture=attack and (lambda: attack.saved[0]),
        data=attack and attack.change[0],
        snippet=f"label = probe.predict(image)[0].index\n"
        "images = probe.prepare(image)[None]\n"
        f"attack = vizcore.adversarial.{method.name}(\n"
        f"    probe, images, label, epsilon={change} / 255{options}\n)",
    )
