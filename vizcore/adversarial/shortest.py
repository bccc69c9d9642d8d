"""Shortest: the least change so far that fooled, and whether a search still makes it shorter."""

import torch

GAIN = 0.01  # of the size; a search that gains no more than this
PATIENCE = 0.1  # in so many of all steps is over


class Shortest:
    """The shortest change that fooled so far, of each of N pictures: the `pictures` with it, and its `size` (N,).

    Until something fooled, a picture is as it came and its size infinite. A search that gains less than `gain`, a
    share of the size, will soon be over.

    >>> grey = torch.full((1, 3, 1, 1), 0.5)
    >>> found, one = Shortest(grey, steps=20), torch.tensor([0])
    >>> for step, change in enumerate([0.3, 0.2, 0.1999, 0.1998]):
    ...     found.keep(one, grey + change, torch.tensor([change]), torch.tensor([True]))
    ...     print(found.ongoing(one, step).item())
    True
    True
    True
    False
    """

    def __init__(self, images: torch.Tensor, steps: int, gain: float = GAIN):
        self.pictures, self.size = images.clone(), torch.full((len(images),), torch.inf)
        self.patience, self.gain = max(2, round(PATIENCE * steps)), gain
        self.again()

    def again(self) -> None:
        """Begin another search from what was found."""
        self.mark, self.gained = self.size.clone(), torch.zeros(len(self.size), dtype=torch.long)

    def keep(self, among: torch.Tensor, pixels: torch.Tensor, size: torch.Tensor, reached: torch.Tensor) -> None:
        """Take in the pictures `among` all, (n,), as they are now, how large their changes are, and which fool."""
        better = reached & (size < self.size[among])
        self.pictures[among[better]], self.size[among[better]] = pixels[better], size[better]

    def ongoing(self, among: torch.Tensor, step: int) -> torch.Tensor:
        """Whose search goes on after this step, (n,): nothing fooled yet, or lately something notably shorter."""
        size = self.size[among]
        notably = among[size < (1 - self.gain) * self.mark[among]]
        self.mark[notably], self.gained[notably] = self.size[notably], step
        return size.isinf() | (size > 0) & (step - self.gained[among] < self.patience)

    @property
    def terms(self) -> dict[str, float]:
        """What a frame tells: how many pictures were fooled so far, and the median size of their changes."""
        found = self.size[self.size.isfinite()]
        return {"fooled": len(found)} | ({"median size": found.median().item()} if len(found) else {})
