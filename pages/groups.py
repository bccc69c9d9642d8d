"""What does it see, place by place?"""

import streamlit as st

from pages.parts import beside, components, dials, jobs, learn, show
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import select, selection
from vizcore import Unit
from vizcore.imaging import render
from vizcore.synthesis import open_atlas
from vizcore.synthesis.groups import METHODS

JOB = "groups"
TILE = 48  # pixels of the page that a place takes
SEEN = """Places of one colour are one thing to **{layer}**: the same channels fire there, and the picture under that
colour is what these channels want to see together. The numbers say how much each group adds to **{unit}**."""


def answer(one, mark: str) -> None:
    """The groups of one network."""
    asked = beside.question(question, one)
    asked.ask(JOB + mark)
    told = f"{method.title}{mark and f', {one.title}'}"
    jobs.answer(JOB + mark, lambda frame: draw(frame, one, mark), what=told, mark=mark)


def draw(frame, chosen, mark: str) -> None:
    """The picture in the colours of the groups, and each group: what it wants to see, and what it adds."""
    found = frame.detail
    inks = render.palette(len(found.maps))
    told = [adds(found, group) for group in range(len(inks))]
    left, right = (st.container(), st.container()) if second else st.columns([5, 6], gap="large")
    with left:
        picture = render.in_hues(chosen.prepared, found.maps)
        show.picture(picture, "every place in the colour of its group", pixels=False, alt="groups of channels")
    with right:
        show.heading(f"What speaks for {chosen.name}")
        show.numbers({"all groups add": found.effects.sum().item(), "the rest adds": found.rest})
        show.numbers({"of what the layer found is in the groups": show.percent(found.kept)})
        places(found, chosen, mark)
    show.heading("What every group wants to see, and how much it adds")
    if frame.picture is None:
        show.legend(zip(told, [""] * len(inks), inks, strict=True))
    else:
        show.row(frame.picture, told, width=140, pixels=False, alt="what a group wants to see", inks=inks)


def places(found, chosen, mark: str) -> None:
    """At every place what the channel wants to see that fires most there; drawn as large as it fires. A click asks the
    first network about it."""
    atlas = open_atlas(chosen.probe)
    sheet = atlas and atlas.sheet(found.layer)
    if not sheet:
        return
    channels, values = found.channels.flatten().tolist(), found.values.flatten()
    show.heading("At every place: what the strongest channel wants to see")
    components.grid(
        render.sized(sheet.of(channels), values / values.max()),
        key=f"groups places{mark}",
        label="the strongest channel at every place",
        captions=[f"channel {channel}: {show.figures(value)}"
                  for channel, value in zip(channels, values.tolist(), strict=True)],
        columns=found.values.shape[1],
        tile=TILE,
        gap=1,
        on_pick=None if mark else lambda place: select(unit=Unit(found.layer, channels[place])),
    )  # fmt: skip


def adds(found, group: int) -> str:
    """What a group adds, and the channels it is mostly made of."""
    channels = ", ".join(str(channel) for channel, _ in found.members(group, 3))
    return f"{found.effects[group].item():+.2f}".replace("-", "−") + f"   channels {channels}"


def rows(found) -> list[dict]:
    """The groups as a table."""
    return [
        {"group": group + 1, "layer": found.layer, "adds": found.effects[group].item(),
         "channels": " ".join(f"{channel}:{share:.3f}" for channel, share in found.members(group))}
        for group in range(len(found.maps))
    ]  # fmt: skip


chosen = selection()
show.question("What does it see, place by place?", "Neuron groups: channels that fire together, and what they want")
with calm():
    with dials.row():
        method = dials.method(METHODS, key="groups.method")
        turned = dials.draw(method, chosen.probe, chosen.unit, in_sight=3)
        second = beside.choose(chosen)
    question = Question(chosen, method, turned)
    beside.each(chosen, second, answer)
    job = jobs.running(JOB)
    frame = job and job.latest
    layers = next(dial.allows.options for dial in method.dials(chosen.probe, chosen.unit) if dial.name == "layer")
    guess = chosen.predictions[-1] if len(chosen.predictions) < 2 else chosen.predictions[1]
    learn.below(
        method,
        seen=SEEN.format(layer=show.plain(chosen.brief(turned["layer"])), unit=show.plain(chosen.name)),
        tries=[
            learn.Try("In the middle of the network", method=method, dials={"layer": layers[len(layers) * 2 // 3]}),
            learn.Try("Three groups only", method=method, dials={"groups": 3}),
            learn.Try(f"What speaks for {show.plain(guess.label)} instead?", unit=guess.index),
            learn.Try("A cup of coffee", image="coffee"),
        ],
        picture=frame and (lambda: render.in_hues(chosen.prepared, frame.detail.maps)),
        data=frame and rows(frame.detail),
        snippet=question.lines("pictures"),
    )
