"""What a network answers, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from markupsafe import Markup


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


class Predictions(list[Prediction]):
    """A network's answers, the best first: a list that a notebook shows with bars as long as the probabilities."""

    @classmethod
    def best(
        cls, labels: Sequence[str], probabilities: torch.Tensor, scores: torch.Tensor, k: int = 5
    ) -> "Predictions":
        """The k most probable classes, from the probability and the score of every class: (classes,) each.

        >>> Predictions.best(["cat", "dog"], torch.tensor([0.25, 0.75]), torch.tensor([1.0, 2.0]), k=1)
        [Prediction(label='dog', index=1, probability=0.75, score=2.0)]
        """
        likely, found = probabilities.topk(min(k, len(labels)))
        numbers = zip(found.tolist(), likely.tolist(), scores[found].tolist(), strict=True)
        return cls(Prediction(labels[index], index, probability, score) for index, probability, score in numbers)

    def _repr_html_(self) -> str:
        row = Markup(
            '<tr><td style="text-align: left">{}</td><td style="text-align: left; width: 12em">'
            '<div style="background: currentColor; opacity: 0.5; height: 0.8em; width: {:.1%}"></div></td>'
            "<td>{:.1%}</td></tr>"
        )
        rows = (row.format(answer.label, answer.probability, answer.probability) for answer in self)
        return Markup("<table>{}</table>").format(Markup().join(rows))
