"""Network: what is it made of? Its layers as a table, its totals, what each layer can see, how it was trained."""

from vizcore.inspection.activations import cell_box
from vizcore.method import Method
from vizcore.probe import Probe


def totals(probe: Probe) -> dict[str, int]:
    """What a network has in all: layers, parameters, multiply-adds for one picture, and classes.

    A parameter that several layers share counts once.

    >>> from vizcore import open_probe
    >>> totals(open_probe("tiny-vgg"))["layers"]
    24
    """
    return {
        "layers": len(probe.layers),
        "parameters": sum(parameter.numel() for parameter in probe.network.parameters()),
        "operations": sum(layer.operations for layer in probe.layers.values()),
        "classes": len(probe.labels),
    }


def layer_table(probe: Probe) -> list[dict[str, str | int | None]]:
    """One row a layer: its kind, shape, receptive field and stride in pixels, parameters and multiply-adds.

    Araujo et al. 2019 (Computing Receptive Fields): a layer sees as many pixels as the one before and, for each of
    its own k - 1 further cells, as many more as its input's stride. Receptive field and stride are numbers where they
    are square, `high × wide` where they are not, and None where a cell may see the whole picture.

    >>> from vizcore import open_probe
    >>> layer_table(open_probe("tiny-vgg"))[3]["receptive field"]
    11
    """
    fields = [layer.field for layer in probe.layers.values() if layer.field]
    square = all(len(set(pair)) == 1 for field in fields for pair in (field.size, field.stride))
    return [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "shape": " × ".join(map(str, layer.shape)),
            "receptive field": side(layer.field.size, square) if layer.field else None,
            "stride": side(layer.field.stride, square) if layer.field else None,
            "parameters": layer.parameters,
            "operations": layer.operations,
        }
        for layer in probe.layers.values()
    ]


def side(pair: tuple[int, int], square: bool) -> str | int:
    """Height and width as one number where everything is square."""
    return pair[0] if square else f"{pair[0]} × {pair[1]}"


def central_fields(probe: Probe) -> dict[str, tuple[int, int, int, int]]:
    """For every layer, what its central cell sees of the prepared picture: top, left, bottom, right in pixels.

    The field grows with every convolution and pooling, by their kernel, and by the strides before them
    (Araujo, Norris and Sim 2019), until it holds the whole picture.

    >>> from vizcore import open_probe
    >>> central_fields(open_probe("tiny-vgg"))["conv1.relu"]
    (29, 29, 36, 36)
    """
    return {
        name: cell_box(probe, name, (layer.cells[0] // 2, layer.cells[1] // 2)) for name, layer in probe.layers.items()
    }


METHODS = (
    Method(
        "Receptive fields",
        layer_table,
        formula=r"\text{field}_l = \text{field}_{l-1} + (k_l - 1)\, d_l \prod_{i<l} s_i",
        paper="Araujo et al. 2019, *Computing Receptive Fields of Convolutional Neural Networks*",
        misleads="A cell can see all of its field, but what lies in the middle of it counts most.",
    ),
)
