"""The doctor: what a weights file holds, what was inferred, and which questions it cannot answer, and why."""

import os
from dataclasses import dataclass
from pathlib import Path

from vizcore.probe import Probe, pooling
from vizcore.zoo.custom import Labels, open_own, read_own
from vizcore.zoo.failures import in_words
from vizcore.zoo.labels import plain_label
from vizcore.zoo.shelf import known_probe


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found: a `problem` in one sentence if the file cannot be opened, or else what was inferred.

    `limits` are the questions that will not work on this network, or that mean something else on it.
    """

    file: str
    problem: str | None = None
    format: str = ""
    architecture: str | None = None
    alternatives: tuple[str, ...] = ()
    classes: int = 0
    labels: tuple[str, ...] = ()
    labelled: bool = False
    input_size: int = 0
    channels: int = 0
    parameters: int = 0
    layers: int = 0
    limits: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether the network can be opened."""
        return self.problem is None

    def __str__(self) -> str:
        """The findings in plain words, a line each."""
        if self.problem:
            return f"{self.file} cannot be opened: {self.problem}"
        others = f" (the weights also fit {', '.join(self.alternatives)})" if self.alternatives else ""
        colours = "colour" if self.channels == 3 else "grey"
        named = ", ".join(self.labels[:3]) + (" ..." if self.classes > 3 else "")
        lines = [
            f"{self.file} can be opened.",
            f"  format        {self.format}",
            f"  architecture  {self.architecture or 'its own, kept in the file'}{others}",
            f"  classes       {self.classes}: {named if self.labelled else 'without names, so they are numbered'}",
            f"  pictures      {self.input_size} x {self.input_size} pixels, {colours}",
            f"  layers        {self.layers}, with {self.parameters:,} parameters",
        ]
        return "\n".join(lines + [f"  note          {limit}" for limit in self.limits])


def doctor(path: str | Path, architecture: str | None = None, labels: Labels | None = None) -> Diagnosis:
    """Examine a weights file, and say what is in it and what will not work; no file makes it raise or does harm.

    >>> print(doctor("nothing.safetensors"))
    nothing.safetensors cannot be opened: there is no file nothing.safetensors.
    """
    name = Path(path).name
    file = plain_label(os.fsencode(name).decode("utf-8", "replace"))  # a name may be no text, or send signs
    try:
        own = read_own(path, architecture, known_probe)
        probe = open_own(path, labels=labels, own=own)
    except ValueError as problem:
        return Diagnosis(file, problem=str(problem).removeprefix(f"{name} cannot be opened: "))
    except Exception as problem:  # a stranger's file may stumble in any way
        reason = in_words(problem) or f"it is damaged, or a kind that is not known here ({type(problem).__name__})."
        return Diagnosis(file, problem=reason[0].lower() + reason[1:])
    return Diagnosis(
        file,
        None,
        own.format,
        own.architecture,
        own.alternatives,
        classes=len(probe.labels),
        labels=probe.labels,
        labelled=labels is not None or probe.labels[0] not in ("class 0", "no"),
        input_size=probe.input_size,
        channels=own.channels,
        parameters=sum(parameter.numel() for parameter in probe.network.parameters()),
        layers=len(probe.layers),
        limits=(*own.remarks, *limits(probe)),
    )


def limits(probe: Probe) -> list[str]:
    """Which questions a network cannot answer, or answers in another sense, and why; an empty list is usual.

    >>> from vizcore import open_probe
    >>> limits(open_probe("tiny-vgg"))
    []
    """
    layers = probe.layers.values()
    kinds = {layer.kind for layer in layers}
    found = []
    try:
        pooling(probe)
    except ValueError:
        found.append(
            "no exact class activation map: its scores are not one linear layer on averaged maps; Grad-CAM works."
        )
    if not any(layer.kind == "convolution" and layer.spatial for layer in layers):
        found.append("no filters to look at: it has no convolution over places.")
    if not any(layer.spatial for layer in layers):
        found.append("no maps: none of its layers keeps places apart, so only questions about pixels work.")
    if "attention" in kinds:
        found.append(
            "no receptive fields after the first attention: every token may see the whole picture, "
            "and a token's channels are shown on the grid of patches."
        )
    if "rectifier" not in kinds:
        found.append("guided backpropagation and deconvnet show the plain gradient: it has no rectifier to change.")
    if probe.layer("scores").kind in ("softmax", "activation"):
        found.append("its scores are squashed already: gradients vanish where it is sure.")
    if len(probe.mean) == 1:
        found.append("it sees grey: the colours of a picture are averaged first.")
    return found
