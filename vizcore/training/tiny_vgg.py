"""How the bundled network was made: `python -m vizcore train tiny-vgg --data FOLDER`.

The recipe: Nesterov momentum, one learning-rate cycle, pictures that grow from 48 to 64
pixels along the way (cheap early epochs, and a lesson in scale). A stopped run goes on
where its last whole epoch ended.
"""

import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vizcore.tiny_vgg import MEAN, STD, TinyVGG
from vizcore.training.photographs import Photographs, augment, load_photographs

WIDTHS = (48, 48, 96, 96, 192, 256)
SNAPSHOTS = (0, 1, 2, 4, 8, 12, 18, 24)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1] to what the bare network takes, in the memory layout that is fastest on a CPU."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def strength(epoch: int, epochs: int) -> float:
    """How far the training pictures are changed: gently in the last fifth, when the network settles on what is real."""
    return 1.0 if epoch < 0.8 * epochs else 0.4


def picture_size(epoch: int, epochs: int) -> int:
    """Side of the training pictures: small at first, the full 64 pixels for the last third."""
    return 48 if epoch < 0.4 * epochs else 56 if epoch < 0.7 * epochs else 64


@torch.no_grad()
def evaluate(network: TinyVGG, photographs: Photographs) -> dict:
    """Top-1, top-5 and the most frequent confusions on photographs the network has not seen."""
    network.eval()
    batches = photographs.pixels.split(256)
    scores = torch.cat([network(normalise(batch.float() / 255)) for batch in batches])
    best = scores.topk(5).indices
    hits = best == photographs.classes[:, None]
    pairs = torch.stack([photographs.classes, best[:, 0]], 1)[~hits[:, 0]]
    confused, counts = pairs.unique(dim=0, return_counts=True)
    worst = counts.argsort(descending=True)[:10]
    name = photographs.labels
    confusions = [[name[confused[i][0]], name[confused[i][1]], int(counts[i])] for i in worst]
    top1, top5 = hits[:, 0].float().mean().item(), hits.any(1).float().mean().item()
    return {"top1": round(top1, 4), "top5": round(top5, 4), "confusions": confusions}


def save(network: TinyVGG, labels: tuple[str, ...], path: Path) -> None:
    """Write the weights in half precision, with the labels in the file's own metadata."""
    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, {"labels": json.dumps(labels), "architecture": "tiny-vgg"})


def train(data: Path, out: Path, epochs: int = 28, seed: int = 0) -> dict:
    """Train `tiny-vgg` from scratch and write its weights, snapshots and card below `out`."""
    torch.manual_seed(seed)
    training, held_out = load_photographs(data, "train"), load_photographs(data, "val")
    network = TinyVGG(len(training.labels), WIDTHS).to(memory_format=torch.channels_last)
    norms = [value for name, value in network.named_parameters() if value.ndim == 1]
    weights = [value for name, value in network.named_parameters() if value.ndim > 1]
    groups = [{"params": weights, "weight_decay": 5e-4}, {"params": norms, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    per_epoch = len(training.pixels) // 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=epochs * per_epoch + 1, pct_start=0.2)
    history, start, seconds = [], 0, 0.0

    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start, seconds, history = state["epoch"], state["seconds"], json.loads(state["history"])
    else:
        save(network, training.labels, out / "tiny-vgg-epoch-00.safetensors")

    for epoch in range(start, epochs):
        began, losses = time.perf_counter(), []
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        order = torch.randperm(len(training.pixels), generator=generator)
        network.train()
        for batch in order.split(64)[:per_epoch]:
            images = augment(training.pixels[batch], picture_size(epoch, epochs), strength(epoch, epochs), generator)
            loss = F.cross_entropy(network(normalise(images)), training.classes[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        seconds += time.perf_counter() - began
        report = evaluate(network, held_out)
        history.append(
            {
                "epoch": epoch + 1,
                "loss": round(sum(losses) / len(losses), 4),
                "top1": report["top1"],
                "top5": report["top5"],
            }
        )
        print(json.dumps({**history[-1], "minutes": round(seconds / 60, 1)}), flush=True)
        if epoch + 1 in SNAPSHOTS:
            save(network, training.labels, out / f"tiny-vgg-epoch-{epoch + 1:02d}.safetensors")
        state = {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
        }
        torch.save(
            {**state, "epoch": epoch + 1, "seconds": seconds, "history": json.dumps(history)},
            checkpoint.with_suffix(".new"),
        )
        checkpoint.with_suffix(".new").replace(checkpoint)

    save(network, training.labels, out / "tiny-vgg.safetensors")
    card = {
        "name": "tiny-vgg",
        "data": f"{len(training.pixels)} photographs of 64 x 64 pixels in {len(training.labels)} classes, "
        "from Tiny ImageNet and the ImageNet samples",
        "recipe": "SGD with Nesterov momentum 0.9, one cycle to 0.1, weight decay 5e-4, batch 64, "
        "pictures growing from 48 to 64 pixels, zoom, mirror, grey and colour shifts, "
        "gentler in the last fifth",
        "widths": list(WIDTHS), "epochs": epochs, "seed": seed, "minutes": round(seconds / 60, 1),
        **evaluate(network, held_out), "history": history, "labels": list(training.labels),
    }  # fmt: skip
    (out / "tiny-vgg.json").write_text(json.dumps(card, indent=1) + "\n")
    return card
