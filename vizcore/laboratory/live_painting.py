"""Live painting: one picture after another from a browser, painted in one pass each."""

import torch

from vizcore.imaging import jpeg
from vizcore.laboratory.live_frame import frame_image
from vizcore.synthesis.feedforward_style import in_colours_of, one_style, painted, resized_batch
from vizcore.synthesis.optical_flow import optical_flow, reliable, warped
from vizcore.synthesis.style_film import held

SIDE = 256  # pixels of the longer side
STEADINESS = 4.0
QUALITY = 88


class LivePainting:
    """Paints the pictures of one reader as they come; where `steady`, each along the motion from the one before.

    >>> from vizcore import bundled_image
    >>> content = jpeg(bundled_image("cat")[:, :128, :128])
    >>> LivePainting()(content, "night")[:3].hex()  # a JPEG
    'ffd8ff'
    """

    def __init__(self) -> None:
        self.before: tuple[str, torch.Tensor, torch.Tensor] | None = None

    def __call__(self, content: bytes, style: str, *, steady: bool = False, own_colours: bool = False) -> bytes:
        """A picture that came as a file, painted in a style, as a JPEG. Raises ValueError for one that cannot be."""
        mix = one_style(style)
        now = resized_batch(frame_image(content)[None], SIDE)
        found = painted(now, mix)
        found = (in_colours_of(now, found) if own_colours else found)[0]
        now, asked = now[0], f"{style} {own_colours}"
        if steady and self.before and self.before[0] == asked and self.before[1].shape == now.shape:
            _, image, painting = self.before
            flow = optical_flow(now, image)
            mask = reliable(flow, optical_flow(image, now))
            found = held(found, warped(painting, flow), mask, STEADINESS)
        self.before = asked, now, found
        return jpeg(found, quality=QUALITY)
