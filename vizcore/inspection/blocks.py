"""Blocks: a network's layers in groups few enough to draw, long networks folded into stages."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vizcore.probe import SCORES, Layer, Probe

# What does its work on what a layer has just given belongs to that layer's block.
FOLLOWS = ("normalisation", "rectifier", "activation", "dropout", "multiplication", "reshape")
ROOM = 32  # blocks that stay legible side by side
STAGES, LISTED = 16, 40  # stages that are told in a list, and layers of a network that needs no stages


@dataclass(frozen=True)
class Block:
    """Layers drawn as one: a convolution with what follows it, or, `folded`, a whole stage of the network."""

    name: str
    layers: tuple[Layer, ...]
    folded: bool = False

    @property
    def last(self) -> Layer:
        """The layer whose result leaves the block."""
        return self.layers[-1]


@dataclass(frozen=True)
class Strip:
    """Blocks in the order they are run, and `links` (from, to) between them; -1 is what comes in from before."""

    name: str
    blocks: tuple[Block, ...]
    links: tuple[tuple[int, int], ...]


def strips(probe: Probe, layer: str, *, room: int = ROOM) -> tuple[Strip, ...]:
    """A network as a strip of blocks; where it is too long for one, stages of it are folded into one block each.

    For every folded stage on the way to `layer` another strip follows, with that stage unfolded, so that the
    last strip shows the layer itself. At most `room` blocks stand in a strip.

    >>> from vizcore import open_probe
    >>> [block.name for block in strips(open_probe("tiny-vgg"), "conv1.conv")[0].blocks][:4]
    ['conv1', 'conv2', 'pool1', 'conv3']
    """
    layer = probe.layer(layer).name
    found, name, layers = [], "", tuple(probe.layers.values())
    while layers:
        blocks = folded(layers, room)
        found.append(Strip(name, blocks, links(blocks)))
        inner = next(block for block in blocks if any(one.name == layer for one in block.layers))
        name, layers = inner.name, inner.layers if inner.folded else ()
    return tuple(found)


def outline(probe: Probe, layer: str, *, among: Sequence[str] | None = None, most: int = LISTED) -> list[str]:
    """The layers to choose from where all, or all of those `among` which it is, are too many to read in a list.

    These are the last of every stage, and towards `layer` the last of every block in its stage and every layer in
    its block; so whoever goes to a stage sees what is in it.

    >>> from vizcore import open_probe
    >>> outline(open_probe("efficientnet-lite0"), "stem.relu")[:4]
    ['stem.pad', 'stem.conv', 'stem.norm', 'stem.relu']
    >>> outline(open_probe("efficientnet-lite0"), "stem.relu")[4:6]
    ['stages.stage1.0.project.norm', 'stages.stage2.1.add']
    """
    names = list(probe.layers if among is None else among)
    if len(names) <= most:
        return names
    layer = probe.layer(layer).name
    found = strips(probe, layer, room=STAGES)
    blocks = [block.layers for strip in found for block in strip.blocks]
    kept = {next((one.name for one in reversed(layers) if one.name in names), "") for layers in blocks}
    kept |= {one.name for layers in blocks[-len(found[-1].blocks) :] if layer in names_of(layers) for one in layers}
    return [name for name in names if name in kept]


def stage_ends(probe: Probe) -> list[str]:
    """The last layer of every stage, from the first to the scores: a network in a row of pictures.

    >>> from vizcore import open_probe
    >>> stage_ends(open_probe("tiny-vgg"))[:3]
    ['conv1.relu', 'conv2.relu', 'pool1']
    """
    return [block.last.name for block in strips(probe, SCORES, room=STAGES)[0].blocks]


def names_of(layers: Iterable[Layer]) -> list[str]:
    """The names of layers, in order."""
    return [layer.name for layer in layers]


def folded(layers: tuple[Layer, ...], room: int) -> tuple[Block, ...]:
    """Layers as at most `room` blocks, folded by the module they are in as late as fits, else in equal pieces."""
    blocks = in_blocks(layers)
    if len(blocks) <= room:
        return blocks
    for depth in range(max(layer.name.count(".") for layer in layers), 0, -1):
        runs = pieces(layers, lambda layer, before, depth=depth: stage(layer, depth) == stage(before, depth))
        stages = [one_block(run, name) if (name := stage(run[0], depth)) else in_blocks(run) for run in runs]
        found = tuple(block for blocks in stages for block in blocks)
        if 1 < len(found) <= room and told_apart(found):
            return found
    length = -(-len(blocks) // room)
    parts = [blocks[start : start + length] for start in range(0, len(blocks), length)]
    return tuple(
        Block(f"{part[0].name} to {part[-1].name}", tuple(layer for block in part for layer in block.layers), True)
        for part in parts
    )


def told_apart(blocks: Sequence[Block]) -> bool:
    """Whether stages have names of their own, and are not each the `block` of another module."""
    words = [block.name.rpartition(".")[2] for block in blocks if block.folded]
    return all(word.isdecimal() or words.count(word) <= len(words) / 2 or len(words) == 1 for word in words)


def stage(layer: Layer, depth: int) -> str:
    """The module `depth` levels down that a layer is in; nothing where the layer itself is not deeper than that."""
    path = layer.name.split(".")
    return ".".join(path[:depth]) if len(path) > depth else ""


def pieces(layers: Iterable[Layer], together: Callable[[Layer, Layer], bool]) -> list[list[Layer]]:
    """Layers cut wherever `together(layer, the one before)` is false."""
    found: list[list[Layer]] = []
    for layer in layers:
        if found and together(layer, found[-1][-1]):
            found[-1].append(layer)
        else:
            found.append([layer])
    return found


def in_blocks(layers: Sequence[Layer]) -> tuple[Block, ...]:
    """Layers as blocks: each with those after it that only rework what it gave.

    A block that fills a module is called after it, any other after its first layer.
    """
    inside = Counter(module for layer in layers for module in modules(layer))
    found = []
    for run in pieces(layers, belongs):
        home = run[0].name.rpartition(".")[0]
        fills = len(run) > 1 and inside[home] == len(run) and all(home in modules(layer) for layer in run)
        found.append(Block(home if fills else run[0].name, tuple(run)))
    return tuple(found)


def belongs(layer: Layer, before: Layer) -> bool:
    """Whether a layer is of the block of the one before: it reworks what that gave, or that only padded its input."""
    return layer.inputs == (before.name,) and (layer.kind in FOLLOWS or before.kind == "padding")


def modules(layer: Layer) -> list[str]:
    """Every module that a layer is in, outermost first."""
    path = layer.name.split(".")
    return [".".join(path[:depth]) for depth in range(1, len(path))]


def one_block(layers: Sequence[Layer], name: str) -> tuple[Block, ...]:
    """A stage as a single block, folded if there is more than one block in it."""
    blocks = in_blocks(layers)
    return blocks if len(blocks) == 1 else (Block(name, tuple(layers), folded=True),)


def links(blocks: tuple[Block, ...]) -> tuple[tuple[int, int], ...]:
    """Which block reads which, in order; -1 stands for everything outside, such as the picture."""
    home = {layer.name: number for number, block in enumerate(blocks) for layer in block.layers}
    found = {
        (home.get(source, -1), number)
        for number, block in enumerate(blocks)
        for layer in block.layers
        for source in layer.inputs or ("",)
    }
    return tuple(sorted((start, end) for start, end in found if start != end))
