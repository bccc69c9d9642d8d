"""Synthesis: what does it want to see?"""

from vizcore.synthesis.visualize import visualize

__all__ = ["visualize"]
