"""Films: pictures out of a reader's file, and pictures as a file that browsers play."""

import tempfile
from pathlib import Path

import torch

from vizcore.imaging.decoding import UnreadableImage

LONGEST_SIDE = 4096  # pixels of a film that is read
MOST_VISITED = 2_000_000_000  # pixels that are decoded of one, those between the pictures that are taken too: seconds
CODEC = "vp09"  # VP9: what the packages bring and every browser of today plays, in an MP4


def read_video(path: str | Path, *, pictures: int, side: int, a_second: float = 12.5) -> torch.Tensor:
    """The first pictures of a film file, so many `a_second` of it, reduced: (N, 3, H, W) in [0, 1].

    The longer side has `side` pixels at most. Of a film that is slow to decode there may be fewer pictures. Raises
    UnreadableImage where the file is no film that can be read: by its first bytes an MP4, MOV, WebM or AVI, and no
    playlist, which names other files and addresses.

    >>> film = torch.arange(5, dtype=torch.uint8).mul(60).view(5, 1, 1, 1).expand(5, 3, 32, 48)
    >>> with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
    ...     _ = Path(file.name).write_bytes(mp4(film, a_second=25))
    ...     read = read_video(file.name, pictures=9, side=24)  # 25 a second, of which every second is taken
    >>> read.mean((1, 2, 3)).round(decimals=1)
    tensor([0.0000, 0.5000, 0.9000])
    """
    import cv2  # takes as long to load as a small network to answer

    with open(path, "rb") as file:
        if not holds_film(file.read(12)):
            raise UnreadableImage("The file holds no film that can be read; choose an MP4 or WebM.")
    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        width, height = (int(film.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if not film.isOpened() or not 0 < min(width, height) <= max(width, height) <= LONGEST_SIDE:
            raise UnreadableImage(
                f"The file holds no film of up to {LONGEST_SIDE} pixels a side that can be read; choose an MP4 or WebM."
            )
        found, passed, began = [], 0, 0.0
        scale = min(1.0, side / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        while len(found) < pictures and passed * width * height < MOST_VISITED and film.grab():
            # By the clock: what a browser or a telephone records has no steady rate, and says 1000 where it has none.
            now = film.get(cv2.CAP_PROP_POS_MSEC)
            began = began if passed else now
            if (now - began + 1) * a_second >= 1000 * len(found):  # times are told in whole milliseconds
                there, pixels = film.retrieve()
                if not there:
                    break
                reduced = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
                found.append(torch.from_numpy(cv2.cvtColor(reduced, cv2.COLOR_BGR2RGB)))
            passed += 1
    except cv2.error as error:
        raise UnreadableImage("The film cannot be read to its end; choose an MP4 or WebM.") from error
    finally:
        film.release()
    if not found:
        raise UnreadableImage("The film has no picture that can be read; choose an MP4 or WebM.")
    return torch.stack(found).permute(0, 3, 1, 2).contiguous() / 255


def holds_film(start: bytes) -> bool:
    """Whether a file that begins with these twelve bytes is a film that holds its pictures itself.

    >>> holds_film(b"\\0\\0\\0\\x20ftypisom"), holds_film(b"#EXTM3U\\n#EXT")
    (True, False)
    """
    return start[4:8] == b"ftyp" or start[:4] == b"\x1a\x45\xdf\xa3" or (start[:4], start[8:]) == (b"RIFF", b"AVI ")


def mp4(levels: torch.Tensor, *, a_second: float = 12.5) -> bytes:
    """Pictures of 8 bits (N, 3, H, W) as an MP4 file, so many a second; an odd side loses its last pixel.

    >>> mp4(torch.zeros(3, 3, 32, 32, dtype=torch.uint8))[4:8]
    b'ftyp'
    """
    import cv2

    height, width = (side // 2 * 2 for side in levels.shape[2:])
    with tempfile.TemporaryDirectory(prefix="vizcore-") as folder:
        path = Path(folder, "film.mp4")
        film = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*CODEC), a_second, (width, height))
        if not film.isOpened():
            raise ValueError("OpenCV cannot write films here; a GIF can be had instead.")
        for picture in levels[:, :, :height, :width]:
            film.write(cv2.cvtColor(picture.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2BGR))
        film.release()
        return path.read_bytes()
