"""How long class visualization takes beside a bare loop and beside lucent: `python -m benchmarks.visualize [NETWORK]`.

All climb the same class on the same network, a canvas of waves of the same side, as many steps of Adam, one view a
step, in one process and in turns. The bare loop is what no engine can do without: paint, view, forward, backward, step.
lucent keeps to the smaller of the two sizes that the others' views have. It brings some thirty packages along that
nothing else here needs, so it is set beside only where somebody has installed it: `pip install torch-lucent==0.1.8
kornia==0.4.1`. Printed are the best of the rounds as a ratio, and what the network itself says of the three clean
pictures.
"""

import importlib.util
import sys
from collections.abc import Callable

import torch

from benchmarks.occlusion import seconds, untouched
from vizcore import Probe, last, open_probe
from vizcore.synthesis.beginnings import generators
from vizcore.synthesis.canvas import fourier, usual_size
from vizcore.synthesis.presets import lucid
from vizcore.synthesis.views import glimpse, seen_size

NETWORK, LABELS, STEPS, ROUNDS, RATE = "efficientnet-lite0", ("king penguin", "goldfish"), 32, 3, 0.05
MOVE, ZOOM, TURN = 0.1, 0.2, 10  # the views of `lucid`, as it opens


def bare(probe: Probe, network: torch.nn.Module, label: int) -> torch.Tensor:
    """The same with torch alone."""
    chance = generators(0, 1)
    waves, paint = fourier(usual_size(probe), chance)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (probe.mean, probe.std))
    waves.requires_grad_()
    optimizer = torch.optim.Adam([waves], RATE)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * min(1, 2 * (1 - step / STEPS))
        seen = seen_size(probe) if 2 * step < STEPS else probe.input_size
        view = glimpse(chance, seen, move=MOVE, zoom=ZOOM, turn=TURN)
        scores = network((view(paint(waves)) - mean) / std)
        loss = scores.logsumexp(1).sum() / 2 - scores[:, label].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return paint(waves).detach()[0]


def lucents(probe: Probe, network: torch.nn.Module, label: int) -> torch.Tensor:
    """The same by lucent: its canvas, and its own usual views."""
    from lucent.optvis import objectives, param, render, transform

    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (probe.mean, probe.std))
    last_layer = [name for name, part in network.named_modules() if isinstance(part, torch.nn.Linear)][-1]
    size = usual_size(probe)
    [picture] = render.render_vis(
        network,
        objectives.channel(last_layer.replace(".", "_"), label),
        lambda: param.image(size),
        thresholds=(STEPS,),
        transforms=[*transform.standard_transforms, lambda pixels: (pixels - mean) / std],
        preprocess=False,
        progress=False,
        show_image=False,
        fixed_image_size=seen_size(probe),
    )
    return torch.from_numpy(picture[0]).permute(2, 0, 1)


def main(name: str) -> None:
    """Time them in turns and print a line each."""
    probe = open_probe(name, device="cpu")
    network = untouched(probe)
    label = next(probe.labels.index(label) for label in LABELS if label in probe.labels)
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "bare loop": lambda: bare(probe, network, label),
        "vizcore": lambda: last(lucid(probe, label, steps=STEPS, seed=0)).picture,
    }
    if importlib.util.find_spec("lucent"):
        ways["lucent"] = lambda: lucents(probe, network, label)
    times, pictures = {way: [] for way in ways}, {}
    for _ in range(ROUNDS):
        for way, paint in ways.items():
            times[way].append(seconds(lambda way=way, paint=paint: pictures.update({way: paint()})))
    print(f"{name}, {probe.labels[label]}, {STEPS} steps, {torch.get_num_threads()} threads")
    for way, found in times.items():
        clean = probe.probabilities(probe.run(probe.prepare(pictures[way])[None])[0])[0, label]
        share = min(found) / min(times["bare loop"])
        print(f"  {way:12}{min(found):7.2f} s   {share:5.2f} x the bare loop   probability {clean:.2f}")


if __name__ == "__main__":
    main(*(sys.argv[1:] or [NETWORK]))
