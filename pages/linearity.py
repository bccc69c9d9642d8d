"""Why is it so easy to fool?"""

import html

import streamlit as st

from pages.parts import agreement, dials, jobs, learn, show
from pages.parts.calm import calm
from pages.parts.question import Question
from pages.parts.selection import selection
from vizcore.adversarial.linear_models import DIMENSIONS, Rewritten, Weighing, growth
from vizcore.adversarial.linearity import METHODS as LINEARITY
from vizcore.adversarial.linearity import Plane, ScoreLines
from vizcore.adversarial.overfitting import METHODS as OVERFITTING
from vizcore.adversarial.overfitting import Agreement
from vizcore.imaging import Map, render
from vizcore.method import titled

METHOD, JOB = "linearity.method", "linearity"
METHODS = (*LINEARITY, *OVERFITTING)
FAMILY = titled(METHODS)
TEN, DIGIT = FAMILY["Ten numbers"], FAMILY["Every other digit"]
LINES, REGIONS = FAMILY["Straight lines"], FAMILY["Decision regions"]
SEEDS = FAMILY["Overfitting or linearity"]
CHANGE = {LINES: "linearity.line", REGIONS: "linearity.plane"}
FAR = {LINES: 2, REGIONS: 8}  # how far the lines and the plane go at first, of 255
MOST = 8  # classes that the legend of the plane names
SEEN = {
    TEN: """A score is a sum of weighted numbers. Moving each number by the same little amount, in the direction of its
weight, moves the sum by that amount times **all weights together**, so the more numbers there are, the less each has to
move; the same steps in random directions nearly cancel.""",
    DIGIT: """Every digit was made from the same handwritten one by the same small change of each of its 64 pixels,
**more ink in some places and less in others**. No network is involved: a softmax is a linear model, and it breaks
as easily.""",
    LINES: """From the middle, which is your picture, every pixel value moves to the right in the direction that
raises the loss. Near the picture the scores follow in nearly **straight lines**, as those of a linear model would, and
in a random direction they hardly move; go further, and they bend.""",
    REGIONS: """Every cell is a picture: yours in the middle, to the right with more and more of the gradient's signs,
to the left with less, and downwards with more of a random direction. Each colour is an answer: one way a border may be
near where the other way none is **to be seen**.""",
    SEEDS: """A linear model and five networks that began differently have learned the same points; a line leads from
each point in the direction in which the model's answer changes soonest. Were it overfitting, every network would err in
places of its own. Where all points have their right class, **they agree**, with one another and with the linear model,
and what moves a point past one border moves it past the others'; where some have a wrong one, the networks overfit,
and agree less.""",
}


def draw(frame) -> None:
    """The answer, by what it is."""
    DRAWN[type(frame.picture)](frame.picture)


def ten(found) -> None:
    """The ten numbers before and after, the probabilities, and how the jump grows with the dimension."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.answer(
            f"{show.percent(found.before)} → {show.percent(found.after)}",
            f"the probability before and after every number moved by {turned['epsilon']:g}",
        )
        table(
            {
                "numbers": found.numbers[:10].tolist(),
                "weights": found.weights[:10].tolist(),
                "changed": found.changed[:10].tolist(),
            },
            f"and {turned['dimension'] - 10:,} more, which cancel in pairs" if turned["dimension"] > 10 else "",
        )
    with right:
        show.heading("How far the score moves, by how many numbers there are")
        growing(growth(turned["epsilon"]))
    show.numbers(
        {
            "score before": found.score(found.numbers),
            "score after": found.score(found.changed),
            "after random changes": found.score(found.control),
            "the answer flips at": (found.flips_at, "a number"),
        }
    )


def table(rows: dict[str, list[float]], more: str) -> None:
    """Rows of numbers below one another, each with its name."""
    cells = {name: "".join(f"<td>{value:g}</td>".replace("-", "−") for value in row) for name, row in rows.items()}
    lines = "".join(f"<tr><th>{name}</th>{row}</tr>" for name, row in cells.items())
    show.markup(f'<table class="meters"><tbody>{lines}</tbody></table>')
    if more:
        st.caption(more)


def growing(rows: list) -> None:
    """The jump of the score over the dimension, in the weights' direction and at random."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    sizes = [size for size, _, _ in rows]
    names = ("in the weights' direction", "at random, as a rule")
    for place, (name, ink) in enumerate(zip(names, (show.accent(), show.quiet()), strict=True), 1):
        chart.add_trace(
            Scatter(
                x=sizes, y=[row[place] for row in rows], mode="lines+markers", line={"color": ink}, name=name,
                hovertemplate="%{y:,.3s} with %{x:,} numbers<extra></extra>",
            )
        )  # fmt: skip
    chart.update_xaxes(type="log", title="numbers", dtick=1)
    chart.update_yaxes(type="log", dtick=1)
    show.figure(chart, key="linearity growth", height=280, alt="how far the score moves over the number of numbers")
    show.legend([(names[0], "", show.accent()), (names[1], "", show.quiet())])


def digits(found) -> None:
    """The ten digits, what the softmax says of each, and what was added."""
    others = [number for number in range(10) if number != found.digit]
    show.heading(f"A handwritten {found.digit}, and what was made of it")
    show.row(
        [found.images[number] for number in (found.digit, *others)],
        ["as it was", *(verdict(number, found.said[number], found.needed[number]) for number in others)],
        width=84,
        alt="a digit made into another",
    )
    show.heading("What was added: orange is ink, blue is less of it")
    added = [Map(found.directions[number], signed=True, measure="ink") for number in (found.digit, *others)]
    names = ["nothing", *(f"for a {number}" for number in others)]
    show.row([render.heatmap(map, extent=1.4) for map in added], names, width=84)
    show.numbers(
        {
            "it has become": (f"{found.reached} of 9", "other digits"),
            "largest change of a pixel": (turned["epsilon"], "of a full pen"),
            "the softmax names rightly": (show.percent(found.accuracy), "of digits it has not seen"),
        }
    )


def verdict(target: int, said, needed) -> str:
    """What the softmax says of a digit that was to become another, and what it would have taken."""
    from_here = f"from {needed:.2f}" if needed == needed else "never"
    return f"a {target}, {from_here}" if said == target else f"still a {said}; a {target} {from_here}"


def lines(found) -> None:
    """The scores along the gradient and along a random direction, on one scale."""
    names = [chosen.probe.labels[number] for number in found.classes.tolist()]
    inks = [show.accent(), *render.palette(len(names) - 1)]
    titles = ("Along the gradient's signs", "Along random signs")
    for column, title, scores in zip(st.columns(2, gap="large"), titles, (found.gradient, found.random), strict=True):
        with column:
            show.heading(title)
            chart = curves(found.steps, scores, names, inks, found.ends)
            show.figure(chart, key=f"linearity {title}", height=330, alt=title)
    show.legend([(name, "", ink) for name, ink in zip(names, inks, strict=True)])
    _, here, there = found.three(found.gradient)
    show.numbers(
        {
            f"score of {names[0]}, here": here,
            "at the right end": there,
            "at the random right end": found.three(found.random)[2],
            "a straight line explains": (show.percent(found.straight), "of how it falls"),
        }
    )


def curves(steps: list, scores, names: list, inks: list, ends: tuple):
    """Scores over the step on every pixel value."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    for place, (name, ink) in reversed(list(enumerate(zip(names, inks, strict=True)))):
        chart.add_trace(
            Scatter(
                x=steps, y=scores[:, place].tolist(), mode="lines", line={"color": ink, "width": 1.5 if place else 3},
                name=name,
                hovertemplate="%{y:.1f} at %{x:.1f} of 255<extra>" + html.escape(name) + "</extra>",
            )
        )  # fmt: skip
    chart.add_vline(x=0, line={"color": show.quiet(), "width": 1})
    chart.update_xaxes(title="change of every pixel value, of 255")
    chart.update_yaxes(range=ends)
    return chart


def regions(found) -> None:
    """The plane in colours, the classes by name, and the pictures at its ends."""
    labels, legend = render.label_map(found.classes, found.own)
    known = chosen.probe.labels
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.picture(
            labels, f"right: along the gradient's signs; down: along random signs; each up to {found.far} of 255",
            width=460, pixels=True, alt="which answer lies where on a plane through the picture",
        )  # fmt: skip
        named = [(known[number], show.percent(share), colour) for number, share, colour in legend[:MOST]]
        show.legend([*named, *([(f"and {len(legend) - MOST} more", "", "transparent")] if legend[MOST:] else [])])
    with right:
        show.heading("Three of these pictures")
        places = zip(("in the middle", "at the right end", "at the lower end"), found.answers, strict=True)
        show.row([chosen.prepared, *found.ends], [f"{where}: {known[number]}" for where, number in places], width=150)
        far = [f"{show.figures(reach)} of 255" if reach else f"not within {found.far} of 255" for reach in found.reach]
        show.numbers({"along the gradient it changes at": far[0], "along random signs": far[1]})


def turn() -> dict:
    """The dials of the method that is looked at."""
    if method is TEN:
        dimension = st.select_slider(
            "numbers", DIMENSIONS, key=dials.key(TEN, "dimension"), bind="query-params", format_func="{:,}".format
        )
        return {"dimension": dimension} | dials.draw(TEN, without=("dimension",), in_sight=1)
    if method not in FAR:
        return dials.draw(method, chosen.probe, unit, in_sight=2 if method is SEEDS else dials.IN_SIGHT)
    change = st.slider("largest change, of 255", 1, 48, FAR[method], key=CHANGE[method], bind="query-params")
    return {"epsilon": change / 255} | dials.draw(method, chosen.probe, unit, without=("epsilon",), in_sight=1)


def lookup(one, **values) -> dict:
    """What a try sets: the method to look at, and dials of it."""
    return {METHOD: one.title} | {dials.key(one, name): value for name, value in values.items()}


def lines_of(question: Question) -> str:
    """The notebook lines, with epsilon as one would write it."""
    if method not in FAR:
        return question.lines("found")
    return question.lines("found").replace(repr(turned["epsilon"]), f"{st.session_state[CHANGE[method]]} / 255")


DRAWN = {Weighing: ten, Rewritten: digits, ScoreLines: lines, Plane: regions, Agreement: agreement.draw}
PICTURES = {
    Rewritten: lambda found: render.grid(found.images, 5, gap=2, scale=16),
    Plane: lambda found: render.enlarged(render.label_map(found.classes, found.own)[0], 512),
    Agreement: lambda found: render.grid(found.pictures, 3, gap=6),
}
DATA = {
    Weighing: lambda found: found.changed,
    Rewritten: lambda found: found.images,
    ScoreLines: lambda found: found.gradient,
    Plane: lambda found: found.classes,
    Agreement: lambda found: found.rows,
}
chosen = selection()
unit = chosen.unit  # asked before a job keeps the network busy
show.question("Why is it so easy to fool?", "Linearity: many steps too small to see, all in the same direction, add up")
with dials.row():
    method = dials.method(METHODS, key=METHOD, label="look at", letters=60)
    turned = turn()

with calm():
    question = Question(chosen, method, turned)
    job = question.ask(JOB, patience=1.5)
    jobs.answer(JOB, draw, what=method.title)
    found = job.latest and job.latest.picture
    learn.below(
        method,
        seen=SEEN.get(method, ""),
        tries=[
            learn.Try("As little as they need: ten numbers, each moved by 0.3",
                      session=lookup(TEN, epsilon=0.3, dimension=DIMENSIONS[0])),
            learn.Try("As many numbers as a photograph has, each moved by 0.01",
                      session=lookup(TEN, epsilon=0.01, dimension=DIMENSIONS[-1])),
            learn.Try("A nine into every other digit", session=lookup(DIGIT, digit=9, which=1, epsilon=0.25)),
            learn.Try("Where the borders lie around your picture", session=lookup(REGIONS)),
            learn.Try("Five networks that overfit", session=lookup(SEEDS, flipped=0.2)),
        ],
        picture=(lambda: PICTURES[type(found)](found)) if type(found) in PICTURES else None,
        data=found and (lambda: DATA[type(found)](found)),
        snippet=lines_of(question),
    )  # fmt: skip
