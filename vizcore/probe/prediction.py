"""What a network answers, in words."""

from dataclasses import dataclass

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

    def _repr_html_(self) -> str:
        row = Markup(
            '<tr><td style="text-align: left">{}</td><td style="text-align: left; width: 12em">'
            '<div style="background: currentColor; opacity: 0.5; height: 0.8em; width: {:.1%}"></div></td>'
            "<td>{:.1%}</td></tr>"
        )
        rows = (row.format(answer.label, answer.probability, answer.probability) for answer in self)
        return Markup("<table>{}</table>").format(Markup().join(rows))
