"""Adversarial: how does it break?"""

from vizcore.adversarial.attacks import Attack, fgsm, pgd, random_signs
from vizcore.adversarial.square import square

__all__ = ["Attack", "fgsm", "pgd", "random_signs", "square"]
