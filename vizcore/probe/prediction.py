"""What a network answers, in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """One of a network's answers: the class, its probability, and its score before the softmax.

    Of a network that answers for every pixel, `probability` is the share of pixels where the class wins.

    >>> from vizcore import bundled_image, open_probe
    >>> best, second = open_probe("tiny-vgg").predict(bundled_image("cat"), k=2)
    >>> best.probability > second.probability, best.score > second.score
    (True, True)
    """

    label: str
    index: int
    probability: float
    score: float
