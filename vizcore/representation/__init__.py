"""Representation: what does the network consider alike?"""

from vizcore.representation.neighbors import codes, similarity

__all__ = ["codes", "similarity"]
