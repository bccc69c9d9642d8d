"""Diagram: a network drawn from picture to scores, as one SVG. A block's height is its maps, its width its channels."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from vizcore.inspection.blocks import Block, Strip, strips
from vizcore.method import Method
from vizcore.probe import Layer, Probe

WIDTH = 860
TALL, LOW = 160, 7  # the highest block, and one that has a single cell
GAP, EDGE, THIN = 11, 26, 5
WIDEST = 9.5  # pixels for every doubling of the channels
LETTER = 5.8  # about how wide a letter of a label is
# How dark each kind is drawn; the one hue of the drawing belongs to the layer that is chosen.
INK = {
    "convolution": 0.56, "linear": 0.78, "attention": 0.92, "max pooling": 0.36, "average pooling": 0.36,
    "other pooling": 0.36, "addition": 0.3, "concatenation": 0.3, "multiplication": 0.3, "arithmetic": 0.18,
    "normalisation": 0.13, "rectifier": 0.24, "activation": 0.24, "gate": 0.24, "softmax": 0.24, "dropout": 0.1,
    "padding": 0.1, "reshape": 0.1, "two classes": 0.1, "logarithm": 0.1, "other": 0.18,
}  # fmt: skip
SIGNS = {"addition": "+", "multiplication": "×", "concatenation": "≡"}
STYLE = """
svg { --ink: var(--st-text-color, #1d1f21); --paper: var(--st-background-color, #fcfcfb);
      --accent: var(--st-primary-color, #0b7774); font: 11px "Source Sans", sans-serif; }
text { fill: var(--ink); fill-opacity: 0.72; text-anchor: middle; }
text.left { text-anchor: start; }
.layer rect { fill: var(--ink); }
.layer.chosen rect { fill: var(--accent); fill-opacity: 1; }
.layer.opened rect { fill: var(--accent); fill-opacity: 0.55; }
.layer .inner { stroke: var(--paper); stroke-width: 1; }
.sign circle { fill: var(--paper); stroke: var(--ink); stroke-opacity: 0.5; }
.link, .bracket { fill: none; stroke: var(--ink); stroke-opacity: 0.4; }
.faint { stroke-opacity: 0.13; }
.unfolded { fill: var(--ink); fill-opacity: 0.05; }
"""


@dataclass(frozen=True)
class Place:
    """Where a block stands: its left edge, its width, its height, and each slab's layer, left edge and width."""

    block: Block
    left: float
    width: float
    height: float
    slabs: tuple[tuple[Layer, float, float], ...]

    @property
    def middle(self) -> float:
        """Half way across."""
        return self.left + self.width / 2


def architecture(probe: Probe, layer: str) -> str:
    """A network as a drawing (SVG): blocks from the picture to the scores, `layer` in the accent colour.

    After the drawing of LeNet-5 (LeCun et al. 1998). The height of a block is the square root of how many cells its
    maps have along a side, its width the logarithm of how many channels; thin slabs are what follows a convolution.
    Arcs are branches and residual additions. Stages of a long network are folded into one block each, and those
    around `layer` are unfolded beneath.

    >>> from vizcore import open_probe
    >>> architecture(open_probe("tiny-vgg"), "conv1.conv").count('class="layer')
    24
    """
    chosen, rows = probe.layer(layer).name, strips(probe, layer)
    largest = max(math.prod(one.cells) for one in probe.layers.values())
    numbers = {name: number for number, name in enumerate(probe.layers)}
    drawn, bottom, above = [], 0.0, None
    for strip in rows:
        places = placed(strip, largest)
        ceiling = bottom + (44 if above else 4)
        axis = ceiling + headroom(strip, places) + max(place.height for place in places) / 2
        if above:
            drawn.append(unfolding(above, bottom, ceiling - 22, strip.name))
        drawn += [arc(strip, places, axis, link) for link in strip.links]
        drawn += [box(place, axis, numbers, chosen) for place in places]
        floor = axis + max(place.height for place in places) / 2
        drawn += labels(strip, places, floor)
        bottom = floor + 42
        inner = next(place for place in places if any(one.name == chosen for one in place.block.layers))
        above = (inner.left, inner.width, axis + inner.height / 2)
    kinds = {one.kind for strip in rows for block in strip.blocks if not block.folded for one in block.layers}
    explained, bottom = key(kinds, bottom + 12)
    drawn += explained
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 8:.0f}" role="img" '
        f'aria-label="the layers of {escape(probe.name)}"><style>{STYLE}</style>{"".join(drawn)}</svg>'
    )


def placed(strip: Strip, largest: int) -> list[Place]:
    """The blocks of a strip side by side, as wide as the drawing allows; one of `largest` cells is the highest."""
    thin = sum(THIN * (len(block.layers) - 1) for block in strip.blocks if not block.folded)
    room = WIDTH - 2 * EDGE - thin - GAP * (len(strip.blocks) - 1)
    unit = max(0.4, min(WIDEST, room / sum(map(share, strip.blocks))))
    found, left = [], float(EDGE)
    for block in strip.blocks:
        main, slabs, right = leading(block), [], left
        for one in (main,) if block.folded else block.layers:
            wide = unit * share(block) if one is main else THIN
            slabs.append((one, right, wide))
            right += wide
        height = max(LOW, TALL * (math.prod(main.cells) / largest) ** 0.25)
        found.append(Place(block, left, right - left, height, tuple(slabs)))
        left = right + GAP
    return found


def leading(block: Block) -> Layer:
    """The layer that a block gets its size from: the first that does more than pad, or in a stage the last."""
    working = [one for one in block.layers if one.kind != "padding"]
    return block.last if block.folded or not working else working[0]


def share(block: Block) -> float:
    """How wide a block is beside others: one for every doubling of the channels, half as much again for a stage."""
    return math.log2(1 + leading(block).channels) * (1.5 if block.folded else 1)


def lift(span: int) -> float:
    """How far above the blocks beneath it an arc over so many blocks rises."""
    return 10 + 26 * min(1.0, math.sqrt(span / 12))


def headroom(strip: Strip, places: list[Place]) -> float:
    """How much room the arcs of a strip need above its highest block."""
    return max((lift(end - start) for start, end in strip.links if end - start > 1), default=0.0)


def arc(strip: Strip, places: list[Place], axis: float, link: tuple[int, int]) -> str:
    """A link between two blocks: a line to the next one, an arc over those between."""
    start, end = link
    target = places[end]
    if end - start == 1:
        left = places[start].left + places[start].width if start >= 0 else 2.0
        return f'<path class="link" d="M{left:.1f} {axis:.1f}H{target.left:.1f}"/>'
    crossed = places[max(start, 0) : end + 1]
    level = axis - max(place.height for place in crossed) / 2 - lift(end - start) * 4 / 3
    x, y = (places[start].middle, axis - places[start].height / 2) if start >= 0 else (EDGE / 2, axis)
    faint = " faint" if len(strip.links) > 60 else ""
    return (
        f'<path class="link{faint}" d="M{x:.1f} {y:.1f}C{x:.1f} {level:.1f} {target.middle:.1f} {level:.1f} '
        f'{target.middle:.1f} {axis - target.height / 2:.1f}"/>'
    )


def box(place: Place, axis: float, numbers: dict[str, int], chosen: str) -> str:
    """A block as slabs, one a layer, or as one slab with a line for every block that is folded in it."""
    top, drawn = axis - place.height / 2, []
    for layer, left, width in place.slabs:
        held = place.block.layers if place.block.folded else (layer,)
        mark = (" opened" if place.block.folded else " chosen") if any(one.name == chosen for one in held) else ""
        inside = ""
        if place.block.folded:
            lines = min(len(held), 8)
            inside = "".join(
                f'<path class="inner" d="M{left + width * n / lines:.1f} {top:.1f}v{place.height:.1f}"/>'
                for n in range(1, lines)
            )
        ink = INK["convolution"] if place.block.folded else INK[layer.kind]
        words = caption(place.block) if place.block.folded else facts(layer)
        drawn.append(
            f'<g class="layer{mark}" data-first="{numbers[held[0].name]}" data-last="{numbers[held[-1].name]}" '
            f'aria-label="{escape(words)}"><rect x="{left:.1f}" y="{top:.1f}" width="{max(width - 0.8, 0.8):.1f}" '
            f'height="{place.height:.1f}" fill-opacity="{ink}"/>{inside}</g>'
        )
    if sign := SIGNS.get(place.block.layers[0].kind) if not place.block.folded else None:
        x = place.slabs[0][1] + place.slabs[0][2] / 2
        drawn.append(
            f'<g class="sign" pointer-events="none"><circle cx="{x:.1f}" cy="{axis:.1f}" r="6"/>'
            f'<text x="{x:.1f}" y="{axis + 3.6:.1f}">{sign}</text></g>'
        )
    return "".join(drawn)


def labels(strip: Strip, places: list[Place], floor: float) -> Iterable[str]:
    """The blocks' names under them where they fit, and brackets that say which module several, or a number, is in."""
    names = [place.block.name.removeprefix(f"{strip.name}.") for place in places]
    homes = [name.rpartition(".")[0] for name in names]
    texts, free = short(names, homes, places), 0.0
    for place, text in zip(places, texts, strict=True):
        half = len(text) * LETTER / 2
        if place.middle - half >= free and place.middle + half <= WIDTH:
            free = place.middle + half + 4
            yield f'<text class="label" x="{place.middle:.1f}" y="{floor + 15:.1f}">{escape(text)}</text>'
    first = 0
    for number in range(1, len(places) + 1):
        if number < len(places) and homes[number] == homes[first]:
            continue
        if homes[first] and (number - first > 1 or texts[first].isdecimal()):
            left, right = places[first].left, places[number - 1].left + places[number - 1].width
            yield f'<path class="bracket" d="M{left:.1f} {floor + 21:.1f}v4H{right:.1f}v-4"/>'
            name = homes[first].rpartition(".")[2]
            yield f'<text x="{(left + right) / 2:.1f}" y="{floor + 37:.1f}">{escape(name)}</text>'
        first = number


def short(names: list[str], homes: list[str], places: list[Place]) -> list[str]:
    """Names without the module that a bracket tells already; where they are too long, their last words or numbers."""
    found = []
    for name, home, place in zip(names, homes, places, strict=True):
        path = name.split(".")
        told = [".".join(path[start:]) for start in range(len(path))]  # from the whole name to its last word
        if homes.count(home) > 1:
            told = told[-1:]
        fitting = (text for text in told if len(text) * LETTER < place.width + GAP)
        found.append(next(fitting, told[-1]))
    stems = [(home, text.rstrip("0123456789")) for home, text in zip(homes, found, strict=True)]
    crowded = {
        stem
        for stem, text, place in zip(stems, found, places, strict=True)
        if stems.count(stem) > 2 and len(text) * LETTER > place.width + GAP
    }
    return [text[len(stem[1]) :] or text if stem in crowded else text for text, stem in zip(found, stems, strict=True)]


def unfolding(above: tuple[float, float, float], start: float, end: float, name: str) -> str:
    """The shape that widens from a folded block to the strip beneath it, with that stage's name."""
    left, width, top = above
    return (
        f'<path class="unfolded" d="M{left:.1f} {top:.1f}h{width:.1f}L{WIDTH} {end:.1f}H0Z"/>'
        f'<text class="left" x="2" y="{end + 14:.1f}">{escape(name)}</text>'
    )


def key(kinds: set[str], top: float) -> tuple[list[str], float]:
    """What the greys stand for, in as few lines as it takes, and where the last line is."""
    left, drawn = float(EDGE), []
    for kind in (kind for kind in INK if kind in kinds):
        wide = 28 + len(kind) * LETTER
        if left + wide > WIDTH:
            left, top = float(EDGE), top + 18
        drawn.append(
            f'<g class="key" transform="translate({left:.1f} {top:.1f})"><rect y="-8" width="9" height="9" '
            f'fill="var(--ink)" fill-opacity="{INK[kind]}"/><text class="left" x="14">{kind}</text></g>'
        )
        left += wide
    return drawn, top


def facts(layer: Layer) -> str:
    """A layer in one line: its name, kind, shape, and what one cell of it sees."""
    sees = f"sees {layer.field.size[0]} × {layer.field.size[1]} pixels" if layer.field else "sees the whole picture"
    return f"{layer.name}: {layer.kind}, {' × '.join(map(str, layer.shape))}, {sees}"


def caption(block: Block) -> str:
    """A folded stage in one line."""
    return f"{block.name}: {len(block.layers)} layers, to {' × '.join(map(str, block.last.shape))}"


METHODS = (
    Method(
        "Architecture",
        architecture,
        formula=r"\begin{gathered} \text{height} \propto \sqrt{h\,w}, \qquad \text{width} \propto \log K, \\ "
        r"\text{field}_l = \text{field}_{l-1} + (k_l - 1)\, d_l \textstyle\prod_{i<l} s_i \end{gathered}",
        paper="LeCun et al. 1998, *Gradient-Based Learning Applied to Document Recognition* (the drawing of LeNet-5)",
        misleads="A large block is a large map, not an important one.",
    ),
)
