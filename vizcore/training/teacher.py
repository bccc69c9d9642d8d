"""What a larger network would have said of the training photographs: softer answers to learn from than labels.

A label says `tabby` and nothing else; a better network also says how much of a lion there is in the picture (Hinton,
Vinyals and Dean 2015, *Distilling the Knowledge in a Neural Network*). The teacher is EfficientNet-Lite0, which comes
along, with a new softmax for these classes. Photographs of 64 pixels are enlarged to 192 before it sees them: so it was
right about .81 of photographs held out, at 160 about .79 and at 128 about .75 (heads that learned from 6,000).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from vizcore.training.photographs import Photographs
from vizcore.zoo import open_probe

SIDE = 192  # photographs of 64 pixels are enlarged to this before the teacher sees them
SHARE = 0.6  # of the teacher in what is learned, the rest is the label's
PARTS = 4  # a photograph is judged by a head that learned from the other parts
BATCH = 16  # more at once take longer for each


def features(images: torch.Tensor) -> torch.Tensor:
    """What the teacher's last maps say of images (N, 3, H, W) in [0, 1], averaged over places: (N, 1280)."""
    teacher, found = open_probe("efficientnet-lite0", device=images.device), []
    for batch in images.split(BATCH):
        larger = F.interpolate(batch, size=SIDE, mode="bicubic", align_corners=False).clamp(0, 1)
        found.append(teacher.run(larger, ["head.relu"], scores=False)[1]["head.relu"].mean((2, 3)))
    return torch.cat(found)


def features_of(photographs: Photographs) -> torch.Tensor:
    """The same of whole photographs."""
    return torch.cat([features(pixels.float() / 255) for pixels in photographs.pixels.split(256)])


def head(codes: torch.Tensor, classes: torch.Tensor, count: int, *, decay: float = 5e-3) -> torch.nn.Linear:
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
    return linear.requires_grad_(False)


@dataclass(frozen=True)
class Judge:
    """The teacher's heads for one question, and which of them never saw a photograph."""

    mean: torch.Tensor
    spread: torch.Tensor
    heads: tuple[torch.nn.Linear, ...]
    part: torch.Tensor

    @classmethod
    def of(cls, codes: torch.Tensor, classes: torch.Tensor, count: int) -> "Judge":
        """Heads that learn from codes (N, D), each from all but one of PARTS."""
        mean, spread = codes.mean(0), codes.std(0).clamp_min(1e-6)
        scaled = (codes - mean) / spread
        part = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0)) % PARTS
        learned = [part != number for number in range(PARTS)]
        return cls(mean, spread, tuple(head(scaled[rows], classes[rows], count) for rows in learned), part)

    def said(self, codes: torch.Tensor, photographs: torch.Tensor) -> torch.Tensor:
        """Probabilities (N, classes) from codes of photographs, or of parts of them, by the photographs' numbers."""
        scaled = (codes - self.mean) / self.spread
        found = torch.zeros(len(codes), self.heads[0].out_features)
        for number, linear in enumerate(self.heads):
            rows = self.part[photographs] == number
            found[rows] = linear(scaled[rows]).softmax(1)
        return found


def answers(photographs: Photographs, file: Path) -> torch.Tensor:
    """What is to be learned of each photograph, (N, classes); kept in a file, for it takes minutes."""
    if file.exists():
        return load_file(file)["answers"].float()
    classes, count = photographs.classes.cpu(), len(photographs.labels)
    codes = features_of(photographs).cpu()
    said = Judge.of(codes, classes, count).said(codes, torch.arange(len(codes)))
    right = (said.argmax(1) == classes).float().mean().item()
    print(f"the teacher is right about {right:.3f} of the photographs that it did not learn from", flush=True)
    found = SHARE * said + (1 - SHARE) * F.one_hot(classes, count)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"answers": found.half()}, file)
    return found
