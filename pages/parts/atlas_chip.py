"""What units want to see, from the atlas: beside a unit, and on hover over any cell that stands for one.

hints(probe, layer, channels)   the pictures of a layer's channels, as `components.grid` takes them; None without any
hints_of(probe, units)          the same for units of one layer
sheets(probe, layers)           where the pictures of several layers lie, for what walks through them in the browser
wish(probe, unit)               draw what one unit wants to see, where the atlas shows it
"""

from collections.abc import Sequence

from pages.parts import show
from pages.parts.components import Tiles
from pages.parts.sheet_route import address
from vizcore.probe import Unit
from vizcore.synthesis import open_atlas

WIDTH = 112  # of a picture in the sidebar, in pixels of the page
WISH = "What it wants to see"


def hints(probe, layer: str, channels: Sequence[int]) -> Tiles | None:
    """The pictures of some channels of a layer, one for each place of a grid; None where the atlas has none."""
    atlas = open_atlas(probe)
    if atlas is None or (sheet := atlas.sheet(layer)) is None:
        return None
    return Tiles(address(sheet.path), sheet.columns, sheet.side, sheet.side, list(channels))


def hints_of(probe, units: Sequence[Unit]) -> Tiles | None:
    """The pictures of some units of one layer, one for each place of a grid; None where the atlas has none."""
    return hints(probe, units[0].layer, [unit.channel for unit in units]) if units else None


def sheets(probe, layers: Sequence[str]) -> dict[str, dict]:
    """For every layer that the atlas shows, where the pictures of its channels lie: the sheet and its columns."""
    found = {layer: hints(probe, layer, ()) for layer in layers}
    return {
        layer: {"sheet": tiles.address, "columns": tiles.columns} for layer, tiles in found.items() if tiles is not None
    }


def wish(probe, unit, caption: str = WISH, *, width: int = WIDTH) -> None:
    """Draw what a unit wants to see, small; nothing where the atlas does not show it."""
    atlas = open_atlas(probe)
    if atlas is not None and (picture := atlas.picture(unit)) is not None:
        show.picture(picture, caption, width=width, alt=f"what {unit} wants to see")
