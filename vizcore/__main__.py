"""The command line: `convscope`, or `python -m vizcore`."""

import argparse
import math
import os
import runpy
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TextIO

from vizcore.folders import project_folder
from vizcore.terminal import at_least_one, computing, counted, progress, shown


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 where it did what was asked.

    >>> main(["doctor", "nothing.pth"])
    nothing.pth cannot be opened: there is no file nothing.pth.
    1
    """
    try:
        try:
            return answered(arguments)
        finally:  # what is left unsaid here, Python would say at its end, and complain if nobody reads
            for stream in streams():
                stream.flush()
    except BrokenPipeError:  # whoever read along has read enough
        for stream in streams():
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 0


def streams() -> list[TextIO]:
    """Where is written to; whoever begins a command may have closed either."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream]


def answered(arguments: list[str] | None) -> int:
    """Run one command; whatever goes wrong is a sentence, and the exit status says so."""
    try:
        given = parser().parse_args(arguments)
        return given.run(given)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    except Exception as problem:
        print(failed(problem), file=sys.stderr)
        return 1


def failed(problem: Exception) -> str:
    """What is said of an error that nobody foresaw; `python -X dev` shows where it happened."""
    from vizcore.zoo import in_words

    if sys.flags.dev_mode:
        raise problem
    kind = f"{type(problem).__name__}: {problem}".partition("\n")[0]
    return in_words(problem) or f"Something went wrong here ({kind}); `python -X dev -m vizcore` shows where."


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
    whole = argparse.ArgumentParser("convscope", description="Look inside a convolutional network.")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    dashboard = commands.add_parser("serve", help="serve the dashboard to browsers on this machine")
    dashboard.add_argument("--port", type=int, default=8501)
    dashboard.add_argument("--public", action="store_true", help="open to the network, without a password")
    dashboard.set_defaults(run=serve)

    networks = commands.add_parser("networks", help="list the networks, their sizes, and which are here")
    networks.set_defaults(run=list_networks)

    fetch = commands.add_parser("fetch", help="bring the official weights of networks to this machine")
    fetch.add_argument("names", nargs="+", metavar="NETWORK", help="resnet18, vgg16, timm/resnet50d, ...")
    fetch.add_argument("--address", help="another server that has the same files")
    fetch.set_defaults(run=fetch_networks)

    index = commands.add_parser("index", help="show a corpus to a network once, and keep what it made of it")
    index.add_argument("--network", default="efficientnet-lite0")
    index.add_argument("--corpus", required=True, help="tiles, digits, cifar10, ..., a folder, a zip or a Parquet file")
    index.add_argument("--layers", nargs="+", metavar="LAYER", help="the layers whose units are indexed; else a few")
    index.add_argument("--engine", choices=["local", "ray"], default="local", help="this machine, or a Ray cluster")
    index.set_defaults(run=index_corpus)

    atlas = commands.add_parser("atlas", help="paint what every unit of a network wants to see, and keep it")
    atlas.add_argument("--network", default="efficientnet-lite0")
    atlas.add_argument("--layers", nargs="+", metavar="LAYER", help="the layers whose units are painted; else stages")
    atlas.add_argument("--out", type=Path, help="where the sheets go; else where the dashboard finds them")
    atlas.set_defaults(run=paint_atlas)

    doctor = commands.add_parser("doctor", help="say what a weights file holds and what will not work with it")
    doctor.add_argument("file", type=Path)
    doctor.add_argument(
        "--architecture", help="what the weights are for, as resnet50 or timm/resnet50d; else it is found"
    )
    doctor.add_argument("--labels", type=Path, help="the names of the classes: text, one a line, or JSON")
    doctor.set_defaults(run=examine)

    train = commands.add_parser("train", help="train one of the project's own networks anew")
    train.add_argument("name", choices=["tiny-vgg", "tiny-vgg-robust", "speech", "styles", "decoders"])
    train.add_argument("--data", type=Path, required=True, help="the folder of the photographs, or to keep speech in")
    train.add_argument("--out", type=Path, help="where the weights go; else below assets")
    train.add_argument("--minutes", type=float, default=120, help="how long; what is learned depends on it")
    train.add_argument("--device", type=computing, default="cpu", help="cpu or cuda")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--start", type=Path, help="weights to begin with, for speech, or to go on from, for tiny-vgg")
    train.set_defaults(run=train_network)

    trust = commands.add_parser("trust", help="judge the attribution methods on labelled photographs with boxes")
    trust.add_argument("--data", type=Path, required=True, help="the folder with the photographs")
    trust.add_argument("--network", default="tiny-vgg")
    trust.add_argument("--limit", type=at_least_one, default=400, help="at most so many photographs, drawn at random")
    trust.set_defaults(run=judge_methods)

    measure = commands.add_parser("measure", help="how often a twin is right, also under attack")
    measure.add_argument("--data", type=Path, required=True, help="the folder with the photographs")
    measure.add_argument("--network", default="tiny-vgg-robust", help="a network of the same 64 classes")
    measure.add_argument("--limit", type=at_least_one, help="at most so many photographs, drawn at random")
    measure.add_argument("--card", type=Path, help="a card to write what was measured into")
    measure.set_defaults(run=measure_network)

    neighbors = commands.add_parser("neighbors", help="say how often a picture's neighbours carry its label")
    neighbors.add_argument("--network", default="tiny-vgg")
    neighbors.add_argument("--corpus", default="digits", help="digits, tiles, a folder, a zip or a Parquet file")
    neighbors.add_argument("--k", type=int, default=5, help="neighbours of each picture that are counted")
    neighbors.set_defaults(run=count_agreement)
    return whole


def serve(given: argparse.Namespace) -> int:
    """Serve the dashboard until it is stopped: streamlit's own command, in this process."""
    options = [f"--server.port={given.port}", *(["--server.address=0.0.0.0"] if given.public else [])]
    sys.argv = ["streamlit", "run", str(project_folder() / "app.py"), *options]
    runpy.run_module("streamlit", run_name="__main__")
    return 0


def list_networks(given: argparse.Namespace) -> int:
    """Print the zoo as a table."""
    from vizcore.zoo import networks

    width = max(len(network.title) for network in networks())
    for network in networks():
        here = "here" if network.available else f"{network.megabytes:.0f} MB to fetch"
        print(f"{network.name:20} {network.title:{width}} {network.parameters / 1e6:6.1f} M parameters  {here}")
    return 0


def fetch_networks(given: argparse.Namespace) -> int:
    """Fetch the weights of one network after another, with a bar each."""
    from vizcore.zoo import fetch

    for name in given.names:
        for _ in shown(fetch(name, address=given.address), lambda frame, name=name: progress(name, frame)):
            pass
        print(f"{name} is here.")
    return 0


def index_corpus(given: argparse.Namespace) -> int:
    """Build the index of a network and a corpus, with a bar, and say what is in it."""
    from vizcore.corpora import DATASETS, build_index, fetch_corpus, open_corpus
    from vizcore.zoo import open_probe, plain_label

    probe = open_probe(given.network)
    if given.corpus in DATASETS and not DATASETS[given.corpus].available:
        for _ in shown(fetch_corpus(given.corpus), lambda frame: progress(given.corpus, frame)):
            pass
    for frame in shown(open_corpus.frames(given.corpus), lambda frame: counted(given.corpus, frame)):
        corpus = frame.picture
    for frame in shown(build_index(probe, corpus, layers=given.layers, engine=given.engine),
                       lambda frame: counted(f"{probe.name} on {corpus.name}", frame)):  # fmt: skip
        index = frame.picture
    print(f"{index.done} pictures, {len(index.layers)} layers: {', '.join(index.layers)}")
    for name, reason in [*corpus.skipped, *index.skipped][:20]:
        print(f"skipped {plain_label(name)}: {reason}")
    if len(corpus.skipped) + len(index.skipped) > 20:
        print(f"skipped {len(corpus.skipped) + len(index.skipped)} files in all")
    return 0


def paint_atlas(given: argparse.Namespace) -> int:
    """Paint a picture of every unit, with a bar, and say where they are; begun again, it goes on where it stopped."""
    from vizcore.overview import atlas_layers
    from vizcore.synthesis import build_atlas
    from vizcore.zoo import open_probe

    probe = open_probe(given.network)
    layers = given.layers or atlas_layers(probe)
    for _ in shown(build_atlas(probe, layers=layers, folder=given.out), lambda frame: counted(frame.detail, frame)):
        pass
    print(f"every unit of {', '.join(layers)} is painted.")
    return 0


def examine(given: argparse.Namespace) -> int:
    """Print what the doctor says of a weights file."""
    from vizcore.zoo import doctor

    diagnosis = doctor(given.file, given.architecture, given.labels)
    print(diagnosis)
    return 0 if diagnosis.healthy else 1


def train_network(given: argparse.Namespace) -> int:
    """Train one of the twins, the decoders of the first, the painter, or what hears sentences that espeak-ng speaks."""
    if not 0 < given.minutes < math.inf:
        raise ValueError(f"--minutes is {given.minutes:g}; a training takes some time, so give a number above 0.")
    if given.start and given.name not in ("speech", "tiny-vgg"):
        raise ValueError(f"--start came with {given.name}; speech and tiny-vgg begin with weights, so leave it out.")
    if given.device != "cpu" and given.name in ("speech", "styles"):
        raise ValueError(f"--device came with {given.name}, which is trained on the processor; leave it out.")
    if given.start and not given.start.is_file():
        raise ValueError(f"--start names {given.start}, which is no file; name the weights to begin with.")
    out = given.out or Path("assets", "decoders" if given.name == "decoders" else "weights")
    if given.name == "speech":
        card = training("speech").train(given.data, out, given.minutes, seed=given.seed, start=given.start)
        wrong = card["word error rate, unseen voices"]
        print(f"{wrong:.1%} of words wrong in voices never heard, after {card['minutes']} minutes; in {out}")
        return 0
    if given.name == "styles":
        card = training("styles").train(given.data, out, given.minutes, seed=given.seed)
        print(f"{card['steps']} steps in {card['minutes']} minutes; weights in {out}")
        return 0
    if given.name == "decoders":
        cards = training("decoders").train(given.data, out, given.minutes, seed=given.seed, device=given.device)
        for layer, card in cards.items():
            pixels, distance = card["pixels"], card["distance"]
            of_it = f"{pixels['mean picture']:.3f} and {distance['mean picture']:.3f} for the mean picture"
            print(f"{layer}: error {pixels['decoded']:.3f}, distance {distance['decoded']:.3f}; {of_it}; in {out}")
        return 0
    first = given.start or given.name
    train = training("matching" if given.start else "twins").train
    card = train(first, given.data, out, given.minutes, seed=given.seed, device=given.device)
    print(f"top-1 {card['top1']:.3f}, top-5 {card['top5']:.3f} after {card['minutes']} minutes; weights in {out}")
    return 0


def measure_network(given: argparse.Namespace) -> int:
    """Print how often a network is right on photographs, and how often still when they are changed against it."""
    from vizcore.zoo import open_probe

    photographs, probe = training("photographs").load_photographs(given.data, "val"), open_probe(given.network)
    if probe.labels != photographs.labels:
        raise ValueError(f"{probe.name} knows other classes than these photographs show; tiny-vgg and its twin fit.")
    facts = training("card").begun(given.card, probe.name) if given.card else {}  # said before the long measuring
    found = training("card").standing(probe, photographs, limit=given.limit)
    if given.card:
        training("card").write(facts | found, given.card)
    return 0


def judge_methods(given: argparse.Namespace) -> int:
    """Print how often each method points at the object, and its areas under deletion and insertion."""
    from vizcore.attribution.survey import drawn, survey, table
    from vizcore.zoo import open_probe

    photographs, probe = training("photographs").load_photographs(given.data, "val"), open_probe(given.network)
    images, labels, boxes = drawn(probe, photographs, given.limit)
    standings = {}
    try:
        for frame in survey(probe, images, labels, boxes):
            standings = frame.detail
    except KeyboardInterrupt:  # what was reached is worth reading
        if not standings:
            raise
    one = next(iter(standings.values()))
    print(f"{one.photographs} photographs, {probe.name}; on {one.small} the object covers less than a quarter")
    print(table(standings))
    return 0


def count_agreement(given: argparse.Namespace) -> int:
    """Print the label agreement of nearest neighbours in pixel and in feature space."""
    from vizcore import zoo
    from vizcore.frames import last
    from vizcore.representation import agreement, build_index, open_corpus

    probe = zoo.open_probe(given.network)
    corpus = last(shown(open_corpus.frames(given.corpus), lambda frame: counted(given.corpus, frame))).picture
    building = shown(build_index(probe, corpus), lambda frame: counted(f"{probe.name} on {corpus.name}", frame))
    index = last(building).picture
    k = min(given.k, max(1, int((corpus.classes >= 0).sum()) - 1))  # no more than there are
    print(f"{probe.name}, {len(corpus)} pictures, {len(corpus.labels)} labels: label agreement of {k} neighbours")
    print(f"{'':8} {'pixels':>8} {'features':>9} {'ratio':>7} {'chance':>8}")
    for measure in ("L2", "cosine"):
        found = agreement(index, k=k, measure=measure)
        print(f"{measure:8} {found.pixels:8.1%} {found.features:9.1%} {found.gain:7.1f} {found.chance:8.1%}")
    return 0


def training(part: str) -> ModuleType:
    """A module of vizcore.training; only training and measuring need the packages of requirements-dev.txt."""
    try:
        return import_module(f"vizcore.training.{part}")
    except ModuleNotFoundError as problem:
        raise ValueError(f"this needs {problem.name}; `pip install -r requirements-dev.txt` brings it.") from problem


if __name__ == "__main__":
    sys.exit(main())
