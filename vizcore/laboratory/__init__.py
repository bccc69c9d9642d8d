"""Laboratory: what if? A network live, cut into, and set beside another."""

from vizcore.laboratory.toolbox import Look, look

__all__ = ["Look", "look"]
