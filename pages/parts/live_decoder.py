"""Live decoding in the browser: pictures are grabbed, sent to the session's stream, and come back as decoders draw what
every layer made of them.

decoder(chosen, ...)    draws it
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pages.parts import live, live_sources
from pages.parts.components import registered
from vizcore.laboratory.live_decoding import live_decoding

DECODER = registered("decoder", on="live")


def decoder(chosen: Any, layers: Sequence[str], *, pictures: Callable[[], Any], key: str = "live decoder") -> None:
    """Draw it for a network and its layers that have a decoder; `pictures` gives the photographs of the clip
    (N, 3, S, S)."""
    probe = chosen.probe
    DECODER(
        key=key,
        data={
            "address": live.opened((chosen.network, probe, "decoded"), partial(looked, probe)).address,
            "side": probe.input_size,
            "layers": [chosen.brief(layer) for layer in layers],
            "clip": live_sources.clip(pictures),
            "words": live_sources.WORDS,
        },
    )


def looked(probe: Any, content: bytes, asked: Any) -> bytes:
    """What decoders draw of a frame; nothing more is asked of them."""
    return live_decoding(probe, content)
