"""Transfer: the softmax against scikit-learn's own, and heads that become networks against their closed form."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from vizcore import bundled_image, last, open_probe
from vizcore.probe.probe import Probe
from vizcore.representation import build_index, learning_curves, linear_probe, open_corpus, untrained
from vizcore.representation.transfer import split
from vizcore.zoo.doctor import doctor
from vizcore.zoo.transfer_head import head_file, with_head

FEATURES, CLASSES = load_digits(return_X_y=True)


def head_of(layer: str, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Any head on a layer of the bundled network."""
    generator = torch.Generator().manual_seed(4)
    channels = open_probe("tiny-vgg", device="cpu").layer(layer).channels
    return torch.randn(classes, channels, generator=generator), torch.randn(classes, generator=generator)


def test_the_softmax_is_scikit_learns_on_standardised_features():
    head = linear_probe(FEATURES, CLASSES, each=20, seed=3)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500))
    oracle.fit(FEATURES[head.trained], CLASSES[head.trained])
    assert (oracle.predict(FEATURES[head.tested]) == head.predicted).mean() > 0.995
    scores = torch.from_numpy(FEATURES).float() @ head.weight.T + head.bias
    expected = torch.from_numpy(oracle.predict_proba(FEATURES))
    torch.testing.assert_close(scores.softmax(1).double(), expected, atol=2e-3, rtol=0)


def test_two_classes_answer_with_the_same_probabilities():
    pair = CLASSES < 2
    head = linear_probe(FEATURES[pair], CLASSES[pair], each=10)
    # scikit-learn penalises the one difference of two classes, which is twice the penalty of a softmax of the two.
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=2.0, max_iter=500))
    oracle.fit(FEATURES[pair][head.trained], CLASSES[pair][head.trained])
    scores = torch.from_numpy(FEATURES[pair]).float() @ head.weight.T + head.bias
    expected = torch.from_numpy(oracle.predict_proba(FEATURES[pair]))
    torch.testing.assert_close(scores.softmax(1).double(), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_at_the_stated_minimum_its_gradient_is_nothing(count):
    """Of sum -log softmax(W z + b)[y] + |W|^2 / 2 on standardised z, whatever the number of classes."""
    kept = count > CLASSES
    head = linear_probe(FEATURES[kept], CLASSES[kept], each=20)
    rows = torch.from_numpy(FEATURES[kept][head.trained])
    spread = rows.std(0, correction=0)
    spread[spread < 1e-6] = 1
    wrong = (rows @ head.weight.double().T + head.bias.double()).softmax(1)
    wrong[torch.arange(len(rows)), torch.from_numpy(CLASSES[kept][head.trained])] -= 1
    weight = head.weight.double() * spread
    gradient = wrong.T @ ((rows - rows.mean(0)) / spread) + weight
    assert gradient.norm() < 0.05 * weight.norm()  # with half the penalty it is a half


def test_more_examples_contain_the_fewer_and_all_are_measured_alike():
    few, measured = split(CLASSES, each=3, seed=1)
    many, again = split(CLASSES, each=30, seed=1)
    assert set(few) < set(many)
    assert (measured == again).all()
    assert not set(many) & set(measured)
    assert np.unique(CLASSES[few], return_counts=True)[1].tolist() == [3] * 10
    other, _ = split(CLASSES, each=3, seed=2)
    assert set(other) != set(few)


def test_pictures_without_a_label_are_left_out():
    labels = CLASSES.copy()
    labels[::2] = -1
    learned, measured = split(labels)
    assert (labels[learned] >= 0).all()
    assert (labels[measured] >= 0).all()
    assert len(learned) + len(measured) == (labels >= 0).sum()


def test_what_is_damaged_inside_is_neither_learned_from_nor_measured(probe, folder):
    file = folder / "red" / "3.png"
    whole = file.read_bytes()
    place = whole.index(b"IDAT") + 8
    file.write_bytes(whole[:place] + bytes(12) + whole[place + 12 :])
    index = last(build_index(probe, open_corpus(folder))).picture
    [spoiled] = [number for number in range(index.done) if index.predicted[number] < 0]
    assert index.corpus.classes[spoiled] >= 0 and not index.features()[spoiled].any()
    head = linear_probe(index.features(), index.classes)
    assert spoiled not in {*head.trained, *head.tested} and len(head.trained) + len(head.tested) == index.done - 1


def test_the_confusions_add_up_and_open_their_pictures():
    head = linear_probe(FEATURES, CLASSES, each=2)
    assert head.confusion.sum() == len(head.tested)
    assert head.confusion.trace() / len(head.tested) == pytest.approx(head.accuracy)
    truth, called = head.worst
    assert truth != called
    numbers = head.called(truth, called)
    assert len(numbers) == head.confusion[truth, called]
    assert (CLASSES[numbers] == truth).all()


def test_a_class_that_never_occurs_is_never_the_answer():
    sparse = np.where(CLASSES == 5, 12, CLASSES)
    head = linear_probe(FEATURES, sparse, each=10)
    assert head.weight.shape == (13, 64)
    assert not set(head.predicted) & {5, 10, 11}


@pytest.mark.parametrize(("features", "classes", "words"), [
    ([[0.0], [1.0], [2.0]], [0, 0, 1], "one picture"),
    ([[0.0], [1.0]], [0, 0], "at least two"),
    ([[0.0], [1.0]], [0, 0, 1], "one row a picture"),
    ([[np.nan]] * 4, [0, 0, 1, 1], "not finite"),
    *[([[np.nan if row == place else row] for row in range(8)], [0, 1] * 4, "not finite") for place in range(8)],
])  # fmt: skip
def test_what_cannot_be_learned_is_refused_in_a_sentence(features, classes, words):
    with pytest.raises(ValueError, match=words):
        linear_probe(features, classes)


def test_a_collection_without_labels_is_refused():
    with pytest.raises(ValueError, match="no picture"):
        learning_curves({"pixels": FEATURES}, [-1] * len(FEATURES))


def test_curves_hold_what_single_softmaxes_reach():
    curves = learning_curves({"pixels": FEATURES[:400]}, CLASSES[:400], seed=5)
    assert curves["pixels"][5] == linear_probe(FEATURES[:400], CLASSES[:400], each=5, seed=5).accuracy


@pytest.mark.parametrize("layer", ["conv1.relu", "conv3.conv", "conv6.relu"])
def test_a_network_with_a_new_head_answers_by_the_mean_of_its_layer(layer, tmp_path):
    probe, (weight, bias) = open_probe("tiny-vgg", device="cpu"), head_of(layer)
    file = tmp_path / "new.safetensors"
    file.write_bytes(head_file(probe, layer, weight, bias, ("cat", "cup", "car")))
    own, cat = open_probe(file, device="cpu"), bundled_image("cat")
    pixels = probe.prepare(cat)[None]
    _, found = probe.run(pixels, [layer])
    scores, again = own.run(pixels, [layer])
    torch.testing.assert_close(again[layer], found[layer])
    torch.testing.assert_close(scores, found[layer].mean((2, 3)) @ weight.T + bias, rtol=1e-4, atol=1e-4)
    assert own.labels == ("cat", "cup", "car")
    assert doctor(file).healthy


class Tokens(nn.Module):
    """Patches in a row behind a class token, or maps with their channels last."""

    def __init__(self, tokens: bool):
        super().__init__()
        self.tokens = tokens
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.start = nn.Parameter(torch.ones(1, 1, 6))
        self.mix = nn.Linear(6, 6)
        self.answer = nn.Linear(6, 2)

    def forward(self, pixels):
        maps = self.patches(pixels)
        if self.tokens:
            row = torch.cat([self.start.expand(maps.shape[0], -1, -1), maps.flatten(2).transpose(1, 2)], 1)
            return self.answer(self.mix(row)[:, 0])
        return self.answer(self.mix(maps.permute(0, 2, 3, 1)).mean((1, 2)))


@pytest.mark.parametrize("tokens", [True, False])
def test_heads_also_read_tokens_and_maps_with_their_channels_last(tokens):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        probe = Probe(Tokens(tokens), name="tokens", input_size=16, device="cpu")
    weight, bias = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), torch.arange(4.0)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    _, found = probe.run(images, ["mix"])
    maps = probe.layer("mix").maps(found["mix"])
    network = with_head(probe, "mix", weight, bias)
    torch.testing.assert_close(network(probe.normalised(images)), maps.mean((2, 3)) @ weight.T + bias)


def altered(**notes: str) -> bytes:
    """A head file with other notes."""
    probe, (weight, bias) = open_probe("tiny-vgg", device="cpu"), head_of("conv3.relu")
    right = {"transferred from": "tiny-vgg", "digest": probe.digest, "layer": "conv3.relu", "labels": json.dumps(["a"])}
    return save({"head.weight": weight, "head.bias": bias}, right | notes)


@pytest.mark.parametrize(("content", "words"), [
    (lambda: altered(**{"transferred from": "/etc/passwd"}), "not known here"),
    (lambda: altered(digest="0000"), "other weights of tiny-vgg"),
    (lambda: altered(layer="conv9"), "no layer 'conv9'"),
    (lambda: altered(layer="conv1.relu"), "does not fit the 48 channels"),
    (lambda: save({"head.weight": torch.full((2, 96), torch.nan), "head.bias": torch.zeros(2)},
                  {"transferred from": "tiny-vgg", "digest": open_probe("tiny-vgg").digest, "layer": "conv3.relu"}),
     "not finite"),
    (lambda: save({"other": torch.zeros(2)},
                  {"transferred from": "tiny-vgg", "digest": open_probe("tiny-vgg").digest, "layer": "conv3.relu"}),
     "one weight and one bias"),
])  # fmt: skip
def test_a_head_that_does_not_fit_is_refused_in_a_sentence(content, words, tmp_path):
    file = tmp_path / "head.safetensors"
    file.write_bytes(content())
    with pytest.raises(ValueError, match=words):
        open_probe(file)


def test_the_untrained_network_is_drawn_anew_and_the_trained_one_left_alone():
    probe = open_probe("tiny-vgg", device="cpu")
    before = probe.digest
    fresh, again, other = untrained(probe), untrained(probe), untrained(probe, seed=1)
    assert fresh.digest == again.digest
    assert len({fresh.digest, other.digest, before}) == 3
    assert probe.digest == before
    weight = fresh.weight("conv4.conv")
    assert weight.std().item() == pytest.approx((2 / weight[0].numel()) ** 0.5, rel=0.02)


def test_what_scales_a_branch_leaves_it_in_the_untrained_network():
    """As in ConvNeXt and CaiT, which multiply every branch by a `gamma` of its own before they add it."""

    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.look, self.gamma = nn.Conv2d(3, 3, 3, padding=1), nn.Parameter(torch.full((3,), 1e-6))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images + self.look(images) * self.gamma.view(-1, 1, 1)

    network = nn.Sequential(Branch(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    fresh = untrained(Probe(network, name="branched", input_size=8))
    pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert (fresh.run(pictures)[0] - pictures.mean((2, 3))).abs().max() > 0.01
    assert not fresh.network[0].look.bias.any()


def test_digits_are_read_off_the_trained_network_better_than_off_one_that_never_learned():
    """Halfway up, where the page cuts at first; at the very top random features serve digits as well."""
    corpus, layer = open_corpus("digits").some(900), "conv3.relu"
    pictures = [corpus[number] for number in range(len(corpus))]

    def accuracy(probe: Probe) -> float:
        batches = torch.stack([probe.prepare(picture) for picture in pictures]).split(256)
        maps = [probe.run(batch, [layer], scores=False)[1][layer].mean((2, 3)) for batch in batches]
        heads = [linear_probe(torch.cat(maps), corpus.classes, each=50, seed=seed) for seed in range(3)]
        return sum(head.accuracy for head in heads) / len(heads)

    trained = open_probe("tiny-vgg", device="cpu")
    learned = accuracy(trained)
    assert learned > 0.95
    for seed in range(2):
        assert learned > accuracy(untrained(trained, seed=seed)) + 0.015
