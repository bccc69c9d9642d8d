"""The official weights of timm's networks: where the hub keeps them, and how a network is opened with them."""

import math
import os
from dataclasses import dataclass
from functools import cache

from vizcore.probe import Probe
from vizcore.zoo.architectures import blueprint
from vizcore.zoo.custom import open_own
from vizcore.zoo.official import Network, WeightsAbsent
from vizcore.zoo.timm_networks import recipe

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Published(Network):
    """Weights that timm publishes on the hub, in the repository `home`. Their checksum is what the hub states."""

    home: str = ""

    @property
    def checksum(self) -> str:
        """Nothing is known before the hub is asked."""
        return ""

    def url(self, address: str | None = None) -> str:
        """Where the weights come from: `address`, or HF_ENDPOINT, or the hub itself."""
        hub = (address or os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
        return f"{hub}/{self.home}/resolve/main/model.safetensors"


@cache
def timm_network(name: str) -> Published:
    """What is known about the official weights of an architecture of timm before they are here.

    Raises ValueError where timm has no such network, or publishes no weights of it on the hub.

    >>> timm_network("timm/resnet50d").url()
    'https://huggingface.co/timm/resnet50d.ra2_in1k/resolve/main/model.safetensors'
    """
    published = recipe(name)
    if not published.hf_hub_id:
        raise ValueError(f"the hub has no weights of {name}; open it with a file of your own, as its weights.")
    # the tag is part of the file's name, so that weights fetched for one name serve the other
    file = f"timm-{published.hf_hub_id.replace('/', '-')}.safetensors"
    numbers = {key: math.prod(shape) for key, shape in blueprint(name).items()}
    learned = sum(count for key, count in numbers.items() if "running_" not in key)
    megabytes = round(4e-6 * sum(numbers.values()), 1)
    return Published(name, name, None, "timm", file, megabytes, learned, published.hf_hub_id)


def open_published(name: str, **dials) -> Probe:
    """Open a network of timm with its official weights; raises WeightsAbsent, with the command that gets them."""
    network = timm_network(name)
    if not network.available:
        raise WeightsAbsent(
            f"the weights of {name} ({network.megabytes:.0f} MB) are not on this machine; "
            f"`python -m vizcore fetch {name}` gets them once, and tiny-vgg works without."
        )
    return open_own(network.path, name=name, **{"architecture": name, **dials})
