"""Can it be fooled without looking inside?"""

import streamlit as st

from pages.parts import dials, jobs, learn, matrix, networks, show
from pages.parts.calm import apology, calm
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore import zoo
from vizcore.adversarial.blackbox import METHODS as BLACKBOX
from vizcore.adversarial.blackbox import gallery
from vizcore.adversarial.substitute import METHODS as SUBSTITUTE
from vizcore.imaging import render
from vizcore.method import titled

METHOD, CHANGE, NETWORKS, JOB = "blackbox.method", "blackbox.change", "blackbox.networks", "blackbox"
METHODS = (*BLACKBOX, *SUBSTITUTE)
SQUARES, TRANSFER, SUBSTITUTED = (titled(METHODS)[title] for title in ("Square", "Transfer", "Substitute"))
SIGNS = "road-signs"  # calls everything in the gallery "no sign", so that little is to be learned from it here
FEW = ("tiny-vgg@1", "tiny-vgg@4", "tiny-vgg@12")  # stages of the training that stand for all
SEEN = {
    SQUARES: """It begins with stripes, one pixel wide. Each try then lays a square of another colour on the picture,
asks for the scores, and keeps it only if the answer came **nearer to changing**. No gradient is asked for, so hiding it
is no defense; no pixel value has moved by more than {change} of 255.""",
    TRANSFER: """Every row is a network that was attacked, every column one that was asked: the share of pictures for
which its answer changed. On the diagonal both are the same. What has colour off the diagonal was fooled by images
**made without ever asking it**; the last row is chance.""",
    SUBSTITUTED: """The black box reads handwritten digits of 8 × 8 pixels and gives a class, no score and no gradient.
Round by round, a network of the attacker's own learns its answers, and tells which digits to ask about next: each is an
earlier one, a stride along the signs of the substitute's gradient. Then **only the substitute is attacked**, and what
fools it is shown to the black box: digits that neither of the two has seen. Random signs as large are chance.""",
}

ALONE = """label = probe.predict(image)[0].index
images = probe.prepare(image)[None]
found = vizcore.adversarial.{name}(probe, images, label, epsilon={change} / 255{turned})"""
TOGETHER = """from vizcore.adversarial.blackbox import gallery

networks = {{probe.name: probe}} | {{name: vizcore.open_probe(name) for name in {names}}}
found = vizcore.adversarial.{name}(networks, gallery(image), epsilon={change} / 255{turned})"""
DIGITS = "import vizcore\n\nfound = vizcore.adversarial.{name}({turned})"


def draw(frame) -> None:
    """The answer of the method that is looked at, as far as it is."""
    {TRANSFER: transfer, SUBSTITUTED: substituted}.get(method, squares)(frame)


def squares(frame) -> None:
    """How many questions it has taken, the picture so far, and what the network says of it."""
    attack, top = frame.picture, chosen.predictions[0]
    now = attack.saved[0] if attack else frame.detail[0]
    fooled = attack is not None and attack.success.item()
    left, right = st.columns([2, 1], gap="large")
    with left:
        asked = "1 question" if frame.step == 1 else f"{frame.step:,} questions"
        show.answer(asked, "until it was fooled" if fooled else "so far")
        pictures = [chosen.prepared, now] + ([attack.difference(10)[0]] if attack else [])
        begun = "with the stripes it begins with" if frame.step == 1 else "with stripes and squares"
        captions = [f"the original: {top.label}", begun, "ten times the difference"]
        show.row(pictures, captions, width=190)
    with right:
        show.heading("What it answers now")
        show.bars(chosen.probe.predict(now, k=5), chosen=top.index)
        if attack and not fooled:
            apology(f"{frame.step:,} questions were not enough within {change} of 255.")


def transfer(frame) -> None:
    """The matrix as far as it is, and one of the images."""
    found = frame.picture
    left, right = st.columns([3, 1], gap="large")
    with left:
        shares(found.rows)
        st.caption(f"Shares in %, over {len(pictures)} pictures: yours and those that come along.")
    with right:
        show.picture(
            found.example, f"your picture, made against {networks.title(found.names[frame.step - 1])}", width=200
        )
    if frame.of > 1:
        show.numbers(
            {
                "carried over to other networks": show.percent(found.carried),
                "by random signs": show.percent(found.by_chance),
            }
        )


def shares(rows: list[dict]) -> None:
    """The table of shares."""
    made, *asked = rows[0]
    named = {name: networks.title(name) for name in asked}
    lines = {named.get(row[made], row[made]): [row[one] for one in asked] for row in rows}
    matrix.draw("made against, asked", list(named.values()), lines, lambda share: f"{100 * share:.0f}")


def substituted(frame) -> None:
    """The rounds as curves, what was asked, and the digits that fool the black box now."""
    found = frame.picture
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.answer(show.percent(found.fooled[-1]), f"get another answer after {found.queries[-1]:,} questions")
        show.figure(rounds(found), key="blackbox rounds", height=250, alt="agreement and success over the questions")
        show.legend((name, show.percent(values[-1]), ink) for name, values, ink in curves(found))
    with right:
        show.heading("Asked in this round, and answered")
        show.row(found.asked, [str(number) for number in found.told.tolist()], width=48, pixels=True, alt="a digit")
        show.heading(f"Never seen, and changed against the substitute by {turned['epsilon']:g} of the ink")
        for digits, said in zip((found.before, found.after), found.answers.tolist(), strict=True):
            show.row(digits, [str(number) for number in said], width=48, pixels=True, alt="a digit, and its answer")
    show.numbers(
        {
            "questions": found.queries[-1],
            "substitute and black box agree": (show.percent(found.agreement[-1]), "of the time"),
            "fooled by random signs": show.percent(found.control[-1]),
            "the black box is right": (show.percent(found.accuracy), "of the time"),
        }
    )


def curves(found) -> list[tuple]:
    """What is drawn over the questions: name, values and ink."""
    return [
        ("agreement", found.agreement, "rgba(128,128,128,0.95)"),
        ("black box fooled", found.fooled, show.accent()),
        ("by random signs", found.control, "rgba(128,128,128,0.4)"),
    ]


def rounds(found):
    """Agreement and success over the questions, which double from round to round."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    for name, values, ink in curves(found):
        chart.add_trace(
            Scatter(x=list(found.queries), y=list(values), mode="lines+markers", line={"color": ink, "width": 2.5},
                    hovertemplate="%{y:.0%} after %{x:,} questions<extra>" + name + "</extra>")
        )  # fmt: skip
    chart.update_xaxes(type="log", title="questions", tickvals=list(found.queries))
    chart.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return chart


def asked_networks() -> list[str]:
    """The networks of the matrix: the one chosen, and those picked of what comes along."""
    others = [one for one in zoo.bundled_weights() if one != chosen.network]
    few = [one for one in others if ("@" not in one and one != SIGNS) or one in FEW]
    picked = st.multiselect(
        "and the networks", others, few, key=NETWORKS, bind="query-params", format_func=networks.title
    )
    return [chosen.network, *picked]


def taken_along(found):
    """The picture to take away: the fooled one, or some of the digits that were changed."""
    if alone:
        return render.grid(found.after, 3, gap=2, scale=16)
    return found.example if several else found.saved[0]


chosen = selection()
top = chosen.predictions[0]
show.question("Can it be fooled without looking inside?", "Black box: answers alone, or another network's gradient")
with dials.row():
    method = dials.method(METHODS, key=METHOD, label="how")
    several, alone = "probes" in method.takes, method is SUBSTITUTED
    change = 0 if alone else st.slider("largest change, of 255", 1, 24, 4, key=CHANGE, bind="query-params")
    turned = dials.draw(method, in_sight=3) if alone else dials.draw(method, without=("epsilon",), in_sight=1)
names = asked_networks() if several else []

with calm():
    options = turned if alone else {"epsilon": change / 255} | turned
    if alone:
        frames, asked = method.frames(**options), ()
    elif several:
        pictures, asked = gallery(chosen.image), (*names, chosen.picture)
        frames = method.frames({one: networks.probe(one) for one in names}, pictures, **options)
    else:
        images, asked = chosen.prepared[None], (chosen.network, chosen.picture)
        frames = method.frames(chosen.probe, images, top.index, **options)
    job = jobs.ask(JOB, (method.name, *asked, *options.items()), lambda: frames, patience=1.0)
    jobs.answer(JOB, draw, what=method.title)
    frame = job.latest
    found = frame and frame.picture
    learn.below(
        method,
        seen=SEEN.get(method, "").format(change=change),
        tries=[
            learn.Try("Half the change: how many more questions?", session={METHOD: SQUARES.title, CHANGE: 2}),
            learn.Try("How many questions for the robust twin?", network="tiny-vgg-robust",
                      session={METHOD: SQUARES.title}),
            learn.Try("From one network to another", session={METHOD: TRANSFER.title}),
            learn.Try("A substitute for what has no gradient: a random forest", method=SUBSTITUTED,
                      dials={"black_box": "random forest"}, session={METHOD: SUBSTITUTED.title}),
        ],
        picture=found and (lambda: taken_along(found)),
        data=found and (lambda: found.rows if alone or several else found.change[0]),
        snippet=(DIGITS if alone else TOGETHER if several else ALONE).format(
            name=method.name, change=change, names=names[1:],
            turned=", ".join(written(turned)) if alone else "".join(f", {one}" for one in written(turned)),
        ),
    )  # fmt: skip
