"""Can a person be fooled too?"""

import streamlit as st

from pages.parts import dials, jobs, learn, networks, pictures, show, state, uploads
from pages.parts.calm import apology, calm, calmly
from pages.parts.glance import glance
from pages.parts.selection import selection
from vizcore.adversarial.people import METHODS, both, masks, read_answers, tally, trials
from vizcore.imaging import bundled_names
from vizcore.method import titled

METHOD = titled(METHODS)["Changes that fool people"]
JOB, PAIR, CHANGE, MOMENT, EACH, ORDER = (
    "people", "people.pair", "people.change", "people.moment", "people.each", "people.order"
)  # fmt: skip
ANSWERS, ADDED, RUNS = "people answers", "people added", "people runs"
NETWORKS = "efficientnet-lite0", "tiny-vgg", "tiny-vgg-robust"
PAIRS = {"cat or coffee": ("cat", "coffee"), "cat or dog": ("cat", "dog"), "dog or coffee": ("dog", "coffee")}
MASKS = 10
SEEN = """Every picture comes three times, in an order by lot: unchanged, changed towards **{other}** (or back), and
with the **same change upside down**, which is as large and as fine and aims at nothing. In the paper, people who saw
pictures for 63 milliseconds named them wrongly more often when they were changed towards another class than with the
flipped change. A few dozen answers of one person prove nothing: look at the intervals, and pool a class's answers."""


def pictures_of(group: str) -> list:
    """The reader's choice of pictures that show a group, of the gallery and their own."""
    offered = [*bundled_names(), *pictures.own()]
    names = st.multiselect(
        f"{group} pictures", offered, [group] if group in bundled_names() else [], key=f"people.of.{group}",
        format_func=pictures.called,
    )  # fmt: skip
    return [(name, pictures.picture(name)) for name in names]


def lines() -> str:
    """The notebook lines."""
    asked = ", ".join(f"{name}={value!r}" for name, value in turned.items())
    return (
        f"networks = {{name: vizcore.open_probe(name) for name in {NETWORKS}}}\n"
        "from vizcore.adversarial.people import shown\n"
        f"images = shown([image], {each})\n"
        f'frames = vizcore.adversarial.fool_people(networks, images, ["{second}"] * {each}, '
        f"epsilon={change} / 255, {asked})\nchanged = vizcore.last(frames).picture"
    )


def draw(frame) -> None:
    """How sure the networks are on the way, and the pictures for those who do not want to be fooled themselves."""
    show.numbers({f"{networks.title(name)}: the other class": show.percent(one) for name, one in frame.terms.items()})


def reveal(before, frame) -> None:
    """The pictures, which tell too much to whoever wants to be tested."""
    with st.expander("See the pictures; that spoils the test for you"):
        words = [f"{truth}, towards {wanted}" for truth, wanted in zip(truths, wanteds, strict=True)]
        show.row([*before, *frame.picture], [*truths, *words], width=120, pixels=False)


def keep(plan: list, answers: list) -> None:
    """Take in the answers of a run, once; the next run has another order."""
    rows = [
        {"condition": one.condition, "truth": one.truth, "answer": said, "shown": round(lasted), "after": round(after)}
        for one, (said, lasted, after) in zip(plan, answers, strict=True)
    ]
    state.place(ANSWERS, [*st.session_state.get(ANSWERS, []), *rows])
    state.place(RUNS, st.session_state.get(RUNS, 0) + 1)


def add(file) -> None:
    """Add somebody else's answers."""
    state.place(ADDED, [*st.session_state.get(ADDED, []), *read_answers(file.getvalue())])


def forget() -> None:
    """Begin to count anew."""
    state.release(ANSWERS)
    state.release(ADDED)


def results() -> None:
    """The counts so far with their intervals, and how to pool a class's."""
    mine, added = st.session_state.get(ANSWERS, []), st.session_state.get(ADDED, [])
    show.heading("How often the answer was right")
    rows = tally([*mine, *added])
    if not rows:
        st.caption("Nothing is counted yet.")
    else:
        table = [
            {"condition": row["condition"], "right": f"{row['right']} of {row['of']}",
             "share": show.percent(row["share"]),
             "95 of 100 times between": f"{show.percent(row['from'])} and {show.percent(row['to'])}"}
            for row in rows
        ]  # fmt: skip
        st.dataframe(table, hide_index=True)
        lasted = [row["shown"] for row in mine]
        times = f" On your screen a picture stayed {min(lasted)} to {max(lasted)} milliseconds." if lasted else ""
        st.caption(f"{len(mine)} answers of yours, {len(added)} added.{times}")
    uploads.uploader(
        "Add others' answers, a CSV taken away from this page", type=["csv"], key="people", take=add, max_upload_size=1
    )
    if rows:
        st.button("Count anew", type="tertiary", on_click=calmly(forget))


show.question(
    "Can a person be fooled too?", "Time-limited people: changes made against several networks, seen for a moment"
)
with dials.row():
    first, second = PAIRS[dials.choose("which is it", list(PAIRS), key=PAIR)]
    change = st.slider("change, of 255", 0, 32, 32, key=CHANGE, bind="query-params")
    moment = st.slider("seen for, in milliseconds", 30, 500, 63, key=MOMENT, bind="query-params")
    each = st.slider("pictures of either", 1, 8, 4, key=EACH, bind="query-params")
    with st.popover("More", type="tertiary"):
        order = st.number_input("order", 0, 99, 0, key=ORDER, bind="query-params")
        turned = dials.draw(METHOD, without=("epsilon",))
chosen = selection()
left, right = st.columns(2, gap="large")
with left:
    firsts = pictures_of(first)
with right:
    seconds = pictures_of(second)

with calm():
    latest, plan = None, []
    for group, found in ((first, firsts), (second, seconds)):
        if not found:
            apology(f"No picture of a {group} is chosen; add one of your own in the sidebar, and choose it here.")
    if firsts and seconds:
        before, truths, wanteds = both(each, first, [one for _, one in firsts], second, [one for _, one in seconds])
        probes = {name: networks.probe(name) for name in NETWORKS}
        asked = {"epsilon": change / 255} | turned
        names = (*(name for name, _ in firsts), "or", *(name for name, _ in seconds))
        frames = METHOD.frames(probes, before, wanteds, **asked)
        job = jobs.ask(JOB, (names, first, second, each, *asked.items()), lambda: frames)
        with st.container(key="answer"):
            jobs.watch(JOB, draw, what="Against three networks")
        latest = job.latest
        if latest and not job.going:
            runs = st.session_state.get(RUNS, 0)
            plan = trials(before, latest.picture, truths, seed=order + runs)
            glance(
                [one.image for one in plan], masks(MASKS, seed=order), (first, second), key="people glance",
                run=f"{job.question} {order} {runs}", milliseconds=moment,
                label="a picture for a moment; F and J answer",
                on_answered=lambda answers: keep(plan, answers),
            )  # fmt: skip
            st.caption(f"Look at the cross. F is {first}, J is {second}; say what you saw, quickly.")
            reveal(before, latest)
    results()
    learn.below(
        METHOD,
        seen=SEEN.format(other=second),
        tries=[
            learn.Try("Half a second, without hurry", session={MOMENT: 500}),
            learn.Try("A change of 8 of 255", session={CHANGE: 8}),
            learn.Try("A change of nothing: how good is your eye?", session={CHANGE: 0}),
        ],
        picture=latest and (lambda: latest.picture[0]),
        data=st.session_state.get(ANSWERS) or None,
        snippet=lines(),
    )  # fmt: skip
