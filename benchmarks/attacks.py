"""Our attacks beside those of foolbox and torchattacks: `python -m benchmarks.attacks [--pictures N] [--network NAME]`.

The same network, pictures, epsilon and steps for each; the pictures are cut-outs of the gallery that the network has
an answer to, and the answer is to be taken away. A line an attack: how many pictures are fooled before rounding, the
median size of the change, how often the network was shown an average picture, and two ratios to ours: time of the
processor, which other programs disturb less, and time by the clock; with `--repeats` the least of so many runs, which
take turns. foolbox is among the requirements for development. torchattacks asks for an older `requests` than Streamlit,
so it is set beside only where somebody has installed it with `pip install --no-deps torchattacks==3.5.1`.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import foolbox
import torch
from torch import nn

from vizcore import Probe, bundled_images, open_probe
from vizcore.adversarial import Attack, carlini_wagner, ddn, deepfool, fgsm, fmn, pgd
from vizcore.adversarial.norms import sizes

EPSILON, STEPS, SEARCHES = 2 / 255, 20, 5
TANH_STEP = 0.01  # of Carlini-Wagner, where the peers step in the space of the tanh
Images = torch.Tensor


class Counting:
    """A probe that counts the pictures that it is shown."""

    def __init__(self, probe: Probe):
        self.probe, self.shown = probe, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.probe, name)

    def run(self, pixels: Images, *asked: Any, **named: Any) -> tuple:
        self.shown += len(pixels)
        return self.probe.run(pixels, *asked, **named)


class Scores(nn.Module):
    """A probe as the peers take networks."""

    def __init__(self, probe: Counting):
        super().__init__()
        self.probe = probe
        self.eval()

    def forward(self, pixels: Images) -> torch.Tensor:
        return self.probe.run(pixels)[0]


def cut_outs(probe: Probe, count: int) -> Images:
    """Pictures of the gallery and quarters of them, each as the network takes pictures."""
    whole = list(bundled_images().values())
    quarters = [
        quarter
        for down in (0, 1)
        for across in (0, 1)
        for image in whole
        for quarter in [image.chunk(2, 1)[down].chunk(2, 2)[across]]
    ]
    return torch.stack([probe.prepare(image) for image in [*whole, *quarters][:count]])


def ours(probe: Probe, images: Images, labels: torch.Tensor) -> dict[str, tuple[str, Callable[[], Attack]]]:
    """Every attack that a peer has as well, and the norm that it is measured in."""
    asked = probe, images, labels
    same_step = TANH_STEP * (2 * images * (1 - images)).mean().item()  # what it comes to in pixels, on average
    return {
        "FGSM": ("Linf", lambda: fgsm(*asked, epsilon=EPSILON)),
        "PGD": ("Linf", lambda: pgd(*asked, epsilon=EPSILON, steps=STEPS)),
        "DeepFool": ("L2", lambda: deepfool(*asked, steps=STEPS)),
        "DDN": ("L2", lambda: ddn(*asked, steps=STEPS, rounding=False)),
        "FMN L2": ("L2", lambda: fmn(*asked, steps=STEPS)),
        "FMN Linf": ("Linf", lambda: fmn(*asked, steps=STEPS, norm="Linf")),
        "Carlini-Wagner": ("L2", lambda: carlini_wagner(*asked, searches=SEARCHES, steps=STEPS, step_size=same_step)),
    }


def foolboxs(model: Scores, images: Images, labels: torch.Tensor) -> dict[str, Callable[[], Images]]:
    """The same of foolbox."""
    wrapped, attacks = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), foolbox.attacks
    made = {
        "FGSM": attacks.LinfFastGradientAttack(),
        "PGD": attacks.LinfPGD(rel_stepsize=0.25, steps=STEPS, random_start=False),
        "DeepFool": attacks.L2DeepFoolAttack(steps=STEPS, candidates=10),
        "DDN": attacks.DDNAttack(steps=STEPS),
        "FMN L2": attacks.L2FMNAttack(steps=STEPS),
        "FMN Linf": attacks.LInfFMNAttack(steps=STEPS),
        "Carlini-Wagner": attacks.L2CarliniWagnerAttack(binary_search_steps=SEARCHES, steps=STEPS, stepsize=TANH_STEP),
    }
    epsilons = {"FGSM": EPSILON, "PGD": EPSILON}
    return {
        name: lambda name=name, attack=attack: attack(wrapped, images, labels, epsilons=epsilons.get(name))[0]
        for name, attack in made.items()
    }


def torchattackss(model: Scores, images: Images, labels: torch.Tensor) -> dict[str, Callable[[], Images]]:
    """The same of torchattacks, where it is installed."""
    if not importlib.util.find_spec("torchattacks"):
        return {}
    import torchattacks

    made = {
        "FGSM": torchattacks.FGSM(model, eps=EPSILON),
        "PGD": torchattacks.PGD(model, eps=EPSILON, alpha=EPSILON / 4, steps=STEPS, random_start=False),
        "DeepFool": torchattacks.DeepFool(model, steps=STEPS),
        "Carlini-Wagner": torchattacks.CW(model, c=1, steps=STEPS * SEARCHES, lr=TANH_STEP),
    }
    for attack in made.values():
        attack.set_device("cpu")
    return {name: lambda attack=attack: attack(images, labels) for name, attack in made.items()}


def measured(probe: Counting, images: Images, labels: torch.Tensor, norm: str, attack: Callable) -> tuple:
    """What an attack made; how many are fooled before rounding, their median size, how often an average picture was
    shown; and the seconds of the processor and by the clock."""
    probe.shown, began, clock = 0, time.process_time(), time.perf_counter()
    made = attack()
    seconds, queries = (time.process_time() - began, time.perf_counter() - clock), probe.shown / len(images)
    made = (made.images if isinstance(made, Attack) else made).detach()
    fooled = probe.run(made)[0].argmax(1) != labels
    size = sizes((made - images)[fooled], norm).median().item() if fooled.any() else float("nan")
    return made, (int(fooled.sum()), size, queries), seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every attack of ours and of the peers, a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="tiny-vgg")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--attacks", nargs="+", metavar="NAME", help="some of them, as they are called there; else all")
    given = parser.parse_args(arguments)
    probe = Counting(open_probe(given.network, device="cpu"))
    images = cut_outs(probe, given.pictures)
    labels, model = probe.run(images)[0].argmax(1), Scores(probe)
    peers = {"foolbox": foolboxs(model, images, labels), "torchattacks": torchattackss(model, images, labels)}
    print(f"{probe.name}, {len(images)} pictures, epsilon {EPSILON * 255:.0f}/255, {STEPS} steps, "
          f"{torch.get_num_threads()} threads")  # fmt: skip
    print(f"{'':16}{'':14}{'fooled':>8}{'median':>10}{'shown':>8}{'processor':>11}{'clock':>7}   furthest from ours")
    for name, (norm, attack) in ours(probe, images, labels).items():
        if given.attacks and name not in given.attacks:
            continue
        contest = {"ours": attack} | {peer: attacks[name] for peer, attacks in peers.items() if name in attacks}
        turns = [
            {who: measured(probe, images, labels, norm, one) for who, one in contest.items()}
            for _ in range(given.repeats)
        ]
        least = {who: [min(turn[who][2][which] for turn in turns) for which in (0, 1)] for who in contest}
        mine = turns[0]["ours"][0]
        for who in contest:
            made, found, _ = turns[0][who]
            ratios = [its / ours for its, ours in zip(least[who], least["ours"], strict=True)]
            line = "{:16}{:14}{:8}{:10.4f}{:8.1f}{:11.2f}{:7.2f}".format(
                name if who == "ours" else "", who, *found, *ratios
            )
            print(line + ("" if who == "ours" else f"   {(made - mine).abs().max():.1e}"), flush=True)


if __name__ == "__main__":
    main()
