"""How does the network arrange pictures?"""

import streamlit as st

from pages.parts import beside, components, corpora, dials, jobs, learn, show, state
from pages.parts.calm import calm, calmly, end
from pages.parts.cloud import Panel, cloud
from pages.parts.question import Question, collection
from pages.parts.selection import selection
from vizcore.imaging import sheet
from vizcore.laboratory.compare import counterpart
from vizcore.method import titled
from vizcore.representation.arrangement import (
    BY,
    arranged,
    chosen_pictures,
    colouring,
    judgeable,
    pictures,
    spaces,
    told,
)
from vizcore.representation.embedding import METHODS
from vizcore.representation.mosaic import grid_places, grid_side
from vizcore.representation.neighbors import SPACES

JOB, LASSO = "embedding", "embedding lasso"
POINTS, PICTURES, GRID = "points", "pictures", "grid"
NAMED, SHOWN = 12, 240  # kinds that the legend names; pictures that the contact sheet shows
TITLES = {"pixels": "Their pixels", "features": "The features before the scores"}
SEEN = """Every point is one of {count} pictures, on the left by {left} and on the right by {right}; hover one and the
same picture is framed on both. Draw a line round some to see them all below."""


@st.cache_resource(max_entries=8, show_spinner=False)
def thumbnails(corpus: str, numbers: tuple, _index):
    """The pictures that are laid out, small, on one sheet."""
    return sheet(pictures(_index, numbers))


@st.cache_resource(max_entries=8, show_spinner="One picture a cell ...")
def cells(question: tuple, _points):
    """Where each picture stands in the square grid, on every map."""
    return [grid_places(points) for points in _points]


def lasso(places: list[int]) -> None:
    """Keep which pictures were drawn round."""
    state.place(LASSO, ((chosen.network, corpus.digest, index.done), places))


def drawn_round() -> list[int]:
    """The places of the pictures that were drawn round, on any of the maps."""
    asked, places = st.session_state.get(LASSO, (None, []))
    return places if asked == (chosen.network, corpus.digest, index.done) else []


def notes(frame) -> list[str]:
    """Below every map: how faithful it is, once that is known, and until then how far it is."""
    if not frame.detail:
        divergence = frame.terms.get("divergence")
        return [f"step {frame.step} of {frame.of}" if divergence is not None else ""] * len(frame.picture)
    return [
        f"trustworthiness {judged.trustworthiness:.3f}, neighbour recall {judged.recall:.2f} (of {judged.k} nearest)"
        if judged
        else "too few pictures to judge"
        for judged in frame.detail
    ]


def draw(frame, one, mark: str, where: tuple, question: tuple) -> None:
    """The maps as far as they are."""
    if frame.picture is None:
        return
    rests = not jobs.running(JOB + mark).going
    in_cells = shown == GRID and rests
    laid = cells((*question, frame.step), frame.picture) if in_cells else frame.picture
    titles = [TITLES.get(space, f"Layer {one.brief(space)}") for space in where]
    cloud(
        [Panel(points, title, note) for points, title, note in zip(laid, titles, notes(frame), strict=True)],
        colours.kinds, colours.colours, captions, key=f"cloud{mark}",
        sheet=thumbnails(index.corpus.digest, tuple(numbers), index) if rests else None,
        thumbnails=shown != POINTS, cells=grid_side(len(numbers)) if in_cells else None,
        selected=drawn_round(), on_lasso=lasso,
    )  # fmt: skip
    if mark:
        return
    st.caption(f"How it can mislead: {show.prose(method.misleads)}")
    if rests:
        contact_sheet()


def answer(one, mark: str) -> None:
    """The maps of one network; of the second, once it has seen the same pictures, by the layers that stand where the
    first one's do. Pixels are the same for both."""
    seen = index if one is chosen else corpora.grown(one.network, one.probe, corpus, mark)
    if seen is None or seen.done < index.done:
        st.caption("Its maps are drawn as soon as it has seen the same pictures.")
        return
    where = (left, right)
    if one is not chosen:
        own = [space for space in where if space != "pixels"] or ["features"]
        where = tuple(space if space in SPACES else counterpart(chosen.probe, space, one.probe, seen.layers)
                      for space in dict.fromkeys(own))  # fmt: skip
    question = (one.network, index.corpus.digest, index.done, where, method.name, tuple(turned.items()))
    jobs.ask(JOB + mark, question, lambda: arranged(seen, numbers, where, method=method.function, **turned))
    told = f"{len(numbers):,} of {index.done:,} pictures find their places"
    jobs.watch(JOB + mark, lambda frame: draw(frame, one, mark, where, question), what=told)


def contact_sheet() -> None:
    """The pictures that were drawn round, all together, and what they are."""
    held = [numbers[place] for place in drawn_round()]
    if not held:
        return
    part = colouring(index, held, by).shares
    listed = ", ".join(f"{name} {show.percent(share)}" for name, share, _ in part[:5])
    show.heading(f"{len(held)} pictures drawn round: {listed}" + (" and others" if len(part) > 5 else ""))
    components.grid(
        thumbnails(index.corpus.digest, tuple(held[:SHOWN]), index), key="contact sheet",
        label="the pictures drawn round", captions=[told(index, number) for number in held[:SHOWN]],
        tile=40, gap=3, height=330,
    )  # fmt: skip
    if len(held) > SHOWN:
        st.caption(f"The first {SHOWN} are shown.")
    st.button("Let them go", type="tertiary", on_click=calmly(lasso), args=([],))


chosen = selection()
show.question("How does the network arrange pictures?", f"Maps of a collection, as {chosen.title} sees it")
ROW = {"horizontal": True, "gap": "medium", "vertical_alignment": "bottom"}
with st.container(key="dials", gap="small"):
    with st.container(**ROW):
        with st.container(width="content"):
            corpus = corpora.picker(default="digits")
        spots = [st.container(width=190), st.container(width=190)]
    with st.container(**ROW):
        spots += [st.container(width="content") for _ in range(3)]
    tuning = st.container(**ROW)
with calm():
    index = corpora.grown(chosen.network, chosen.probe, corpus) if corpus is not None else None
    if index is None:
        st.caption("The maps are drawn as soon as the network has seen a few hundred pictures.")
        end()
    with spots[0]:
        left = dials.choose("left by", spaces(index), key="embedding.left", default="pixels", format=chosen.brief)
    with spots[1]:
        right = dials.choose("right by", spaces(index), key="embedding.right", default="features", format=chosen.brief)
    with spots[2]:
        method = dials.method(METHODS, key="embedding.method", label="map")
    with spots[3]:
        shown = dials.choose("shown as", [POINTS, PICTURES, GRID], key="embedding.shown")
    with spots[4]:
        ways = [way for way in BY if way != "error" or judgeable(index)]
        by = dials.choose("coloured by", ways, key="embedding.by", default=ways[0])
    with tuning:
        turned = dials.draw(method, in_sight=2)
        second = beside.choose(chosen)
    numbers = chosen_pictures(index)
    colours = colouring(index, numbers, by)
    captions = [told(index, number) for number in numbers]
    kinds = [(name, show.percent(share), colour) for name, share, colour in colours.shares]
    show.legend(kinds[:NAMED] + ([(f"and {len(kinds) - NAMED} more", "", "transparent")] if kinds[NAMED:] else []))
    beside.each(chosen, second, answer, stacked=True, about=False)
    job = jobs.running(JOB)
    maps = job.latest.picture if job and job.latest and not job.going else None
    rows = {"pixels": "vizcore.representation.pixels(corpus)", "features": "index.features()"}
    lines = Question(chosen, method, turned).lines("points", features=rows.get(right, f"index.features({right!r})"))
    learn.below(
        method,
        seen=SEEN.format(count=f"{len(numbers):,}", left=show.plain(left), right=show.plain(right)),
        tries=[
            learn.Try("Too few neighbours: a perplexity of 2", method=titled(METHODS)["t-SNE"],
                      dials={"perplexity": 2.0}),
            learn.Try("An early layer beside the last one", session={
                "embedding.left": index.layers[0], "embedding.right": "features"}),
            learn.Try("One picture a cell: the grid", session={"embedding.shown": GRID}),
        ],
        data=maps and maps[1],
        snippet=collection(corpus.name) + lines + (".points" if method.at_once else ""),
        name="embedding",
    )  # fmt: skip
