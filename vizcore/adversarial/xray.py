"""X-ray: where in the network a picture and its fooled twin part ways, and which units carry them apart."""

from dataclasses import dataclass

import torch

from vizcore.adversarial.attack import Attack
from vizcore.adversarial.control import control
from vizcore.probe import SCORES, Probe, Unit

TOP = 3  # units named a layer


@dataclass(frozen=True)
class Carrier:
    """A channel that carried a picture towards its new class: its mean activation before and after, and its share.

    The share is of all that the new class gained on the old one; the channels of a layer sum up to about 1.

    >>> Carrier(Unit("conv4.relu", 7), 0.1, 0.9, 0.25).unit.channel
    7
    """

    unit: Unit
    before: float
    after: float
    share: float


@dataclass(frozen=True)
class XRay:
    """Layer by layer, what an attack did inside the network, and what random noise of the same size did there.

    `attack` and `noise` are how far each of the `layers` moved, relative to its length, (L,); `switched` and
    `switched_by_noise` the share of its values that went from zero to more or back, and `carriers` its channels that
    carried most, for every layer in `rectified`.

    >>> XRay(("scores",), torch.ones(1), torch.zeros(1), (), torch.ones(0), torch.ones(0), ()).parting
    'scores'
    """

    layers: tuple[str, ...]
    attack: torch.Tensor
    noise: torch.Tensor
    rectified: tuple[str, ...]
    switched: torch.Tensor
    switched_by_noise: torch.Tensor
    carriers: tuple[tuple[Carrier, ...], ...]

    @property
    def parting(self) -> str | None:
        """The first layer from which on the attack has moved every layer at least twice as far as the noise, if any."""
        apart = (self.attack >= 2 * self.noise).tolist()
        together = [number for number, one in enumerate(apart) if not one]
        first = together[-1] + 1 if together else 0
        return self.layers[first] if first < len(apart) else None


def xray(probe: Probe, attack: Attack, *, seed: int = 0) -> XRay:
    """Follow a picture, its fooled twin and a twin with random noise of the same size through the network.

    The attack's first picture is taken, as it is saved. At every layer |a' - a| / |a| is how far it moved: a small
    change that grows from layer to layer, as Liao et al. 2018 found, where noise of its size fades. What a channel
    carried is its change times the gradient of (new score - old score), the mean of the gradients at both ends, summed
    over its places; by the trapezium rule that adds up, at every layer that all evidence passes, to what was gained.

    >>> from vizcore import bundled_images, open_probe
    >>> from vizcore.adversarial import pgd
    >>> probe = open_probe("tiny-vgg")
    >>> cat = probe.prepare(bundled_images()["cat"])[None]
    >>> attack = pgd(probe, cat, probe.labels.index("tabby"), target=probe.labels.index("koala"), epsilon=2 / 255)
    >>> found = xray(probe, attack)
    >>> bool(found.attack[-1] > 3 * found.noise[-1]), found.carriers[-1][0].unit.layer
    (True, 'conv6.relu')
    """
    behind = probe.behind(SCORES)
    layers = [name for name in probe.layers if name in behind]
    spatial = [name for name in layers if probe.layers[name].spatial]
    rectified = [name for name in probe.rectifiers if name in spatial] or spatial
    if not rectified:
        raise ValueError(f"no layer of {probe.name} keeps places apart, so there are no channels to follow through it.")
    saved, chance = attack.saved[:1], control(probe, attack, seed=seed).saved[:1]
    pictures = torch.cat([attack.before[:1], saved, chance]).requires_grad_()
    scores, found = probe.run(pictures, layers)
    layers = [name for name in layers if len(found[name]) == 3]  # an exported attention lays tokens or heads first
    gained = scores[:2, attack.classes[0]] - scores[:2, attack.classes_before[0]]
    gradients = probe.gradient(gained, [found[layer] for layer in rectified])
    moved = torch.stack([distances(found[layer].detach()) for layer in layers])  # (L, 2)
    maps = {layer: probe.layer(layer).maps(found[layer].detach()) for layer in rectified}
    switches = torch.stack([switched(maps[layer]) for layer in rectified])
    total = (gained[1] - gained[0]).item()
    carriers = [
        strongest_carriers(layer, maps[layer], probe.layer(layer).maps(gradient), total)
        for layer, gradient in zip(rectified, gradients, strict=True)
    ]
    return XRay(tuple(layers), *moved.T, tuple(rectified), *switches.T, tuple(carriers))


def distances(activation: torch.Tensor) -> torch.Tensor:
    """How far the second and the third of three activations lie from the first, relative to its length: (2,).

    >>> distances(torch.tensor([[3.0, 4.0], [3.0, 5.0], [0.0, 0.0]]))
    tensor([0.2000, 1.0000])
    """
    first, *others = activation.flatten(1).cpu()
    return torch.stack([(other - first).norm() / first.norm().clamp_min(1e-12) for other in others])


def switched(maps: torch.Tensor) -> torch.Tensor:
    """The share of values that are zero in the first of three maps and not in the second, or the other way: (2,)."""
    on = maps.flatten(1).cpu() > 0
    return torch.stack([(other != on[0]).float().mean() for other in on[1:]])


def strongest_carriers(layer: str, maps: torch.Tensor, gradients: torch.Tensor, total: float) -> tuple[Carrier, ...]:
    """The channels of a layer that carried most from the first maps to the second, (3, C, h, w) each."""
    slope = (gradients[0] + gradients[1]) / 2
    shares = ((maps[1] - maps[0]) * slope).sum((1, 2)).cpu() / (total or 1)
    before, after = (one.mean((1, 2)).tolist() for one in maps[:2])
    best = shares.topk(min(TOP, len(shares))).indices.tolist()
    return tuple(Carrier(Unit(layer, k), before[k], after[k], shares[k].item()) for k in best)
