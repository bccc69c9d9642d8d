"""Adversarial: how does it break?"""

from vizcore.adversarial.attacks import Attack, fgsm

__all__ = ["Attack", "fgsm"]
