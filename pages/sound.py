"""Can it hear what nobody says?"""

import streamlit as st

from pages.parts import dials, jobs, learn, show, state, uploads
from pages.parts.calm import apology, calm
from pages.parts.question import written
from vizcore.adversarial import (
    bundled_recording,
    listener_card,
    load_recording,
    open_listener,
    same_loudness,
    spectrograms,
    wav,
    word_errors,
)
from vizcore.adversarial.recordings import LARGEST, RATE, recording_names
from vizcore.adversarial.sound import METHODS
from vizcore.imaging import render

RECORDING, PHRASE, SAID, JOB, KIND = "sound.recording", "sound.phrase", "sound.said", "sound", "recording"
FIRST, COMMAND = "fox", "okay browse to evil dot com"
SEEN = """To you both sounds say the same; the second was changed, sample by sample along the gradient, until the
network hears **{phrase}**. It writes letters, in small print, and a search reads them with the {words} words that the
network was trained on; a phrase with a word that is not among them counts as heard where the letters spell it. The same
change with its samples in an order drawn by chance is noise of the same peak and power. All three spectrograms are on
one scale: time to the right, 0 to 8 kHz upwards, dark from 80 decibels down."""
LETTERS = "letters: {}"


@st.cache_resource(max_entries=32, show_spinner=False)
def recording(name: str, _path=None):
    """A recording that comes along, or the reader's own from the shelf."""
    return load_recording(_path) if _path else bundled_recording(name)


@st.cache_resource(max_entries=64, show_spinner=False)
def reading(name: str, _sound) -> tuple[str, str]:
    """The words and the letters that the network makes of a recording as it is."""
    return open_listener().reading(_sound)


@st.cache_resource(max_entries=64, show_spinner=False)
def noise(question: tuple, step: int, _attack):
    """The recording with noise as loud as the change."""
    return same_loudness(open_listener(), _attack)


def keep(file) -> None:
    """Take in a recording, as the network will hear it, and choose it."""
    sound = load_recording(file)
    mine = uploads.keep(wav(sound), f"{file.name.rpartition('.')[0] or 'recording'}.wav", KIND)
    state.put(RECORDING, mine.name)


def called(name: str) -> str:
    """What a recording is called in the list."""
    return own[name].called if name in own else name


def own_recording() -> None:
    """The place to drop or to make a recording."""
    with st.popover("Your own recording", type="tertiary"):
        uploads.uploader("A WAV file, up to 12 seconds", key="recording", take=keep, type=["wav"],
                         max_upload_size=LARGEST >> 20)  # fmt: skip
        uploads.uploader("Or say something", key="microphone", take=keep, draw=st.audio_input, sample_rate=RATE)
        known = len(open_listener().words)
        st.caption(f"It stays in this session. The network knows synthetic voices and {known} English words.")


def understood(text: str, letters: str) -> None:
    """How well the reader's own recording is understood, once it is known what was said."""
    said = st.text_input("what you said, to count its errors", key=SAID, max_chars=200).lower().split()
    if said:
        wrong = word_errors(" ".join(said), text)
        heard, spelled = (show.plain(each) or "nothing" for each in (text, letters))
        st.caption(f"It hears {heard}, from the letters {spelled}: {wrong} errors in {len(said)} words.")


def draw(frame) -> None:
    """What is heard so far, the three spectrograms and, at the end, all sounds to play."""
    attack, over = frame.picture, not jobs.running(JOB).going
    sounds = [
        ("Before", attack.heard[0], attack.letters[0], attack.before),
        ("After", attack.heard[1], attack.letters[1], attack.after),
    ]
    if over:
        control = noise(question, attack.gradients, attack)
        sounds.append(("With noise as loud", control.heard[1], control.letters[1], control.after))
        if not attack.success:
            apology(f"Not within {frame.step} steps: it hears {attack.heard[1] or 'nothing'}. More steps or a louder "
                    "change may do it, or a phrase that is as long as what was said.")  # fmt: skip
    for column, (title, heard, letters, sound) in zip(st.columns(3, gap="large"), sounds, strict=False):
        with column:
            show.says(title, heard or "nothing")
            st.caption(LETTERS.format(show.plain(letters) or "none"))
            if over:
                st.audio(wav(sound), format="audio/wav")
                st.download_button(
                    "WAV", wav(sound), f"{title.lower()}.wav", "audio/wav", key=f"wav {title}", type="tertiary",
                    on_click="ignore",
                )  # fmt: skip
    show.row(spectrograms(attack), ["before", "after", "the change"], width=306, pixels=False, alt="spectrogram")
    show.numbers(
        {
            "peak of the change": (f"{attack.decibels:.1f}".replace("-", "−"), "dB"),
            "its power": (f"{attack.loudness:.1f}".replace("-", "−"), "dB"),
            "length": (f"{len(attack.before) / RATE:.1f}", "s"),
            "gradients": attack.gradients,
        }
    )


show.question("Can it hear what nobody says?", "Sound: a speech network writes down a phrase that only it can hear")
own = uploads.own(KIND)
with dials.row():
    chosen = dials.choose("recording", [*recording_names(), *own], key=RECORDING, default=FIRST, format=called)
    phrase = st.text_input("make it hear", COMMAND, key=PHRASE, max_chars=120, bind="query-params")
    method = dials.method(METHODS, key="sound.method")
    turned = dials.draw(method)
    own_recording()

with calm():
    sound = recording(chosen, own[chosen].path if chosen in own else None)
    if chosen in own:
        understood(*reading(chosen, sound))
    question = (method.name, chosen, phrase, *turned.items())
    frames = method.frames(open_listener(), sound, phrase, **turned)
    job = jobs.ask(JOB, question, lambda: frames, patience=1.0)
    jobs.answer(JOB, draw, what=phrase)
    attack, card = job.latest and job.latest.picture, listener_card()
    wrong, bare, letters = (
        show.percent(card[f"{measure}, unseen voices"])
        for measure in ("word error rate", "word error rate of the bare letters", "letter error rate")
    )
    st.caption(
        f"On voices and sentences that it never heard, {wrong} of the words are wrong; the search knows all words that "
        f"can be said. Without it {bare} of them would be, as {letters} of the letters are."
    )
    opening = f"load_recording({own[chosen].called!r})" if chosen in own else f"bundled_recording({chosen!r})"
    given = ", ".join(["open_listener()", "sound", repr(phrase), *written(turned)])
    learn.below(
        method,
        seen=SEEN.format(phrase=show.plain(phrase.strip()) or "your phrase", words=len(open_listener().words)),
        tries=[
            learn.Try("A voice and a sentence that it never heard", session={RECORDING: "number"}),
            learn.Try("A hundredth of the sound: 40 decibels below", method=method, dials={"decibels": -40}),
            learn.Try("Make it hear your own words", session={PHRASE: "never open the door"}),
        ],
        picture=attack and (lambda: render.grid(spectrograms(attack), 1, gap=4, ground=0.5)),
        data=attack and attack.change,
        snippet=f"""import vizcore
from vizcore.adversarial import {method.name}, bundled_recording, load_recording, open_listener

sound = {opening}
attack = {method.name}({given})
attack.heard, attack.decibels""",
    )
