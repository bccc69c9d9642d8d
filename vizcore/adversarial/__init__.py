"""Adversarial: how does it break?"""

from vizcore.adversarial.attacks import Attack, fgsm, pgd, random_signs
from vizcore.adversarial.blackbox import transfer_matrix
from vizcore.adversarial.defense import adversarial_training, answers_kept
from vizcore.adversarial.fooling import evolve, fool
from vizcore.adversarial.linear_models import every_other_digit, ten_numbers
from vizcore.adversarial.linearity import decision_regions, score_lines
from vizcore.adversarial.patch import patch
from vizcore.adversarial.physical import destruction_rates
from vizcore.adversarial.square import square

__all__ = [
    "Attack",
    "adversarial_training",
    "answers_kept",
    "decision_regions",
    "destruction_rates",
    "every_other_digit",
    "evolve",
    "fgsm",
    "fool",
    "patch",
    "pgd",
    "random_signs",
    "score_lines",
    "square",
    "ten_numbers",
    "transfer_matrix",
]
