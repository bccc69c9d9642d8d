"""Adversarial: how does it break?"""

from vizcore.adversarial.attacks import Attack, fgsm, pgd, random_signs

__all__ = ["Attack", "fgsm", "pgd", "random_signs"]
