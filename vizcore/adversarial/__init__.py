"""Adversarial: how does it break?"""

from vizcore.adversarial.apgd import apgd
from vizcore.adversarial.attack import Attack
from vizcore.adversarial.attacks import basic_iterative, fgsm, least_likely, pgd, targeted_ascent
from vizcore.adversarial.auto_attack import auto_attack
from vizcore.adversarial.blackbox import transfer_matrix
from vizcore.adversarial.control import control, random_signs
from vizcore.adversarial.defense import adversarial_training, answers_kept
from vizcore.adversarial.detector import Detection, Found, detect
from vizcore.adversarial.drive import Drive, drive_by
from vizcore.adversarial.fooling import evolve, fool
from vizcore.adversarial.lattice import lasting, repaired
from vizcore.adversarial.leaderboard import leaderboard
from vizcore.adversarial.linear_models import every_other_digit, ten_numbers
from vizcore.adversarial.linearity import decision_regions, score_lines
from vizcore.adversarial.listener import Listener, listener_card, open_listener, word_errors
from vizcore.adversarial.minimum_norm import ddn, deepfool, fmn
from vizcore.adversarial.moons import virtual_adversarial_training
from vizcore.adversarial.overfitting import overfitting_or_linearity
from vizcore.adversarial.patch import patch
from vizcore.adversarial.penalty import carlini_wagner, lbfgs
from vizcore.adversarial.people import fool_people
from vizcore.adversarial.physical import destruction_rates
from vizcore.adversarial.recordings import bundled_recording, bundled_recordings, load_recording, wav
from vizcore.adversarial.road_signs import road_sign
from vizcore.adversarial.sign import Sticker, sticker
from vizcore.adversarial.sound import AudioAttack, audio_adversarial, same_loudness, spectrograms
from vizcore.adversarial.square import square
from vizcore.adversarial.substitute import substitute
from vizcore.adversarial.universal import universal
from vizcore.adversarial.xray import Carrier, XRay, xray

__all__ = [
    "Attack",
    "AudioAttack",
    "Carrier",
    "Detection",
    "Drive",
    "Found",
    "Listener",
    "Sticker",
    "XRay",
    "adversarial_training",
    "answers_kept",
    "apgd",
    "audio_adversarial",
    "auto_attack",
    "basic_iterative",
    "bundled_recording",
    "bundled_recordings",
    "carlini_wagner",
    "control",
    "ddn",
    "decision_regions",
    "deepfool",
    "destruction_rates",
    "detect",
    "drive_by",
    "every_other_digit",
    "evolve",
    "fgsm",
    "fmn",
    "fool",
    "fool_people",
    "lasting",
    "lbfgs",
    "leaderboard",
    "least_likely",
    "listener_card",
    "load_recording",
    "open_listener",
    "overfitting_or_linearity",
    "patch",
    "pgd",
    "random_signs",
    "repaired",
    "road_sign",
    "same_loudness",
    "score_lines",
    "spectrograms",
    "square",
    "sticker",
    "substitute",
    "targeted_ascent",
    "ten_numbers",
    "transfer_matrix",
    "universal",
    "virtual_adversarial_training",
    "wav",
    "word_errors",
    "xray",
]
