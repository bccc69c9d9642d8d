"""The frozen network: one door to the device, shared by every reader; knows nothing of where networks come from."""

from vizcore.probe.answering import answers
from vizcore.probe.cancel import Cancelled, cancel_when, check_cancel
from vizcore.probe.cell_places import CHANNELS_LAST
from vizcore.probe.fair_lock import background
from vizcore.probe.global_pooling import inexact, pooling
from vizcore.probe.graph import Step, first_sentence, leaf
from vizcore.probe.kernels import kernels
from vizcore.probe.layer import Layer, as_names
from vizcore.probe.layer_facts import Facts, first_tensor, given
from vizcore.probe.prediction import Prediction, Predictions
from vizcore.probe.preparation import check_images, checked, usable
from vizcore.probe.probe import Probe
from vizcore.probe.remembering import with_memory, without_memory
from vizcore.probe.tracer import is_torchs_own, operation_name
from vizcore.probe.unit import SCORES, Unit

__all__ = [
    "CHANNELS_LAST",
    "SCORES",
    "Cancelled",
    "Facts",
    "Layer",
    "Prediction",
    "Predictions",
    "Probe",
    "Step",
    "Unit",
    "answers",
    "as_names",
    "background",
    "cancel_when",
    "check_cancel",
    "check_images",
    "checked",
    "first_sentence",
    "first_tensor",
    "given",
    "inexact",
    "is_torchs_own",
    "kernels",
    "leaf",
    "operation_name",
    "pooling",
    "usable",
    "with_memory",
    "without_memory",
]
