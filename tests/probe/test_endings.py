"""Whatever a network ends in, its probabilities are its own, and its scores are what the softmax reads."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vizcore import last
from vizcore.attribution import deletion, grad_cam, occlusion, saliency
from vizcore.corpora.measures import penultimate
from vizcore.probe.probe import Probe

PIXELS = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "input_size": 16}
IMAGE = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(2))


class Ending(nn.Module):
    """A small classifier that does something to its scores at the end."""

    def __init__(self, ending, classes: int = 3):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, classes)
            self.fc.weight.data *= 3
        self.squash = ending if isinstance(ending, nn.Module) else None
        object.__setattr__(self, "ending", ending)

    def logits(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))

    def forward(self, x):
        return self.ending(self.logits(x))


ONE_OF_MANY = {
    "nn.Softmax": nn.Softmax(1),
    "of the last axis": nn.Softmax(-1),
    "F.softmax": lambda x: F.softmax(x, dim=1),
    "x.softmax": lambda x: x.softmax(1),
    "torch.softmax in double": lambda x: torch.softmax(x, 1).float(),
    "and a dropout": nn.Sequential(nn.Softmax(1), nn.Dropout()),
    "a subclass": type("Mine", (nn.Softmax,), {})(1),
}
WRITTEN_OUT = {
    "written out": lambda x: x.exp() / x.exp().sum(1, keepdim=True),
    "of two, averaged": lambda x: (x.softmax(1) + (x / 2).softmax(1)) / 2,
}


def opened(ending, classes: int = 3) -> tuple[Ending, Probe]:
    network = Ending(ending, classes).eval()
    return network, Probe(network, name="ending", **PIXELS)


@pytest.mark.parametrize("way", [*ONE_OF_MANY, *WRITTEN_OUT])
def test_probabilities_are_not_squashed_twice(way):
    network, probe = opened((ONE_OF_MANY | WRITTEN_OUT)[way])
    told = {one.index: one.probability for one in probe.predict(IMAGE)}
    expected = network(IMAGE[None])[0]
    assert [told[number] for number in range(3)] == pytest.approx(expected.tolist(), abs=1e-5)
    scores, _ = probe.run(IMAGE[None])
    torch.testing.assert_close(scores.softmax(1), probe.probabilities(scores))
    if way in ONE_OF_MANY:
        torch.testing.assert_close(scores, network.logits(IMAGE[None]), rtol=1e-4, atol=1e-5)


def test_a_log_softmax_is_asked_before_it():
    network, probe = opened(nn.LogSoftmax(1))
    torch.testing.assert_close(probe.run(IMAGE[None])[0], network.logits(IMAGE[None]), rtol=1e-4, atol=1e-5)


def test_classes_that_do_not_exclude_one_another_keep_a_sigmoid_each():
    network, probe = opened(nn.Sigmoid())
    scores, _ = probe.run(IMAGE[None])
    torch.testing.assert_close(scores, network.logits(IMAGE[None]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(probe.probabilities(scores), network(IMAGE[None]), rtol=1e-4, atol=1e-5)
    frame = next(occlusion(probe, IMAGE, 1, patch=4))
    assert frame.terms["untouched"] == pytest.approx(network(IMAGE[None])[0, 1].item(), abs=1e-5)


ONE_LOGIT = {
    "as it is": nn.Identity(),
    "nn.Sigmoid": nn.Sigmoid(),
    "torch.sigmoid": torch.sigmoid,
    "in a row": lambda x: x.squeeze(1),
    "in a row, squashed": lambda x: x.flatten().sigmoid(),
    "squeezed": lambda x: x.squeeze(),
}


@pytest.mark.parametrize("way", ONE_LOGIT)
def test_one_logit_is_two_classes_no_and_yes(way):
    network, probe = opened(ONE_LOGIT[way], classes=1)
    assert probe.labels == ("no", "yes")
    yes = network.logits(IMAGE[None]).sigmoid().item()
    told = {one.label: one.probability for one in probe.predict(IMAGE)}
    assert told == pytest.approx({"yes": yes, "no": 1 - yes}, abs=1e-5)
    for unit in (0, 1):
        assert last(occlusion(probe, IMAGE, unit, patch=4)).picture.values.abs().max() > 1e-4
        curve = deletion(probe, IMAGE, unit, saliency(probe, IMAGE, unit), steps=4)
        assert len(curve.values.unique()) > 1
        assert grad_cam(probe, IMAGE, unit, both_signs=True).extent > 0
    assert probe.layer(penultimate(probe)).channels == 4


def test_one_logit_for_every_pixel_is_two_classes_too():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1), nn.Sigmoid()).eval()
    probe = Probe(network, name="mask", **PIXELS)
    logits = network[:3](IMAGE[None])[0, 0]
    expected = logits[logits > 0].sum() / 2
    torch.testing.assert_close(probe.run(IMAGE[None])[0][0, 1], expected, rtol=1e-3, atol=1e-4)
    share = (logits > 0).float().mean().item()
    assert probe.predict(IMAGE, k=1)[0].probability == pytest.approx(max(share, 1 - share))


COMPANY = {
    "nn.BatchNorm2d": nn.BatchNorm2d(4, track_running_stats=False),
    "F.batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "less the others": lambda x: x - x.mean(0, keepdim=True),
    "by the largest of all": lambda x: x / x.max(),
    "by the smallest of all": lambda x: x - x.min(),
}


@pytest.mark.parametrize("way", COMPANY)
def test_a_network_that_answers_by_the_company_is_refused(way):
    class Sociable(Ending):
        def forward(self, x):
            return self.fc((self.squash or self.ending)(self.conv(x)).relu().mean((2, 3)))

    with pytest.raises(ValueError, match=r"in the company of others, as batch norm .*fixed statistics"):
        Probe(Sociable(COMPANY[way]), name="sociable", **PIXELS)


def test_a_label_that_several_classes_share_is_asked_for_by_number():
    probe = Probe(Ending(nn.Identity()), name="birds", labels=("crane", "cat", "crane"), **PIXELS)
    with pytest.raises(ValueError, match="several classes called 'crane', 0 and 2; ask for one by its number"):
        probe.unit("crane")
    assert probe.unit("cat").channel == 1 and probe.unit("scores:2").channel == 2


def test_a_layer_may_be_called_scores_or_hold_a_colon():
    class Named(Ending):
        def __init__(self):
            super().__init__(nn.Identity())
            self.scores = nn.Conv2d(3, 4, 3)
            self.add_module("block:1@2,3", nn.ReLU())

        def forward(self, x):
            return self.fc(getattr(self, "block:1@2,3")(self.scores(x)).mean((2, 3)))

    network = Named().eval()
    probe = Probe(network, name="named", **PIXELS)
    scores, found = probe.run(IMAGE[None], ["scores_", "scores", "block:1@2,3"])
    torch.testing.assert_close(found["scores_"], network.scores(IMAGE[None]), rtol=1e-4, atol=1e-5)
    assert found["scores"].equal(scores) and scores.shape == (1, 3)
    for text in ("block:1@2,3:2", "block:1@2,3:2@4,5"):
        assert str(probe.unit(text)) == text and probe.unit(text).channel == 2
