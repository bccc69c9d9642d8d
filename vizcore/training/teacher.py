"""What a large network thinks of the training photographs: softer answers than a label, for small networks to learn."""

from pathlib import Path

import torch
import torch.nn.functional as F

from vizcore.training.photographs import Photographs

TEACHER, SIDE = "efficientnet-lite0", 160  # at 160 pixels it takes half the time that it takes at 224


@torch.no_grad()
def teacher_answers(photographs: Photographs, file: Path, device: torch.device) -> torch.Tensor:
    """The teacher's probabilities of these classes alone for every photograph and its mirror image: (2, N, classes).

    They are kept in `file`, so that a second network or a run that goes on need not ask again.
    """
    if file.is_file():
        return torch.load(file, weights_only=True).float()
    from vizcore.zoo import open_probe

    probe = open_probe(TEACHER, device=str(device))
    columns = torch.tensor([probe.labels.index(label) for label in photographs.labels], device=probe.device)
    answers = []
    for batch in photographs.pixels.split(64):
        images = F.interpolate(batch.float() / 255, (SIDE, SIDE), mode="bicubic", align_corners=False).clamp(0, 1)
        both = [probe.run(view)[0][:, columns].softmax(1) for view in (images, images.flip(3))]
        answers.append(torch.stack(both).half().cpu())
    found = torch.cat(answers, 1)
    torch.save(found, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)
    return found.float()
