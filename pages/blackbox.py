"""Can it be fooled without looking inside?"""

import html

import streamlit as st

from pages.parts import dials, jobs, learn, networks, show
from pages.parts.calm import apology, calm
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore import zoo
from vizcore.adversarial.blackbox import METHODS, gallery
from vizcore.method import titled

METHOD, CHANGE, NETWORKS, JOB = "blackbox.method", "blackbox.change", "blackbox.networks", "blackbox"
SQUARES, TRANSFER = titled(METHODS)["Square"], titled(METHODS)["Transfer"]
SIGNS = "road-signs"  # calls everything in the gallery "no sign", so that little is to be learned from it here
FEW = ("tiny-vgg@1", "tiny-vgg@4", "tiny-vgg@12")  # stages of the training that stand for all
SEEN = {
    SQUARES: """It begins with stripes, one pixel wide. Each try then lays a square of another colour on the picture,
asks for the scores, and keeps it only if the answer came **nearer to changing**. No gradient is asked for, so hiding it
is no defense; no pixel value has moved by more than {change} of 255.""",
    TRANSFER: """Every row is a network that was attacked, every column one that was asked: the share of pictures for
which its answer changed. On the diagonal both are the same. What has colour off the diagonal was fooled by images
**made without ever asking it**; the last row is chance.""",
}

ALONE = """label = probe.predict(image)[0].index
images = probe.prepare(image)[None]
found = vizcore.adversarial.{name}(probe, images, label, epsilon={change} / 255{turned})"""
TOGETHER = """from vizcore.adversarial.blackbox import gallery

networks = {{probe.name: probe}} | {{name: vizcore.open_probe(name) for name in {names}}}
found = vizcore.adversarial.{name}(networks, gallery(image), epsilon={change} / 255{turned})"""


def draw(frame) -> None:
    """The answer of the method that is looked at, as far as it is."""
    (transfer if several else squares)(frame)


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
        matrix(found.rows)
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


def matrix(rows: list[dict]) -> None:
    """A table of shares, the darker the higher."""
    made, *asked = rows[0]
    heads = "".join(f"<th>{html.escape(networks.title(name))}</th>" for name in asked)
    lines = ""
    for row in rows:
        name = row[made] if row[made] not in asked else networks.title(row[made])
        cells = "".join(
            f'<td style="background:color-mix(in oklab, var(--accent) {75 * row[one]:.0f}%, transparent)">'
            f"{100 * row[one]:.0f}</td>"
            for one in asked
        )
        lines += f"<tr><th>{html.escape(name)}</th>{cells}</tr>"
    head = f"<thead><tr><th>made against, asked</th>{heads}</tr></thead>"
    show.markup(f'<table class="meters matrix">{head}<tbody>{lines}</tbody></table>')


def asked_networks() -> list[str]:
    """The networks of the matrix: the one chosen, and those picked of what comes along."""
    others = [one for one in zoo.bundled_weights() if one != chosen.network]
    few = [one for one in others if ("@" not in one and one != SIGNS) or one in FEW]
    picked = st.multiselect(
        "and the networks", others, few, key=NETWORKS, bind="query-params", format_func=networks.title
    )
    return [chosen.network, *picked]


chosen = selection()
top = chosen.predictions[0]
show.question("Can it be fooled without looking inside?", "Black box: answers alone, or another network's gradient")
with dials.row():
    method = dials.method(METHODS, key=METHOD, label="how")
    several = "probes" in method.takes
    change = st.slider("largest change, of 255", 1, 24, 4, key=CHANGE, bind="query-params")
    turned = dials.draw(method, without=("epsilon",), in_sight=1)
names = asked_networks() if several else []

with calm():
    options = {"epsilon": change / 255} | turned
    if several:
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
            learn.Try("With a single step, FGSM", method=TRANSFER, dials={"attack": "FGSM"},
                      session={METHOD: TRANSFER.title}),
        ],
        picture=found and (lambda: found.example if several else found.saved[0]),
        data=found and (lambda: found.rows if several else found.change[0]),
        snippet=(TOGETHER if several else ALONE).format(
            name=method.name, change=change, turned="".join(f", {one}" for one in written(turned)), names=names[1:]
        ),
    )  # fmt: skip
