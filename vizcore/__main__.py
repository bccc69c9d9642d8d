"""The command line: `python -m vizcore fetch | doctor | networks | train | trust`."""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 where it did what was asked.

    >>> main(["doctor", "nothing.pth"])
    nothing.pth cannot be opened: there is no file nothing.pth.
    1
    """
    given = parser().parse_args(arguments)
    try:
        return given.run(given)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
    whole = argparse.ArgumentParser("python -m vizcore", description="ConvScope's library on the command line.")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    networks = commands.add_parser("networks", help="list the networks, their sizes, and which are here")
    networks.set_defaults(run=list_networks)

    fetch = commands.add_parser("fetch", help="bring the official weights of networks to this machine")
    fetch.add_argument("names", nargs="+", metavar="NETWORK", help="resnet18, vgg16, ...")
    fetch.add_argument("--address", help="another server that has the same files")
    fetch.set_defaults(run=fetch_networks)

    doctor = commands.add_parser("doctor", help="say what a weights file holds and what will not work with it")
    doctor.add_argument("file", type=Path)
    doctor.add_argument("--architecture", help="the torchvision architecture the weights are for; else it is found")
    doctor.add_argument("--labels", type=Path, help="the names of the classes: text, one a line, or JSON")
    doctor.set_defaults(run=examine)

    train = commands.add_parser("train", help="train the bundled network anew")
    train.add_argument("name", choices=["tiny-vgg"])
    train.add_argument("--data", type=Path, required=True, help="the folder with the training photographs")
    train.add_argument("--out", type=Path, default=Path("assets/weights"), help="where the weights go")
    train.add_argument("--epochs", type=int, default=47)
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(run=train_network)

    trust = commands.add_parser("trust", help="judge the attribution methods on labelled photographs with boxes")
    trust.add_argument("--data", type=Path, required=True, help="the folder with the photographs")
    trust.add_argument("--network", default="tiny-vgg")
    trust.add_argument("--limit", type=int, default=400, help="at most so many photographs, drawn at random")
    trust.set_defaults(run=judge_methods)
    return whole


def list_networks(given: argparse.Namespace) -> int:
    """Print the zoo as a table."""
    from vizcore.zoo import networks

    for network in networks():
        here = "here" if network.available else f"{network.megabytes:.0f} MB to fetch"
        print(f"{network.name:20} {network.title:20} {network.parameters / 1e6:6.1f} M parameters  {here}")
    return 0


def fetch_networks(given: argparse.Namespace) -> int:
    """Fetch the weights of one network after another, with a bar each."""
    from vizcore.weights import fetch

    for name in given.names:
        bar = sys.stderr.isatty()
        for frame in fetch(name, address=given.address):
            if bar:
                print("\r" + progress(name, frame), end="", file=sys.stderr, flush=True)
        if bar:
            print(file=sys.stderr)
        print(f"{name} is here.")
    return 0


def progress(name: str, frame) -> str:
    """One line that tells how far a download is.

    >>> from vizcore.weights import Received
    >>> progress("resnet18", Received(5_000_000, 20_000_000, 1e6, 15.0))
    'resnet18             [#######                       ]   5.0 of 20.0 MB, 1.0 MB/s, 15 s left   '
    """
    share = min(frame.step / frame.of, 1) if frame.of else 0
    left = f", {frame.seconds_left:.0f} s left" if frame.seconds_left is not None else ""
    amount = f"{frame.step / 1e6:5.1f} of {frame.of / 1e6:.1f} MB, {frame.bytes_per_second / 1e6:.1f} MB/s"
    return f"{name:20} [{'#' * int(30 * share):30}] {amount}{left}   "


def examine(given: argparse.Namespace) -> int:
    """Print what the doctor says of a weights file."""
    from vizcore.doctor import doctor

    diagnosis = doctor(given.file, given.architecture, given.labels)
    print(diagnosis)
    return 0 if diagnosis.healthy else 1


def train_network(given: argparse.Namespace) -> int:
    """Train the bundled network."""
    card = training("tiny_vgg").train(given.data, given.out, given.epochs, given.seed)
    print(f"top-1 {card['top1']:.3f}, top-5 {card['top5']:.3f} after {card['minutes']} minutes; weights in {given.out}")
    return 0


def judge_methods(given: argparse.Namespace) -> int:
    """Print how often each method points at the object, and its areas under deletion and insertion."""
    import torch

    from vizcore.attribution.survey import survey, table
    from vizcore.zoo import open_probe

    photographs, probe = training("photographs").load_photographs(given.data, "val"), open_probe(given.network)
    known = [number for number, label in enumerate(photographs.labels[i] for i in photographs.classes.tolist())
             if label in probe.labels]  # fmt: skip
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[: given.limit]
    chosen = [known[number] for number in order.tolist()]
    labels = [probe.labels.index(photographs.labels[photographs.classes[number]]) for number in chosen]
    images = (probe.prepare(image) for image in photographs.pixels[chosen].float() / 255)
    boxes = photographs.boxes[chosen] + torch.tensor([0, 0, 1, 1])  # the last row and column named are inside
    boxes = boxes * probe.input_size // photographs.pixels.shape[-1]
    standings = {}
    try:
        for frame in survey(probe, torch.stack(list(images)), torch.tensor(labels), boxes):
            standings = frame.detail
    except KeyboardInterrupt:  # what was reached is worth reading
        if not standings:
            raise
    one = next(iter(standings.values()))
    print(f"{one.photographs} photographs, {probe.name}; on {one.small} the object covers less than a quarter")
    print(table(standings))
    return 0


def training(part: str) -> ModuleType:
    """A module of vizcore.training; only training and measuring need the packages of requirements-dev.txt."""
    try:
        return import_module(f"vizcore.training.{part}")
    except ModuleNotFoundError as problem:
        raise ValueError(f"this needs {problem.name}; `pip install -r requirements-dev.txt` brings it.") from problem


if __name__ == "__main__":
    sys.exit(main())
