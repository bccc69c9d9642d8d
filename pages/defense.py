"""What helps against it?"""

import html

import streamlit as st

from pages.parts import dials, jobs, learn, networks, show
from pages.parts.calm import calm
from pages.parts.question import written
from pages.parts.selection import selection
from vizcore import zoo
from vizcore.adversarial.blackbox import gallery
from vizcore.adversarial.defense import ADVERSARIAL, ATTACKED, PEACE, TESTS, TRAININGS
from vizcore.adversarial.defense import METHODS as TRAINED
from vizcore.adversarial.leaderboard import METHODS as BELIEVED
from vizcore.attribution import saliency
from vizcore.imaging import render
from vizcore.method import titled

METHOD, JOB = "defense.method", "defense"
METHODS = (*TRAINED, *BELIEVED)
TRAIN, KEPT = titled(METHODS)["Adversarial training"], titled(METHODS)["Answers kept"]
BOARD = titled(METHODS)["Failed defenses"]
TWINS = ("tiny-vgg", "tiny-vgg-robust")
STRONG = "rgba(128,128,128,0.95)"  # the grey of what was trained in peace
SEEN = {
    TRAIN: """Two networks start from the same weights and see the same digits; one of them also sees digits that were
changed **against itself, at every step anew**. The dashed lines are the errors on changed digits: training in peace
does not bring them down, training under attack does.""",
    KEPT: """How many of {count} pictures, yours and those that come along, keep their answer as the change grows. The
twins have the same layers, those of one a little wider, and the same photographs behind them; what sets them apart
**is the training**. Random changes of the same size, dotted, take next to nothing from either.""",
    BOARD: """Every row is a small network trained on digits with one defense that was believed in. Against **somebody
who knows nothing of it** most of them help; against **somebody who knows it** all fall but the one that trained on the
attack itself.""",
}

DIGITS = "frames = vizcore.adversarial.{name}({turned})\nfound = vizcore.last(frames).picture"
PICTURES = """networks = {{name: vizcore.open_probe(name) for name in ("tiny-vgg", "tiny-vgg-robust")}}
images = [image, *vizcore.bundled_images().values()]
found = vizcore.adversarial.{name}(networks, images, {turned})"""


def draw(frame) -> None:
    """The answer of the method that is looked at, as far as it is."""
    (kept if networks_asked else believed if method is BOARD else trained)(frame)


def believed(frame) -> None:
    """The leaderboard, as far as its defenses are trained."""
    show.heading("Digits that are right, by defense and by what the attacker knows")
    heads = {"clean": "unchanged", "oblivious": "attacker knows nothing of it", "adaptive": "attacker knows it"}
    st.dataframe(
        frame.picture.rows,
        hide_index=True,
        height=38 * (len(frame.picture.rows) + 1),
        column_config={
            "defense": "defense",
            **{name: st.column_config.ProgressColumn(head, format="percent", min_value=0, max_value=1)
               for name, head in heads.items()},
            "how": "what the attacker who knows it follows",
        },
    )  # fmt: skip


def trained(frame) -> None:
    """The four curves, and a few digits changed against either network."""
    found = frame.picture
    inks = {PEACE: STRONG, ATTACKED: show.accent()}
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.heading("Errors on digits that neither was trained on")
        show.figure(
            errors(found.errors, inks), key="defense errors", height=330, alt="four error curves over the epochs"
        )
        show.legend(
            [
                (f"{training}, {test}{' (dashed)' if test == ADVERSARIAL else ''}",
                 show.percent(found.errors[training, test][-1]), inks[training])
                for training in TRAININGS for test in TESTS
            ]
        )  # fmt: skip
    with right:
        truth = found.truth.tolist()
        for place, training in enumerate(TRAININGS):
            show.heading(f"Changed against {training}")
            answers = found.answers[place].tolist()
            captions = [f"{real}: says {said}" for real, said in zip(truth, answers, strict=True)]
            show.row(found.digits[place], captions, width=88)


def errors(curves: dict, inks: dict):
    """The four curves over the epochs."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    for (training, test), values in curves.items():
        chart.add_trace(
            Scatter(
                x=list(range(1, len(values) + 1)), y=list(values), mode="lines",
                line={"color": inks[training], "dash": "dash" if test == ADVERSARIAL else "solid", "width": 2.5},
                hovertemplate="%{y:.1%} after %{x} epochs<extra>" + f"{training}, {test}</extra>",
            )
        )  # fmt: skip
    chart.update_xaxes(title="epochs", range=[0.8, turned["epochs"] + 0.2])
    chart.update_yaxes(tickformat=".0%", range=[0, 1])
    return chart


def kept(frame) -> None:
    """How many answers stay as the change grows, and what both twins look at."""
    found = frame.picture
    inks = {TWINS[0]: STRONG, TWINS[1]: show.accent()}
    left, right = st.columns([1, 1], gap="large")
    with left:
        show.heading("Pictures that keep their answer")
        show.figure(curves(found, inks), key="defense kept", height=330, alt="answers kept over epsilon")
        show.legend([(networks.title(name), "dotted: random changes", ink) for name, ink in inks.items()])
    with right:
        show.heading("What each looks at: the gradient of its answer")
        looks = [(name, *look(name, chosen.picture, networks.probe(name), chosen.image)) for name in TWINS]
        show.row(
            [chosen.prepared, *(picture for _, _, picture in looks)],
            ["your picture", *(f"{networks.title(name)}: {label}" for name, label, _ in looks)],
            width=152, pixels=True,
        )  # fmt: skip
    for name in TWINS:
        card = zoo.card(name)
        if "under attack" not in card:
            continue
        shares = ", ".join(f"{show.percent(share)} at {level}" for level, share in card["under attack"].items())
        st.caption(
            f"{networks.title(name)}, on {card['photographs']:,} photographs it was never shown, under attack: "
            f"{shares} of 255."
        )


def curves(found, inks: dict):
    """Shares over epsilon, and dotted those under random signs."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    for shares, dash in ((found.random, "dot"), (found.attacked, "solid")):
        for name, values in shares.items():
            chart.add_trace(
                Scatter(
                    x=found.levels[: len(values)], y=values, mode="lines+markers",
                    line={"color": inks[name], "dash": dash, "width": 2.5 if dash == "solid" else 1.5},
                    hovertemplate="%{y:.0%} at %{x} of 255<extra>" + html.escape(networks.title(name)) + "</extra>",
                )
            )  # fmt: skip
    chart.update_xaxes(title="largest change of a pixel value, of 255", tickvals=found.levels)
    chart.update_yaxes(tickformat=".0%", range=[-0.02, 1.04])
    return chart


@st.cache_resource(max_entries=64, show_spinner=False)
def look(network: str, picture: str, _probe, _image) -> tuple:
    """What a network answers, and the gradient of that."""
    best = _probe.predict(_image, k=1)[0]
    return best.label, render.viewed(saliency(_probe, _image, best.index), "absolute")


def drawn_digits(found):
    """The digits changed against either network, on one sheet."""
    return render.grid(found.digits.flatten(0, 1), 8, gap=2, scale=16)


chosen = selection()
show.question("What helps against it?", "Defense: training under attack, and what it changes")
with dials.row():
    method = dials.method(METHODS, key=METHOD, label="look at")
    networks_asked = "probes" in method.takes
    turned = dials.draw(method, without=("samples",), in_sight=2)

with calm():
    pictures = gallery(chosen.image)
    if networks_asked:
        probes = {one: networks.probe(one) for one in TWINS}
        asked, frames = (chosen.picture,), method.frames(probes, pictures, **turned)
    else:
        asked, frames = (), method.frames(**turned)
    job = jobs.ask(JOB, (method.name, *asked, *turned.items()), lambda: frames, patience=1.0)
    jobs.answer(JOB, draw, what=method.title)
    found = job.latest and job.latest.picture
    learn.below(
        method,
        seen=SEEN.get(method, "").format(count=len(pictures)),
        tries=[
            learn.Try("A change twice as large", method=TRAIN, dials={"epsilon": 0.3}, session={METHOD: TRAIN.title}),
            learn.Try("Other weights to begin with", method=TRAIN, dials={"seed": 1}, session={METHOD: TRAIN.title}),
            learn.Try("The twins, as the change grows", session={METHOD: KEPT.title}),
            learn.Try("Which defenses failed?", session={METHOD: BOARD.title}),
            learn.Try("A weaker attack makes both look better", method=KEPT, dials={"steps": 1},
                      session={METHOD: KEPT.title}),
        ],
        picture=(lambda: drawn_digits(found)) if found and not networks_asked and method is not BOARD else None,
        data=found and (lambda: found.rows),
        snippet=(PICTURES if networks_asked else DIGITS).format(name=method.name, turned=", ".join(written(turned))),
    )  # fmt: skip
