"""The page of sound: what it plays and says is what `vizcore` found, and a reader's own recording is heard."""

import pytest

from tests.pages.drawn import drawn, numbers
from tests.pages.test_gradients import finished
from tests.pages.test_shell import opened, said, snippet
from vizcore.adversarial import audio_adversarial, bundled_recording, open_listener, same_loudness, wav

PAGE, FEW = "sound.py", {"audio_adversarial.steps": "10"}
COMMAND = "okay browse to evil dot com"
listener = open_listener()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What the reader uploads is kept in a folder of the test's own."""
    monkeypatch.setenv("VIZCORE_CACHE", str(tmp_path / "cache"))


def test_it_says_what_is_heard_before_and_after_and_with_noise_as_loud():
    app = finished(opened(PAGE, **FEW))
    attack = audio_adversarial(listener, bundled_recording("fox"), COMMAND, steps=10)
    control = same_loudness(listener, attack)
    captions = [caption.value for caption in app.caption]
    for words, letters in zip((*attack.heard, control.heard[1]), (*attack.letters, control.letters[1]), strict=True):
        assert f"<p>{words or 'nothing'}</p>" in drawn(app) and f"letters: {letters or 'none'}" in captions
    assert numbers(app)["peak of the change"] == f"{attack.decibels:.1f}".replace("-", "−")
    assert numbers(app)["gradients"] == "10"
    assert len(app.get("audio")) == 3 and "went wrong" not in said(app)
    assert ("Not within 10 steps" in said(app)) != attack.success
    found = {}
    exec(snippet(app), found)
    assert found["attack"].after.equal(attack.after)


def test_an_own_recording_is_heard_and_its_errors_are_counted():
    app = finished(opened(PAGE, **FEW))
    app.file_uploader("recording 0").upload("me.wav", wav(bundled_recording("times"))).run()
    app = finished(app)
    assert "went wrong" not in said(app) and app.selectbox("sound.recording").value.startswith("own-")
    heard = listener.transcript(bundled_recording("times"))
    assert f"<p>{heard}</p>" in drawn(app)
    app.text_input("sound.said").input(f"not {heard}").run()
    told = " ".join(caption.value for caption in app.caption)
    assert f"It hears {heard}, from the letters" in told and f"1 errors in {len(heard.split()) + 1} words" in told


def test_what_is_no_recording_gets_a_sentence_and_changes_nothing():
    app = finished(opened(PAGE, **FEW))
    silent = wav(bundled_recording("times"))[:44]
    for number, content in enumerate((b"", b"RIFF but no WAVE", silent)):
        app.file_uploader(f"recording {number}").upload("me.wav", content).run()
        assert "no WAV file" in said(app) or "no sound" in said(app)
        assert "went wrong" not in said(app) and app.selectbox("sound.recording").value == "fox"


def test_a_phrase_that_cannot_be_written_gets_a_sentence():
    app = finished(opened(PAGE, **FEW, **{"sound.phrase": "call 42 <b>"}))
    assert "and not 2 4 < >" in said(app) and "went wrong" not in said(app)
    app = finished(opened(PAGE, **FEW, **{"sound.phrase": "   "}))
    assert "There is no phrase" in said(app) and "hears **your phrase**" in " ".join(one.value for one in app.markdown)
