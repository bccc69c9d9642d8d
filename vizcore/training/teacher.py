"""What a larger network would have said of the training photographs: softer answers to learn from than labels.

A label says `tabby` and nothing else; a better network also says how much of a lion there is in the picture (Hinton,
Vinyals and Dean 2015, *Distilling the Knowledge in a Neural Network*). The teacher is EfficientNet-Lite0, which comes
along, with a new softmax for these classes.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from vizcore.training.photographs import Photographs
from vizcore.zoo import open_probe

SIDE = 160  # photographs of 64 pixels are enlarged to this before the teacher sees them
SHARE = 0.6  # of the teacher in what is learned, the rest is the label's
PARTS = 4  # a photograph is judged by a head that learned from the other parts


def features(pixels: torch.Tensor) -> torch.Tensor:
    """What the teacher's last maps say of bytes (N, 3, H, W), averaged over places: (N, 1280)."""
    teacher, found = open_probe("efficientnet-lite0"), []
    for batch in pixels.cpu().split(64):
        images = F.interpolate(batch.float() / 255, size=SIDE, mode="bicubic", align_corners=False).clamp(0, 1)
        found.append(teacher.run(images, ["head.relu"], scores=False)[1]["head.relu"].mean((2, 3)))
    return torch.cat(found)


def head(codes: torch.Tensor, classes: torch.Tensor, count: int, *, decay: float = 1e-4) -> torch.nn.Linear:
    """A softmax regression on codes (N, D), by L-BFGS from zeros."""
    linear = torch.nn.Linear(codes.shape[1], count)
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.zeros_(linear.bias)
    optimiser = torch.optim.LBFGS(linear.parameters(), max_iter=60, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(linear(codes), classes) + decay * linear.weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return linear


def judged(codes: torch.Tensor, classes: torch.Tensor, count: int) -> torch.Tensor:
    """The teacher's probabilities (N, classes), each picture's from a head that never saw it."""
    codes = (codes - codes.mean(0)) / codes.std(0).clamp_min(1e-6)
    part = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0)) % PARTS
    found = torch.zeros(len(codes), count)
    for number in range(PARTS):
        linear = head(codes[part != number], classes[part != number], count)
        with torch.no_grad():
            found[part == number] = linear(codes[part == number]).softmax(1)
    return found


def answers(photographs: Photographs, file: Path) -> torch.Tensor:
    """What is to be learned of each photograph, (N, classes); kept in a file, for it takes minutes."""
    if not len(photographs):
        return torch.zeros(0, 0)
    if file.exists():
        return load_file(file)["answers"].float()
    classes, count = photographs.classes.cpu(), len(photographs.labels)
    said = judged(features(photographs.pixels), classes, count)
    right = (said.argmax(1) == classes).float().mean().item()
    print(f"the teacher is right about {right:.3f} of the photographs that it did not learn from", flush=True)
    found = SHARE * said + (1 - SHARE) * F.one_hot(classes, count)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"answers": found.half()}, file)
    return found
