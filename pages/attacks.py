"""How little fools it?"""

import inspect

import streamlit as st

from pages.parts import beside, dials, jobs, learn, show, xray
from pages.parts.calm import apology, calm
from pages.parts.selection import selection
from vizcore.adversarial import control, lasting
from vizcore.adversarial.apgd import METHODS as ADAPTIVE
from vizcore.adversarial.attacks import METHODS as GRADIENT
from vizcore.adversarial.attacks import usual_target
from vizcore.adversarial.auto_attack import METHODS as SEVERAL
from vizcore.adversarial.minimum_norm import METHODS as LEAST
from vizcore.adversarial.norms import radius
from vizcore.adversarial.penalty import METHODS as WEIGHED
from vizcore.adversarial.universal import METHODS as UNIVERSAL

METHODS = (*GRADIENT, *ADAPTIVE, *SEVERAL, *LEAST, *WEIGHED, *UNIVERSAL)
METHOD, CHANGE, TARGET, JOB = "attacks.method", "attacks.change", "attacks.target", "attacks"
ANY = -1  # in place of a target: anything but what the network says now
WIDTH = 232
SIZES = {
    "Linf": "No pixel value has moved by more than **{change} of 255**",
    "L2": "The change is as long as one of **{change} of 255** at every value, or shorter",
    "L1": "The values have moved by **{change} of 255** on average or less, a few of them by far",
    None: "This attack seeks as small a change as there is",
}


@st.cache_resource(max_entries=128, show_spinner=False)
def by_chance(question: tuple, seed: int, _probe, _attack):
    """The picture after the same change with random signs."""
    return control(_probe, _attack, seed=seed)


def draw(frame, one, asked: dict, question: tuple) -> None:
    """The pictures on the way, and at the end the panels."""
    if frame.picture is None:
        show.row(
            [one.prepared, frame.detail[0]], ["the original", f"after step {frame.step} of {frame.of}"], width=WIDTH
        )
        return
    attack = frame.picture
    after = one.probe.predict(attack.saved[0], k=5)
    panels(attack, one.predictions[0], after[0])
    verdict(attack, after[0], frame.terms.get("mended", 0))
    random = by_chance(question, asked.get("seed", 0), one.probe, attack)
    for place, heading, answers in zip(
        [st.container() for _ in range(3)] if second else st.columns(3, gap="large"),
        ("The original", "After the attack", "After the same change with random signs"),
        (one.predictions, after, one.probe.predict(random.saved[0], k=5)),
        strict=True,
    ):
        with place:
            show.heading(heading)
            show.bars(answers, chosen=attack.aims.item() if attack.targeted else after[0].index)


def panels(attack, before, now) -> None:
    """The four panels of the lecture: the original, the fooled one, the difference, and ten times the difference."""
    show.row(
        [attack.before[0], attack.saved[0], attack.difference()[0], attack.difference(10)[0]],
        [
            f"the original: {before.label}, {show.percent(before.probability)}",
            f"after the attack: {now.label}, {show.percent(now.probability)}",
            "the difference; mid-grey is none",
            "ten times the difference",
        ],
        width="calc(50% - 0.5rem)" if second else WIDTH,
    )


def verdict(attack, now, mended: int) -> None:
    """In figures what was done to the picture, and in a sentence where it did not succeed or had to be mended."""
    if not attack.success.item():
        wanted = attack.named(attack.aims.item()) if attack.targeted else "something else"
        within = f"Within {change} of 255 this" if "epsilon" in accepted else "This"
        apology(f"{within} attack does not make it {wanted}: to the network it is {now.label}.")
    elif mended:
        many = f"{mended:,} values were moved" if mended > 1 else "one value was moved"
        st.caption(f"Rounding to 8 bits had undone it; {many} to a neighbouring level, and the saved picture fools.")
    show.numbers(
        {
            "largest change": (show.figures(attack.largest.item() * 255), "of 255"),
            "length of the change": attack.length.item(),
            "pixels changed": attack.moved.item(),
            "gradients": attack.gradients,
            "forward passes": attack.forwards,
        }
    )


def against(one) -> tuple[dict, tuple]:
    """With what one network is attacked, and what that attack is known by. The other network is led to the class of the
    same name, or where it has none, to anything else."""
    given, aimed, pictures = turned, target, one.prepared[None]
    if one is not chosen:
        given = dials.suited(method, turned, (probe,), (one.probe,))
        aimed = None if target is None else numbered(one.probe, probe.labels[target])
        aimed = None if aimed == one.predictions[0].index else aimed
    found = {**({"epsilon": radius(change / 255, pictures, norm)} if norm else {}), **given}
    found |= {"target": aimed} if "target" in accepted else {}
    return found, (one.network, one.picture, method.title, tuple(found.items()))


def outcome(attack, question: tuple) -> str:
    """What came of the attack on the chosen network, and what its control, in figures: either may fail or succeed."""
    random = by_chance(question, asked.get("seed", 0), probe, attack)
    found, best = by_probability(attack), by_probability(random)
    kept = next(one for one in best if one.index == before.index)
    told = ": what you see is still the same thing, the network sees another."
    if not attack.success.item():
        told = f", and not far enough: the network says {show.plain(found[0].label)}."
    told += f" With the sign of every value drawn at random the same change leaves {show.plain(before.label)} at"
    told += f" {show.percent(kept.probability)}, where it was {show.percent(before.probability)}"
    matters = attack.success.item() and best[0].index == before.index
    return told + (", so it is the direction that matters and not the size." if matters else ".")


def by_probability(attack):
    """All the chosen network's classes for the picture of an attack, the most probable first."""
    return probe.predict(attack.saved[0], k=len(probe.labels))


def numbered(other, name: str) -> int | None:
    """The number of another network's class of that name, if it has one."""
    return other.labels.index(name) if name in other.labels else None


def answer(one, mark: str) -> None:
    """The attack on one network."""
    found, question = against(one)
    probe, images, label = one.probe, one.prepared[None], one.predictions[0].index
    run = lambda: lasting(method.frames(probe, images, label, **found), probe)  # noqa: E731 (for a thread)
    jobs.ask(JOB + mark, question, run, patience=1.5)
    told = f"{method.title}{mark and f', {one.title}'}"
    jobs.answer(JOB + mark, lambda frame: draw(frame, one, found, question), what=told, mark=mark)


def label(number: int) -> str:
    """A target by its name."""
    return "anything else" if number == ANY else probe.labels[number]


def written(value) -> str:
    """A dial's value in the notebook lines; epsilon in steps of 8 bits, where it is so many."""
    return f"{change} / 255" if value == change / 255 and value else repr(value)


chosen = selection()
probe, before = chosen.probe, chosen.predictions[0]
show.question("How little fools it?", "Adversarial examples: the smallest steps against the answer, or towards another")
with dials.row():
    method = dials.method(METHODS, key=METHOD, default="PGD")
    accepted = inspect.signature(method.function).parameters
    change, target = 0, None
    if "epsilon" in accepted:
        change = st.slider("change, of 255", 0, 16, 2, key=CHANGE, bind="query-params")
    if "target" in accepted:
        others = [number for number in range(len(probe.labels)) if number != before.index]
        usual = usual_target(probe, before.index)
        target = dials.target(
            "make it", [ANY, *others], key=TARGET, labels=probe.labels, default=usual, format=label
        )
        target = None if target == ANY else target
    turned = dials.draw(method, probe, without=("epsilon",), in_sight=2, rough=True)  # for a fooled picture soon
    second = beside.choose(chosen)

with calm():
    norm = turned.get("norm", "Linf") if "epsilon" in accepted else None
    beside.each(chosen, second, answer, about=False)
    asked, question = against(chosen)
    job = jobs.running(JOB)
    attack = job and job.latest and job.latest.picture
    told = "."  # until it is known what comes of it
    if attack and not job.going:
        xray.below(chosen, question, attack)
        told = outcome(attack, question)
    aim = "takes the answer away"
    if method.name == "universal":
        aim = "takes the answer from pictures of the gallery, of which yours was none"
    elif method.name == "least_likely":
        aim = "leads to what it held for the least likely of all"
    elif target is not None:
        aim = f"makes it say {show.plain(probe.labels[target])}"
    options = ", ".join(f"{dial}={written(stand)}" for dial, stand in asked.items())
    learn.below(
        method,
        seen=f"{SIZES[norm].format(change=change)}, in the direction that {aim}{told}",
        tries=[
            learn.Try("A single step, to anything else: FGSM", session={METHOD: "FGSM", TARGET: ANY}),
            learn.Try("The least change that takes the answer away: DeepFool", session={METHOD: "DeepFool"}),
            learn.Try("So much that one begins to see it: 16 of 255", session={METHOD: "PGD", CHANGE: 16}),
        ],
        picture=attack and (lambda: attack.saved[0]),
        data=attack and attack.change[0],
        snippet=f"label = probe.predict(image)[0].index\n"
        "images = probe.prepare(image)[None]\n"
        f"attack = vizcore.adversarial.{method.name}(\n"
        f"    probe, images, label{', ' if options else ''}{options}\n)\n"
        "attack = vizcore.adversarial.repaired(probe, attack)  # where rounding to 8 bits would undo it",
    )
