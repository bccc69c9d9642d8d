"""A matrix: a table of shares, one row and one column a model, the darker the higher.

draw(corner, columns, rows, written)    the table; the corner says what rows and columns are
"""

import html
from collections.abc import Callable, Mapping, Sequence

from pages.parts import show


def draw(
    corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[float]], written: Callable[[float], str]
) -> None:
    """A table of shares, by the names of its rows, each written in its cell."""
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    lines = ""
    for name, shares in rows.items():
        cells = "".join(
            f'<td style="background:color-mix(in oklab, var(--accent) {75 * max(share, 0):.0f}%, transparent)">'
            f"{html.escape(written(share))}</td>"
            for share in shares
        )
        lines += f"<tr><th>{html.escape(name)}</th>{cells}</tr>"
    head = f"<thead><tr><th>{html.escape(corner)}</th>{heads}</tr></thead>"
    show.markup(f'<table class="meters matrix">{head}<tbody>{lines}</tbody></table>')
