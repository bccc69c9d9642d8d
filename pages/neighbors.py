"""What does the network consider alike?"""

import streamlit as st

from pages.parts import beside, cloud, components, corpora, dials, jobs, learn, show, state
from pages.parts.calm import apology, calm, end
from pages.parts.question import Question, collection
from pages.parts.selection import selection
from vizcore.corpora import pixels
from vizcore.imaging import contact_sheet, render
from vizcore.laboratory.compare import counterpart
from vizcore.representation.agreement import agreement
from vizcore.representation.arrangement import chosen_pictures, told
from vizcore.representation.drawing import drawn
from vizcore.representation.neighbors import METHODS

SEARCHES = [method for method in METHODS if method.takes == ["index", "query"]]
JOB, READING, QUERY, DRAWN = "agreement", "pixels", "neighbors.picture", "neighbors drawing"
COLLECTION, OWN, DRAW = "from the collection", "your picture", "a drawn digit"
SHELF = 60  # pictures of the collection to choose from
LAST = "before the scores"
SEEN = """The two rows hold the pictures of the collection that lie closest to the one on the left: above by their
pixels, below by what **{network}** has made of them. A bar marks those with the same label; click any to ask about it
instead."""


@st.cache_resource(max_entries=256, show_spinner=False)
def found(network: str, corpus: str, done: int, name: str, asked, space: str, turned: tuple, _method, _index, _query):
    """The nearest pictures in a space, and their thumbnails on a sheet."""
    neighbors = _method.function(_index, _query, space=space, **dict(turned))
    sheet = contact_sheet([_index.corpus[neighbor.number] for neighbor in neighbors], side=tile_side(_index))
    return neighbors, sheet


@st.cache_resource(max_entries=16, show_spinner=False)
def shelf(network: str, corpus: str, done: int, _index):
    """Some pictures of the collection to choose from."""
    numbers = chosen_pictures(_index, SHELF)
    return numbers, contact_sheet([_index.corpus[number] for number in numbers], side=tile_side(_index))


def tile_side(index) -> int:
    """Small pictures keep their own pixels."""
    return min(96, *index.corpus[0].shape[1:])


def ask(number: int) -> None:
    """Ask about a picture of the collection."""
    state.put("neighbors.of", COLLECTION)
    state.put(QUERY, number)


def query(index):
    """The picture that is asked about: what identifies it, what is searched with, its pixels, its label, words."""
    kind = st.session_state.get("neighbors.of", COLLECTION)
    if kind == OWN:
        return chosen.picture, chosen.image, chosen.image, "", f"your picture: {chosen.called}"
    if kind == DRAW:
        levels = st.session_state.get(DRAWN)
        if levels:
            with calm():
                image = drawn(levels)
                return tuple(levels), image, image, "", "your digit, as the network is shown it"
        return None
    last = index.done - 1
    state.place(QUERY, min(max(st.session_state.get(QUERY, 0), 0), last))
    number = st.number_input(f"picture, 0 to {last}", 0, last, key=QUERY, bind="query-params")
    return number, number, index.corpus[number], index.corpus.label(number), told(index, number)


def asked_about(index):
    """The left side: the picture that is asked about, and how to ask about another."""
    kinds = [COLLECTION, OWN] + ([DRAW] if index.corpus.name == "digits" else [])
    kind = dials.choose("ask about", kinds, key="neighbors.of", letters=20)
    if kind == DRAW:
        cloud.sketch(key="sketch", on_draw=lambda levels: state.place(DRAWN, levels))
    wanted = query(index)
    if wanted is None:
        return None
    _, _, image, _, words = wanted
    show.picture(image, words, width=200, alt=words)
    if kind == COLLECTION:
        numbers, sheet = shelf(chosen.network, index.corpus.digest, index.done, index)
        show.label("or one of these")
        components.grid(
            sheet, key="shelf", label="pictures of the collection to ask about",
            captions=[told(index, number) for number in numbers],
            selected=numbers.index(wanted[0]) if wanted[0] in numbers else None,
            on_pick=lambda place: ask(numbers[place]), tile=34, gap=2, height=230,
        )  # fmt: skip
    return wanted


def looked_at(one, index) -> dict:
    """The dials of a search in a network: the second is asked at the layer that stands where the first one's does."""
    if one is chosen or layer == LAST:
        return turned
    return turned | {"layer": counterpart(chosen.probe, layer, one.probe, index.layers)}


def nearest(one, index, wanted, space: str):
    """What was found in a space for the picture that is asked about."""
    name, search, *_ = wanted
    given = tuple(looked_at(one, index).items())
    return found(one.network, index.corpus.digest, index.done, method.name, name, space, given, method, index, search)


def row(one, mark: str, index, wanted, space: str) -> None:
    """The nearest pictures in one space, those with the label of the one asked about marked."""
    (neighbors, sheet), label = nearest(one, index, wanted, space), wanted[3]
    hits = [place for place, neighbor in enumerate(neighbors) if label and neighbor.label == label]
    whose, at = one.title if second else "the network", looked_at(one, index)["layer"]
    title = "Nearest as pixels" if space == "pixels" else f"Nearest to {whose}, {one.brief(at) if at else LAST}"
    show.heading(title + (f": {len(hits)} of {len(neighbors)} are {label!r} too" if label else ""))
    components.grid(
        sheet, key=f"nearest by {space}{mark}", label=f"the {len(neighbors)} nearest by {space}",
        captions=[f"{told(index, one.number)}; distance {show.figures(one.distance)}" for one in neighbors],
        titles=[one.label or " " for one in neighbors], marked=hits,
        on_pick=lambda place: ask(neighbors[place].number), columns=min(10, len(neighbors)), gap=6,
    )  # fmt: skip


def readable(index) -> bool:
    """Whether the pixels of all pictures are at hand; the first time they are read, and how far that is is shown."""
    asked = index.corpus.digest, index.done
    job = jobs.ask(READING, asked, lambda: pixels.frames(index.corpus, slice(index.done)), patience=0.5)
    read = job.done and not job.stopped and not job.problem
    if not read:
        jobs.watch(READING, lambda frame: None, what=f"the pixels of {index.done:,} pictures are read")
    return read


def over_all(one, mark: str, index) -> None:
    """The label agreement of both spaces over the whole collection."""
    if not index.corpus.labels:
        return
    k, given = 5, {name: looked_at(one, index)[name] for name in ("measure", "layer")}
    asked = (one.network, index.corpus.digest, index.done, *given.values())
    job = jobs.ask(JOB + mark, asked, lambda: agreement.frames(index, k=k, **given))
    all_of_them = "the whole collection" if index.complete else f"the first {index.done:,} pictures"
    show.heading(f"Over {all_of_them}: how many of the {k} nearest carry the same label")
    jobs.watch(JOB + mark, lambda frame: None, what="every picture's neighbours are looked up")
    result = job.latest.picture if job.latest and not job.going else None
    if result:
        show.numbers({
            "as pixels": show.percent(result.pixels),
            f"to {one.title if second else 'the network'}": show.percent(result.features),
            "that is": (f"{show.figures(result.gain)} ×", "as often"),
            "by chance": show.percent(result.chance),
        })  # fmt: skip


chosen = selection()
show.question("What does the network consider alike?", f"Nearest neighbours, as pixels and to {chosen.title}")
with dials.row():
    with st.container(width="content"):
        corpus = corpora.picker()
    spots = [st.container(width=width) for width in (200, 360, "content")]
with calm():
    index = corpora.grown(chosen.network, chosen.probe, corpus) if corpus is not None else None
    if index is None:
        st.caption("Neighbours are shown as soon as the network has seen a few hundred pictures.")
        end()
    with spots[0]:
        layer = dials.choose("layer", [LAST, *index.layers], key="neighbors.layer", format=chosen.brief)
    with spots[1], st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        method = dials.method(SEARCHES, key="neighbors.method")
        turned = dials.draw(method, without=("space",)) | {"layer": None if layer == LAST else layer}
    with spots[2]:
        second = beside.choose(chosen)
    left, right = st.columns([1, 3], gap="large")
    with left:
        wanted = asked_about(index)
    with right:
        shown = ("pixels", "features") if readable(index) else ("features",)
        if wanted is None:
            apology("Draw a digit on the left, and its neighbours appear here.")
        else:
            for space in shown:
                row(chosen, "", index, wanted, space)
        other = corpora.grown(second.network, second.probe, corpus, beside.MARK) if second else None
        if wanted and other:
            row(second, beside.MARK, other, wanted, "features")
        if "pixels" in shown:
            st.space("small")
            over_all(chosen, "", index)
            if other:
                over_all(second, beside.MARK, other)
    query = str(wanted[0]) if wanted and isinstance(wanted[0], int) else "image"
    learn.below(
        method,
        seen=SEEN.format(network=show.plain(chosen.title)),
        tries=[
            learn.Try("Your own picture among the tiles of photographs",
                      session={"corpus": "tiles", "neighbors.of": OWN}),
            learn.Try("Digits, where pixels do better", session={"corpus": "digits", "neighbors.of": COLLECTION}),
            learn.Try("The first layer, still close to pixels", session={"neighbors.layer": index.layers[0]}),
            learn.Try("Draw a digit yourself", session={"corpus": "digits", "neighbors.of": DRAW}),
        ],
        picture=wanted and (lambda: render.enlarged(wanted[2], 256)),
        data=wanted and [
            {"space": space, "number": one.number, "label": one.label, "distance": one.distance}
            for space in shown
            for one in nearest(chosen, index, wanted, space)[0]
        ],
        snippet=collection(corpus.name)
        + "\n".join(Question(chosen, method, {"space": space, **turned}).lines(space, query=query)
                    for space in ("pixels", "features")),
    )  # fmt: skip
