"""What does the layer still know?"""

import streamlit as st

from pages.parts import beside, decoded, dials, jobs, learn, show, state
from pages.parts.calm import calm, end
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore.imaging import render
from vizcore.inspection.blocks import outline, stage_ends
from vizcore.laboratory.compare import counterpart
from vizcore.method import titled
from vizcore.synthesis import relative_error
from vizcore.synthesis.inversion import METHODS, PRIORS, mean_colour

JOB, METHOD, LAYER = "inversion", decoded.METHOD, "inversion.layer"
FAMILY = titled(METHODS)
ONE, PRIORS_OF_ONE = FAMILY["Inversion"], FAMILY["Inversion with every prior"]
STRIP = FAMILY["Inversion of every layer"]
SEEN = {
    ONE: """To **{layer}** these are nearly the same picture: {error} of the layer's answer is all that tells them
apart. Whatever the second lacks or gets wrong, the layer no longer knows; other seeds get it wrong in other ways.""",
    PRIORS_OF_ONE: """All of these look to **{layer}** nearly like the original, the noisy ones as well. The layer does
not say what a picture is like between what it measures, so the search fills that in, and a prior says with what.""",
    STRIP: """From left to right the network forgets: first the exact colours, then where things are, and at the end
all but what the picture is of. The bars tell how far each layer's answer is from its answer to the original, beside
what a picture of the mean colour gives.""",
}
NEAR = 0.3  # the relative error up to which two pictures are nearly the same to a layer
FAR = """To **{layer}** this is not the same picture yet: {error} of the layer's answer, on average where there are
several, is still wrong. More steps or a weaker prior bring it nearer; only then does what it lacks tell what the layer
no longer knows."""


@st.cache_resource(max_entries=256, show_spinner=False)
def of_mean_colour(network: str, picture: str, layer: str, _chosen) -> float:
    """How wrong a picture is to a layer that knows nothing but the mean colour."""
    return relative_error(_chosen.probe, mean_colour(_chosen.prepared)[None], _chosen.image, layer).item()


def told(one, image) -> str:
    """What a network takes a picture for."""
    return decoded.answer(one.probe, image)


def original(one) -> str:
    """What stands below the original: what a network takes it for."""
    best = one.predictions[0]
    return f"the original: {best.label}, {show.percent(best.probability)}"


def pair(frame, one, layer: str) -> None:
    """The original and what is being found for one layer, from one seed or from several."""
    found = frame.picture if frame.picture.ndim == 4 else frame.picture[None]
    words = [f"error {show.figures(error)}: {told(one, image)}"
             for image, error in zip(found, frame.detail.tolist(), strict=True)]  # fmt: skip
    trained, said = decoded.beside(one, layer)
    width = {1: 380, 2: 300}.get(len(found) + len(trained), 232)
    show.row(
        [one.prepared, *found, *trained], [original(one), *words, *said], width=width,
        alt="searched for a layer's answer",
    )  # fmt: skip
    figures(frame, one, layer)


def priors(frame, one, layer: str) -> None:
    """The original, and what is being found with each of the priors."""
    found = zip(PRIORS.values(), frame.picture, frame.detail.tolist(), strict=True)
    words = [f"{name}: error {show.figures(error)}, {told(one, image)}" for name, image, error in found]
    show.row([one.prepared, *frame.picture], [original(one), *words], width=232, alt="searched for a layer's answer")
    figures(frame, one, layer)


def figures(frame, one, layer: str) -> None:
    """How wrong the pictures still are to the layer, and how wrong a picture of one colour is."""
    mean = of_mean_colour(one.network, one.picture, layer, one)
    show.numbers(
        {
            "relative error": frame.terms["relative error"],
            "of the mean colour alone": mean,
            "same answer as the original": f"{same(one, frame.picture)} of {len(frame.detail)}",
        }
    )


def same(one, images) -> int:
    """How many pictures the network takes for what it takes the original for."""
    best = one.predictions[0].index
    return sum(one.probe.predict(image, k=1)[0].index == best for image in images.reshape(-1, *images.shape[-3:]))


def strip(frame, one, layers: list[str]) -> None:
    """The original, what was found for every layer so far, and what is being found."""
    done = frame.detail
    words = [f"{one.brief(part.layer)}: {part.answer.label}, {show.percent(part.answer.probability)}" for part in done]
    words += [f"{one.brief(name)}: being searched" for name in layers[len(done) : len(done) + 1]]
    show.row([one.prepared, *frame.picture], [original(one), *words], width=176, alt="searched for a layer's answer")
    if done:
        show.heading("How far each layer's answer is from its answer to the original")
        show.shares(
            {one.brief(part.layer): {"what was found": part.error, "the mean colour": part.mean_error}
             for part in done},
            stacked=False, most=max(1.0, *(part.mean_error for part in done)),
        )  # fmt: skip
        kept = sum(part.answer.index == one.predictions[0].index for part in done)
        show.numbers({"layers that kept the answer": f"{kept} of {len(done)}"})


def answer(one, mark: str) -> None:
    """What is found for one network, in the other at the layer that stands where the first one's does."""
    where = layers if all_layers else layer
    if one is not chosen:
        theirs = list(one.probe.layers)
        where = stage_ends(one.probe) if all_layers else counterpart(chosen.probe, layer, one.probe, theirs)
    question = (one.network, one.picture, method.title, str(where), tuple(turned.items()))
    jobs.ask(JOB + mark, question, lambda: method.frames(one.probe, one.image, where, **turned))
    draw = strip if all_layers else priors if method is PRIORS_OF_ONE else pair
    if second and not all_layers:
        st.caption(show.plain(f"at {one.brief(where)}"))
    jobs.answer(
        JOB + mark, lambda frame: draw(frame, one, where), what=f"{method.title}{mark and f', {one.title}'}", mark=mark
    )


def rows(frame) -> list[dict]:
    """What was found for every layer, as a table."""
    return [
        {"layer": one.layer, "relative error": one.error, "of the mean colour": one.mean_error,
         "answer": one.answer.label, "probability": one.answer.probability}
        for one in frame.detail
    ]  # fmt: skip


def lines() -> str:
    """The notebook lines that give the same answer."""
    given = ", ".join(["probe", "image", "layers" if all_layers else repr(layer), *written(turned)])
    call = f"vizcore.synthesis.{method.name}({given})"
    if all_layers:
        return f"layers = {layers}\nstrip = vizcore.last({call}).detail"
    return f"picture = vizcore.last({call}).picture"


chosen = selection()
layers = stage_ends(chosen.probe)
tries = [
    learn.Try("The strip of all layers, as in the paper", session={METHOD: STRIP.title}),
    learn.Try("Four priors side by side", session={METHOD: PRIORS_OF_ONE.title}),
    learn.Try("Three seeds, one code", method=ONE, dials={"pictures": 3}, session={METHOD: ONE.title}),
    learn.Try("From nothing but the scores", session={METHOD: ONE.title, LAYER: layers[-1]}),
    *decoded.tries(chosen),
]
show.question("What does the layer still know?", "Inversion: a picture with the same code, searched or decoded")
with dials.row():
    method = dials.method((*METHODS, *decoded.METHODS), key=METHOD, label="show")
    trained, all_layers = method in decoded.METHODS, "layers" in method.takes
    if trained:
        turned = decoded.turned(chosen, method)
    else:
        usual = layers[len(layers) // 2]
        asked = state.stands(LAYER)
        layer = usual
        if not all_layers:
            listed = outline(chosen.probe, asked if asked in chosen.probe.layers else usual)
            layer = dials.choose("layer", listed, key=LAYER, default=usual, format=chosen.brief)
        turned = dials.draw(method, chosen.probe, in_sight=3)
        second = beside.choose(chosen)

with calm():
    if trained:
        decoded.draw(chosen, method, turned, original(chosen), tries)
        end()
    beside.each(chosen, second, answer, stacked=True, about=False)
    decoded.elsewhere(chosen)
    job = jobs.running(JOB)
    frame = job and job.latest
    error, seen = "a part", SEEN.get(method, "")
    if frame:
        error = show.percent(frame.terms["relative error"])
        seen = FAR if frame.terms["relative error"] > NEAR and not all_layers else seen
    learn.below(
        method,
        seen=seen.format(layer=show.plain(chosen.brief(layer)), error=error),
        tries=tries,
        picture=frame and (lambda: render.grid(frame.picture.reshape(-1, *frame.picture.shape[-3:]), 4, gap=4)),
        data=frame and (rows(frame) if all_layers else frame.picture),
        snippet=lines(),
    )
