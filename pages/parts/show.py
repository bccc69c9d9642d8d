"""Show: pictures, maps, numbers and answers, drawn alike on every page.

question(title, small)      the page's title, a question in plain words, and the method's name beneath it
picture / row               one picture, or several side by side with captions
map                         a picture with a map over it (components.map_view)
numbers                     one row of figures with units
bars                        classes with their probabilities
legend                      what the colours of a label map stand for
shares                      rows of parts as bars, stacked or paired
histogram                   how often values fall where
chip                        the unit: its layer, its channel, its name
figure                      a plotly figure in the house's template
answer / heading            the answer in large words; the name of a part
figures / percent / size    a number, a probability, a picture's size as they are printed everywhere
plain(text)                 text from outside as Markdown in which nothing is markup; for labels, names, and reasons
prose(text)                 text of our own as Markdown in which nothing but `code` is markup
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.parts.components import map_view
from vizcore.imaging import data_address, figures, percent, png

map = map_view


def question(title: str, small: str = "") -> None:
    """The page's title: a question in plain words, and beneath it the method's name in small print."""
    st.title(title, anchor=False)
    if small:
        markup(f'<p class="small-print">{html.escape(small)}</p>')


def heading(text: str) -> None:
    """The name of a part of a page."""
    markup(f'<h2 class="part">{html.escape(text)}</h2>')


def says(asked: str, text: str) -> None:
    """A small answer: the question, and one sentence."""
    markup(f'<div class="chapter"><h2>{html.escape(asked)}</h2><p>{html.escape(text)}</p></div>')


def label(text: str) -> None:
    """A label above something that is no widget, drawn as widgets draw theirs."""
    markup(f'<p class="label">{html.escape(text)}</p>')


def answer(text: str, small: str = "") -> None:
    """The answer in words, as large as it deserves, and how sure it is."""
    markup(f'<p class="answer">{html.escape(text)}<small>{html.escape(small)}</small></p>')


def size(image) -> str:
    """Columns and rows of a picture."""
    return f"{image.shape[-1]} × {image.shape[-2]}"


def picture(image, caption: str = "", *, width: int | str = "100%", pixels: bool | None = None, alt: str = "") -> None:
    """One picture (3, H, W). Small ones are drawn in whole pixels unless `pixels` is False."""
    markup(f'<div class="pictures">{figure_of(image, caption, width, pixels, alt)}</div>')


def row(
    images: Iterable,
    captions: Sequence[str] = (),
    *,
    width: int | str = 120,
    pixels: bool | None = None,
    alt: str = "",
    inks: Sequence[str] = (),
    beneath: Sequence = (),
    beneath_alt: str = "",
) -> None:
    """Pictures side by side, each as wide as `width` in pixels or as CSS says it, wrapping where the page ends; `inks`
    are their colours, and what lies `beneath` each stays with it."""
    images = list(images)
    captions, inks, lower = ([*given, *[""] * len(images)] for given in (captions, inks, ()))
    if len(beneath):
        lower = [image_of(image, pixels, beneath_alt) for image in beneath]
    drawn = [
        figure_of(image, caption, width, pixels, alt, ink, under)
        for image, caption, ink, under in zip(images, captions, inks, lower, strict=False)
    ]
    markup(f'<div class="pictures">{"".join(drawn)}</div>')


def image_of(image, pixels: bool | None, alt: str) -> str:
    """A picture as markup. Small ones are drawn in whole pixels."""
    whole = max(image.shape[-2:]) <= 128 if pixels is None else pixels
    return f'<img class="{"pixels" if whole else "smooth"}" src="{data_address(png(image))}" alt="{html.escape(alt)}">'


def figure_of(
    image, caption: str, width: int | str, pixels: bool | None, alt: str, ink: str = "", under: str = ""
) -> str:
    """A picture, what lies under it, and its caption as markup."""
    width = f"{width}px" if isinstance(width, int) else width
    mark = f";border-top:5px solid {ink}" if ink else ""
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="width:{width}{mark}">{image_of(image, pixels, alt or caption)}{under}{words}</figure>'


def numbers(values: dict[str, Any]) -> None:
    """One row of figures: `{"peak": (1.93, "score"), "cells": (64, "")}`."""
    cells = []
    for name, value in values.items():
        amount, unit = value if isinstance(value, tuple) else (value, "")
        text = amount if isinstance(amount, str) else figures(amount)
        cells.append(
            f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}<small>{html.escape(unit)}</small></dd></div>"
        )
    markup(f'<dl class="numbers">{"".join(cells)}</dl>')


def bars(predictions: Iterable, *, chosen: int | None = None) -> None:
    """Classes with their probabilities as quiet bars, the chosen class in the accent."""
    rows = []
    for prediction in predictions:
        mark = " chosen" if prediction.index == chosen else ""
        share, label = 100 * prediction.probability, html.escape(prediction.label)
        rows.append(
            f'<div class="bar{mark}"><span class="name" title="{label}">{label}</span>'
            f'<span class="track"><i style="width:{share:.2f}%"></i></span>'
            f'<span class="share">{percent(prediction.probability)}</span></div>'
        )
    markup(f'<div class="bars">{"".join(rows)}</div>')


def legend(entries: Iterable[tuple[str, str, str]]) -> None:
    """What the colours of a label map stand for: name, share and colour of each."""
    rows = [
        f'<div><i style="background:{html.escape(colour)}"></i>{html.escape(name)} '
        f"<small>{html.escape(share)}</small></div>"
        for name, share, colour in entries
    ]
    markup(f'<div class="legend">{"".join(rows)}</div>')


def shares(rows: Mapping[str, Mapping[str, float]], *, stacked: bool = True, most: float = 1.0) -> None:
    """Rows of named parts as bars up to `most`, one after the other or, not `stacked`, one below the other."""
    parts = list(next(iter(rows.values())))
    steps = max(1, len(parts) - 1)
    pale = "light-dark(#d5d0c7, #55524e)"
    inks = [f"color-mix(in oklab, var(--accent) {100 - 100 * place // steps}%, {pale})" for place in range(len(parts))]
    named = "".join(
        f'<div><i style="background:{ink}"></i>{html.escape(part)}</div>' for part, ink in zip(parts, inks, strict=True)
    )
    lines = []
    for name, values in rows.items():
        bars = "".join(
            f'<i title="{html.escape(part)}: {figures(value)}" '
            f'style="width:{100 * min(max(value, 0), most) / most:.2f}%;background:{ink}"></i>'
            for (part, value), ink in zip(values.items(), inks, strict=True)
        )
        told = "" if stacked else "  ".join(f"{value:.2f}" for value in values.values())
        lines.append(
            f'<div class="share-row"><span class="name">{html.escape(name)}</span>'
            f'<span class="{"stacked" if stacked else "paired"}">{bars}</span><small>{told}</small></div>'
        )
    markup(f'<div class="legend">{named}</div><div class="shares">{"".join(lines)}</div>')


def histogram(middles: Sequence[float], counts: Sequence[int], *, value: str, of: str, chosen: bool = False) -> None:
    """How many `of` something have which `value`, in bins of one width; pointed at, a bin tells its own.

    It is no plotly chart, since for the first of those a browser reads 5 MB, which takes as long as the rest of a page.
    """
    value, of, most = html.escape(value), html.escape(of), max(counts, default=0) or 1
    bins = "".join(
        f'<span title="{figures(middle)}: {count:,} {of}">'
        f'<i style="height:{100 * count / most:.2f}%;min-height:{min(count, 1)}px"></i></span>'
        for middle, count in zip(middles, counts, strict=True)
    )
    half = (middles[-1] - middles[0]) / max(1, len(middles) - 1) / 2
    ends = middles[0] - half, middles[-1] + half
    low, high = (figures(end if abs(end) > 1e-3 * half else 0) for end in ends)  # not what rounding left of zero
    markup(
        f'<figure class="histogram"><small>{most:,} {of}</small>'
        f'<div class="bins{" chosen" * chosen}" role="img" '
        f'aria-label="at most {most:,} {of} in a bin; {value} from {low} to {high}">{bins}</div>'
        f'<div class="ends"><small>{low}</small><small>{value}</small><small>{high}</small></div></figure>'
    )


def chip(selection, *, image=None) -> None:
    """The unit under question, always drawn like this: where it is, which it is, and its picture where there is one."""
    unit, shown = selection.unit, ""
    if image is not None:
        shown = f'<img class="pixels" src="{data_address(png(image))}" alt="">'
    where = "class" if unit.is_class else selection.layer.brief
    which = selection.name if unit.is_class else f"channel {unit.channel}"
    cell = "" if unit.at is None else f"<small>cell {unit.at[0]}, {unit.at[1]}</small>"
    markup(f'<p class="chip">{shown}<small>{html.escape(where)}</small><b>{html.escape(which)}</b>{cell}</p>')


def figure(chart, *, key: str, height: int = 260, alt: str = "", **options: Any) -> Any:
    """A plotly figure in the house's template: our fonts and greys, no box, no toolbar. `options` go to Streamlit.

    Colours come from the theme; mark the one series that matters with `accent()`.
    """
    chart.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8, "pad": 4},
        font={"size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"font": {"size": 13}},
        showlegend=False,
        bargap=0.08,
    )
    chart.update_xaxes(showgrid=False, zeroline=False, automargin=True)
    chart.update_yaxes(showgrid=True, zeroline=False, automargin=True, nticks=5)
    return st.plotly_chart(chart, key=key, alt=alt or None, config={"displayModeBar": False}, **options)


def accent() -> str:
    """The one colour of the house, as a chart needs it."""
    return st.get_option(f"theme.{st.context.theme.type or 'light'}.primaryColor")


def quiet() -> str:
    """The grey of everything in a chart that is not the point."""
    return "rgba(128,128,128,0.6)"


def in_two_lines(name: str) -> str:
    """A layer's name for below a small picture: its block, and in a second line the layer in the block.

    >>> in_two_lines("stage5.0.expand.relu"), in_two_lines("conv1.relu")
    ('stage5.0\\nexpand.relu', 'conv1.relu')
    """
    parts = name.split(".")
    return name if len(parts) < 3 else f"{'.'.join(parts[:2])}\n{'.'.join(parts[2:])}"


def plain(text: str) -> str:
    """Text in which nothing is markup, whoever wrote it: a picture in it would be asked for from any address it names.

    Addresses become links, and names between colons icons, even where every sign is escaped; a joint that nobody sees
    keeps them from it. A `_` within a word is no markup, so that the names of layers stay as they are.

    >>> plain("a `tick` and ![a picture](//elsewhere)")
    'a \\\\`tick\\\\` and \\\\!\\\\[a picture\\\\](//elsewhere)'
    """
    apart = re.sub(r"(?i)\b(htt|ww)(?=ps?://|w\.)|(?<=\w)(?=@\w)|:(?=[\w+/-]+:)", "\\g<0>\u2060", text)
    alone = r"(?<![^\W_])_|_(?![^\W_])"
    return re.sub(rf"[\\`*$\[\]<>#~:!|&{{}}]|{alone}|^[-+=]|(?<=\d)[.)](?=\s)", r"\\\g<0>", apart)


def prose(text: str) -> str:
    """Text of our own in which only `code` is markup; everything else is itself.

    >>> prose("*a* times `*b*`, and _c_ as a_k")
    '\\\\*a\\\\* times `*b*`, and \\\\_c\\\\_ as a_k'
    """
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = plain(parts[place])
    return "`".join(parts)


def markup(text: str) -> None:
    """Our own markup; whatever comes from outside is escaped by who builds it."""
    st.html(text)
