"""What does it want to see?"""

import streamlit as st

from pages.parts import accentuated, beside, dials, jobs, learn, natural, networks, show, studio
from pages.parts.calm import calm, calmly, end
from pages.parts.pair import other_unit
from pages.parts.question import written
from pages.parts.selection import DEFAULTS, TEACHING, selection
from vizcore.corpora import usual_layers
from vizcore.imaging import image_digest, render
from vizcore.inspection.activations import activations, strongest
from vizcore.probe import Unit
from vizcore.synthesis import decoded_layers, depths, quality
from vizcore.synthesis.accentuation import METHODS as ACCENTS
from vizcore.synthesis.generator import METHODS as GENERATORS
from vizcore.synthesis.presets import METHODS
from vizcore.synthesis.quality import VIEWS, clean
from vizcore.synthesis.views import veiled

JOB, STRIP, BESIDE = "visualize", "visualize depths", "visualize beside"
FAMILY = "visualize"
PRESET, TARGET, START, STAGES = "visualize.preset", "visualize.target", "visualize.start", "visualize.depths"
EACH = "visualize.facets"
ALONE, WITH, LESS = "one unit", "with another", "without another"
YOURS = "your picture"
BEGINS = ("pictures", "seed", "size")  # what a run begins with; every other dial may be turned as it goes on
FAVOURITES = ("flamingo", "African elephant", "king penguin", "school bus")  # classes worth seeing first
STRIP_STEPS = 64
SEEN = """Every step changes the picture a little in the direction that raises **{unit}**: nothing is copied from a
photograph, and what appears is what the network looks for. Beneath each picture stands what the network makes of
it just as it is, on average of {views} views that it was not painted with, and what another network says."""


@st.cache_resource(max_entries=256, show_spinner=False)
def on_your_picture(network: str, picture: str, unit: Unit, _chosen) -> float:
    """What the unit makes of the reader's picture, in the numbers that stand beneath the painted ones."""
    return clean(_chosen.probe, unit, _chosen.prepared[None]).item()


@st.cache_resource(max_entries=256, show_spinner="Looking at it from elsewhere, and asking another network")
def judged(network: str, unit: Unit, digest: str, _probe, _other, _picture):
    """What a finished picture is worth."""
    return quality(_probe, unit, _picture[None], other=_other)[0]


@st.cache_resource(max_entries=32, show_spinner=False)
def stages(network: str, picture: str, unit: Unit, _chosen) -> tuple[Unit, ...]:
    """Of every stage the channel that answers the reader's picture most strongly; of the unit's own layer, the unit."""
    probe, image = _chosen.probe, _chosen.prepared
    layers = dict.fromkeys([*usual_layers(probe)[:-1], unit.layer])
    ordered = [name for name in (*probe.layers, unit.layer) if name in layers]
    return tuple(
        unit if name == unit.layer else Unit(name, strongest(activations(probe, image, name), name).channel)
        for name in dict.fromkeys(ordered)
    )


def reading(value: float) -> str:
    """A class's probability or a channel's value, as it stands beneath a picture."""
    return f"{show.percent(value)} {chosen.name}" if unit.is_class else show.figures(value)


def beneath(picture, value: float) -> str:
    """What stands beneath a picture: while it grows what the network makes of it, in the end how far that holds."""
    if job.going:
        return reading(value)
    name = TEACHING if not chosen.network.startswith(TEACHING) else DEFAULTS["network"]
    found = judged(chosen.network, unit, image_digest(picture), chosen.probe, networks.probe(name), picture)
    held = show.percent(found.viewed) if unit.is_class else show.figures(found.viewed)
    said = f"{networks.title(name)}: {found.other.label} {show.percent(found.other.probability)}"
    return f"{reading(found.clean)}; {held} on {VIEWS} other views; {said}"


def draw(frame) -> None:
    """The pictures as far as they are, or of the step gone back to, and beside them the network's answers."""
    left, right = st.columns([13, 7], gap="large")
    with left:
        beside.named(chosen, second)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            with st.container(width="content"):
                show.chip(chosen)
            if other:
                st.caption("and" if target == WITH else "but not", width="content")
                with st.container(width="content"):
                    show.chip(other)
        frame = studio.controls(JOB, job, desk, painted)
        if branch.step:
            st.caption(f"A branch, begun with the picture of step {branch.step}.")
            earlier = st.session_state.get(f"branches {JOB}", [])
            pictures = [shown[0] if shown.ndim == 4 else shown for _, shown in earlier]
            show.row(pictures, [words for words, _ in earlier], width=150, alt="an earlier branch")
            st.button("Forget the branches", type="tertiary", key="cut", on_click=calmly(studio.cut), args=(JOB,))
    with right:
        show.heading("What it answers" if frame.picture.ndim == 3 else "What it answers to the first")
        first = frame.picture if frame.picture.ndim == 3 else frame.picture[0]
        show.bars(chosen.probe.predict(first, k=5), chosen=unit.channel if unit.is_class else None)
        show.heading("Your picture, for comparison")
        yours = on_your_picture(chosen.network, chosen.picture, unit, chosen)
        show.picture(chosen.prepared, reading(yours), width=190, alt="your picture")


def painted(frame) -> None:
    """The pictures of a frame, and what is to be said of them."""
    pictures = frame.picture if frame.picture.ndim == 4 else frame.picture[None]
    values = clean(chosen.probe, unit, pictures).tolist()
    shown, words = list(pictures), [beneath(one, value) for one, value in zip(pictures, values, strict=True)]
    if method.name == "maco" and len(pictures) == 1:
        shown, words = [shown[0], veiled(shown[0], frame.detail[0])], [words[0], "where anything mattered"]
    show.row(shown, words, width=520 if len(shown) == 1 else 290, alt=f"painted to excite {chosen.name}")
    if revived := frame.terms.get("revived"):
        st.caption(
            f"{'It has' if len(pictures) == 1 else f'{revived} of them have'} no gradient here, since every way to the "
            "unit is shut by a rectifier that gives zero; for this step the gradient was let through."
        )


def looked_at():
    """What is shown: the latest picture or, where the reader went back, that of an earlier step."""
    return (desk.shown or frame).picture


def examples_of() -> None:
    """What excites the unit most in photographs, and what it wants to see of each kind of them."""
    if index := natural.best(chosen, unit):
        natural.kinds(chosen, Unit(unit.layer, unit.channel), index, key=EACH)


def strip(frame) -> None:
    """A picture for every stage, from the first to the last."""
    words = [f"{chosen.brief(one.layer)}, {one.channel}" if one != unit else chosen.name for one in strip_units]
    show.row(list(frame.picture), words, width=150, alt="what a stage wants to see")


def asked_beside(steps: dict) -> None:
    """What another network wants to see, by the same recipe at the size that suits it."""
    beside.named(second, chosen)
    probe, about = second.probe, second.unit
    begin = chosen.image if start == YOURS else start
    question = (second.network, str(about), method.title, chosen.picture if start == YOURS else start, *steps.values())
    jobs.ask(BESIDE, question, lambda: function(probe, about, **steps, start=begin))
    jobs.watch(
        BESIDE,
        lambda frame: show.row(
            list(frame.picture if frame.picture.ndim == 4 else frame.picture[None]), width=290,
            alt=f"painted to excite {second.name}",
        ),
        what=second.title,
    )  # fmt: skip


chosen = selection()
unit, middle = chosen.unit, chosen.middle  # asked before a job keeps the network busy
show.question("What does it want to see?", "Activation maximisation: a picture painted to excite a unit, as you watch")
ROW = {"horizontal": True, "gap": "medium", "vertical_alignment": "bottom"}
above = st.container(key="dials", gap="small")
row = above.container(**ROW)
offered = (*METHODS, *(GENERATORS if decoded_layers(chosen.probe) else ()), *ACCENTS)  # others it hardly excites
with row:
    method = dials.method(offered, key=PRESET, label="by the recipe of", letters=60)
if method in ACCENTS:
    with row:
        turned = dials.draw(method, chosen.probe, unit, in_sight=3)
    accentuated.asked(chosen, method, turned)
    end()
with row:
    target = dials.choose("paint", [ALONE, WITH, LESS], key=TARGET)
    other = other_unit(chosen) if target != ALONE else None
    defaults = {dial.name: dial for dial in method.dials(chosen.probe, unit)}
    start = dials.choose(
        "begin with", [*defaults["start"].allows.options, YOURS], key=START, default=defaults["start"].default
    )
with above.container(**ROW):
    turned = dials.draw(method, chosen.probe, unit, without=("start",), in_sight=3, family=FAMILY)
    deep = st.toggle("At every stage", key=STAGES, bind="query-params")
    second = beside.choose(chosen)

with calm():
    weights = {ALONE: (), WITH: (1, 1), LESS: (1, -1)}[target]
    wanted = [unit, other.unit] if other else unit
    whose = (chosen.network, str(wanted))
    branch = studio.branch(JOB, whose)
    given = branch.picture if branch.step else chosen.image if start == YOURS else start
    begun = tuple(turned.get(name) for name in BEGINS)
    asked = (whose, method.title, weights, begun, start, chosen.picture if start == YOURS else "", branch.number)
    live = {name: value for name, value in turned.items() if name not in BEGINS}
    probe, function = chosen.probe, method.function
    job, desk = studio.ask(JOB, asked, live, lambda: function(probe, wanted, **turned, start=given, weights=weights))
    jobs.answer(JOB, draw, what=method.title)
    frame = job.latest
    if deep and frame and not job.going:
        strip_units = stages(chosen.network, chosen.picture, unit, chosen)
        show.heading("The same at every stage, from edges to things")
        steps, seed, preset_name = min(turned["steps"], STRIP_STEPS), turned["seed"], function.__name__
        named = "yosinski-3" if preset_name == "yosinski" else preset_name
        jobs.ask(
            STRIP, (chosen.network, strip_units, named, steps, seed),
            lambda: depths(probe, strip_units, preset=named, steps=steps, seed=seed),
        )  # fmt: skip
        jobs.watch(STRIP, strip, what=f"{len(strip_units)} stages")
    if second and frame and not job.going:
        asked_beside({name: value for name, value in turned.items() if name != "size"})
    if frame and not job.going:
        examples_of()
    known = next((name for name in FAVOURITES if name in chosen.probe.labels), chosen.predictions[-1].label)
    extras = {"start": "image"} if start == YOURS else {"start": repr(start)}
    extras |= {"weights": repr(weights)} if other else {}
    named_unit = f'[unit, vizcore.Unit.parse("{other.unit}")]' if other else "unit"
    options = ", ".join([*written(turned), *(f"{name}={value}" for name, value in extras.items())])
    learn.below(
        method,
        seen=SEEN.format(unit=show.plain(chosen.name), views=VIEWS),
        tries=[
            learn.Try(f"{show.plain(known)}, as the network imagines one", unit=chosen.probe.unit(known)),
            learn.Try("Four beginnings, four answers", session={f"{FAMILY}.pictures": 4}),
            learn.Try("A channel in the middle of the network", unit=middle),
            learn.Try("Every stage, from edges to things", session={STAGES: True}),
            learn.Try("More and more of it, in your own picture", session={PRESET: ACCENTS[0].title}),
        ],
        picture=frame and (lambda: render.grid(looked_at().reshape(-1, *looked_at().shape[-3:]), 4, gap=4)),
        data=frame and looked_at,
        snippet=f"frames = vizcore.synthesis.{method.name}(probe, {named_unit}, {options})\n"
        "picture = vizcore.last(frames).picture",
        name=FAMILY,
    )
