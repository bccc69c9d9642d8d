"""Films: what is written is read again, in its order and at its pace, and what is no film gets a sentence."""

import re

import cv2
import numpy as np
import pytest
import torch

from vizcore.imaging import UnreadableImage, mp4, read_video


def greys(count: int, height: int = 48, width: int = 64) -> torch.Tensor:
    """A film that grows lighter."""
    return torch.linspace(0, 250, count).round().byte().view(-1, 1, 1, 1).expand(count, 3, height, width)


def test_a_film_comes_back_as_it_was_written(tmp_path):
    film = greys(10).clone()
    film[:, 0, :, :32] = 255  # red on the left
    path = tmp_path / "film.mp4"
    path.write_bytes(mp4(film, a_second=25))
    found = read_video(path, pictures=99, side=64, a_second=25)
    assert found.shape == (10, 3, 48, 64)
    assert (found[:, :, :, 40:].mean((1, 2, 3)) - film[:, :, :, 40:].float().mean((1, 2, 3)) / 255).abs().max() < 0.02
    assert found[0, 0, :, :24].mean() > 0.9 and found[0, 2, :, :24].mean() < 0.1


def test_it_is_thinned_to_a_pace_cut_to_a_length_and_reduced_to_a_side(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(mp4(greys(20), a_second=25))
    found = read_video(path, pictures=4, side=32, a_second=12.5)
    assert found.shape == (4, 3, 24, 32)
    torch.testing.assert_close(found.mean((1, 2, 3)) * 255, greys(20)[0:8:2].float().mean((1, 2, 3)), atol=3, rtol=0)


def test_odd_sides_lose_a_pixel(tmp_path):
    (tmp_path / "film.mp4").write_bytes(mp4(greys(2, 33, 51)))
    assert read_video(tmp_path / "film.mp4", pictures=9, side=64).shape[2:] == (32, 50)


@pytest.mark.parametrize("content", [b"", b"no film at all", mp4(greys(3))[:200]])
def test_what_is_no_film_gets_a_sentence(tmp_path, content):
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"film.*; choose an MP4 or WebM\."):
        read_video(tmp_path / "film.mp4", pictures=3, side=64)


def test_a_playlist_that_goes_by_the_name_of_a_film_is_told_before_a_decoder_sees_it(tmp_path):
    (tmp_path / "film.mp4").write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/part.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnreadableImage, match="holds no film that can be read"):
        read_video(tmp_path / "film.mp4", pictures=3, side=64)


def test_a_film_that_is_slow_to_decode_is_read_only_so_far(tmp_path, monkeypatch):
    (tmp_path / "film.mp4").write_bytes(mp4(greys(20), a_second=12.5))
    monkeypatch.setattr("vizcore.imaging.video.MOST_VISITED", 5 * 48 * 64)
    assert len(read_video(tmp_path / "film.mp4", pictures=20, side=64)) == 5


def test_a_film_of_no_steady_rate_is_thinned_by_its_clock(tmp_path):
    """As browsers record: no length of a picture is told, and the pictures come when they come."""
    path = tmp_path / "film.webm"
    film = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"VP80"), 25, (64, 48))
    for level in range(0, 200, 2):
        film.write(np.full((48, 64, 3), level, np.uint8))
    film.release()
    content = bytearray(path.read_bytes())
    place = content.index(b"\x23\xe3\x83\x84")  # the length of a picture, in four bytes; made a part to be skipped
    content[place : place + 8] = b"\xec\x86" + bytes(6)
    for number, block in enumerate(re.finditer(rb"\xa3[^\0]{1,3}\x81(..)[\x80\0]", bytes(content), re.DOTALL)):
        late = int.from_bytes(block[1], "big") + (0, 9, 3, 14)[number % 4]  # milliseconds
        content[block.start(1) : block.end(1)] = late.to_bytes(2, "big")
    path.write_bytes(content)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 1000
    assert 45 <= len(read_video(path, pictures=99, side=32, a_second=12.5)) <= 50, "four seconds"
