"""The operations that a stranger's exported program may call, and how its calls are written down.

The list holds operations that only calculate: none reads or writes a file, none makes memory out of nothing.
"""

import operator
from typing import Any

import torch
from torch import fx

OPERATIONS = {
    "layers": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution linear addmm mm "
    "bmm mv dot inner _trilinear tensordot matmul vdot baddbmm addbmm bilinear einsum outer prelu _prelu_kernel "
    "embedding scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu",
    "normalisation": "batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training layer_norm "
    "native_layer_norm group_norm native_group_norm instance_norm rms_norm _fused_rms_norm linalg_vector_norm "
    "linalg_norm norm _weight_norm _weight_norm_interface cosine_similarity pairwise_distance cdist _cdist_forward "
    "renorm",
    "rectifiers and their kind": "relu relu6 leaky_relu rrelu rrelu_with_noise_functional elu selu celu gelu glu silu "
    "mish hardtanh hardswish hardsigmoid sigmoid log_sigmoid log_sigmoid_forward logit tanh softplus softshrink "
    "hardshrink threshold clamp clamp_min clamp_max clip softmax log_softmax _softmax _log_softmax _safe_softmax",
    "pooling": "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d "
    "adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d mean sum "
    "prod cumsum logcumsumexp cummax cummin quantile nanquantile logsumexp max min amax amin aminmax argmax argmin "
    "topk kthvalue sort argsort var std var_mean std_mean median max_unpool2d",
    "arithmetic": "add sub rsub mul div subtract multiply divide true_divide pow square sqrt rsqrt abs absolute exp "
    "exp2 expm1 log log1p log2 neg sign reciprocal maximum minimum fmax fmin floor ceil round trunc remainder fmod "
    "sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh erf erfc erfinv lerp addcmul addcdiv xlogy "
    "nan_to_num log10 frac hypot sinc sgn copysign logaddexp special_expit floor_divide cumprod diff",
    "choosing": "eq ne lt le gt ge logical_not logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or "
    "bitwise_xor __and__ __or__ __xor__ isnan isinf isfinite any all where masked_fill gather take_along_dim scatter "
    "scatter_add index index_add index_put _unsafe_index tril triu fill copy one_hot bucketize searchsorted zero",
    "joining and cutting": "cat concat stack hstack vstack split split_with_sizes tensor_split chunk unbind select "
    "slice narrow index_select select_scatter slice_scatter diagonal diag_embed rot90 fliplr flipud roll flip pad "
    "constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d im2col col2im unfold "
    "meshgrid",
    "shape": "flatten view view_as reshape reshape_as _unsafe_view unflatten permute transpose swapaxes movedim t "
    "numpy_T mT expand expand_as broadcast_to repeat tile repeat_interleave squeeze unsqueeze pixel_shuffle "
    "pixel_unshuffle channel_shuffle native_channel_shuffle upsample_nearest1d upsample_nearest2d upsample_linear1d "
    "upsample_bilinear2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d upsample_bicubic2d grid_sampler grid_sampler_2d affine_grid_generator sym_size "
    "zeros_like ones_like full_like new_zeros new_ones new_full",
    "frequencies": "fft_fftshift fft_ifftshift fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_rfft fft_irfft _fft_r2c "
    "_fft_c2r _fft_c2c view_as_real view_as_complex real imag",
    "nothing much": "contiguous clone alias detach dropout feature_dropout alpha_dropout feature_alpha_dropout "
    "native_dropout to _to_copy type_as lift_fresh_copy",
}
ALLOWED = {variant for words in OPERATIONS.values() for word in words.split() for variant in (word, word + "_")}
TYPES = {  # by the numbers that torch.export writes
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16,
    7: torch.float32, 8: torch.float64, 10: torch.complex64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
LARGEST_CONSTANT = 2**22  # numbers that a program may make of nothing
MAKING = ("arange", "full", "zeros", "ones", "eye", "linspace", "logspace", "scalar_tensor", "tril_indices",
          "triu_indices")  # fmt: skip
PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_int_lists")
IGNORED = tuple(
    f"torch.ops.aten.{word}"
    for word in ("_assert_async.default", "_assert_async.msg", "_assert_scalar.default",
                 "_assert_tensor_metadata.default", "sym_constrain_range.default",
                 "sym_constrain_range_for_size.default")
)  # fmt: skip
COUNTING = {  # calculations with the number of pictures
    f"_operator.{word}": getattr(operator, word)
    for word in ("add", "sub", "mul", "floordiv", "ge", "gt", "le", "lt", "eq", "ne")
}
TURNS = (torch.ops.aten.t.default, torch.ops.aten.permute.default)  # a matrix, with its sides exchanged


class Refused(ValueError):
    """A program holds something that is not read from a stranger's file."""


# How a program numbers the ways a result may lie in memory.
LAYOUTS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}


def allowed(target: str) -> torch._ops.OpOverload:
    """The operation of that name, if it is one of those that only calculate.

    >>> allowed("torch.ops.aten.relu.default").name()
    'aten::relu'
    """
    home, _, rest = target.partition("aten.")
    word, _, variant = rest.partition(".")
    if home != "torch.ops." or word not in ALLOWED or variant not in variants(word):
        raise Refused(f"it calls {target[:80]!r}, which is not among the operations of picture networks known here")
    return getattr(getattr(torch.ops.aten, word), variant)


def variants(word: str) -> list[str]:
    """The forms of an operation that this torch has; none where it has no such operation."""
    operations = getattr(torch.ops.aten, word, None)
    return operations.overloads() if operations else []


def as_written(
    function: torch._ops.OpOverload, given: dict, alone: bool = True, one_picture: bool = False
) -> tuple[torch._ops.OpOverload, dict]:
    """Operations that a decomposition took apart, as a network is written: convolution, batch norm, linear, ...

    `alone` says that of several results none but the first is read, `one_picture` that the program was written for one.
    """
    word = function.overloadpacket.__name__
    if word == "convolution" and not given["transposed"] and len(given["stride"]) < 3:
        plain = torch.ops.aten.conv2d if len(given["stride"]) == 2 else torch.ops.aten.conv1d
        for name in ("transposed", "output_padding"):
            del given[name]
        return plain.default, given
    if word == "_native_batch_norm_legit_no_training":
        return torch.ops.aten.batch_norm.default, {**given, "training": False, "cudnn_enabled": False}
    if function is torch.ops.aten._native_batch_norm_legit.no_stats and alone and one_picture:
        statistics = {"running_mean": None, "running_var": None, "use_input_stats": given.pop("training")}
        return torch.ops.aten.instance_norm.default, {**given, **statistics, "cudnn_enabled": False}
    if word == "copy":  # which has no gradient of its own
        return torch.ops.aten.expand_as.default, {"self": given["src"], "other": given["self"]}
    if word == "rrelu_with_noise_functional":
        del given["noise"]
        return torch.ops.aten.rrelu.default, given
    if word == "max_pool2d_with_indices" and alone:
        return torch.ops.aten.max_pool2d.default, given
    if word == "addmm" and given["mat2"].target in TURNS and given["mat2"].args[0].op == "get_attr":
        return torch.ops.aten.linear.default, {
            "input": given["mat1"], "weight": given["mat2"].args[0], "bias": given["self"]
        }  # fmt: skip
    return function, given


def arranged(function: torch._ops.OpOverload, given: dict) -> tuple[tuple, dict]:
    """Arguments in the order of the operation's own signature: by position as far as there is no gap, then by name."""
    by_position: list = []
    for number, argument in enumerate(function._schema.arguments):
        if argument.name in given and number == len(by_position) and not argument.kwarg_only:
            by_position.append(given.pop(argument.name))
    return tuple(by_position), given


def of_numbers(node: dict) -> torch.Tensor | None:
    """The tensor that a call makes of nothing but numbers, if it does; where they depend on the pictures, it does not.

    Raises Refused where it is a large one.
    """
    word, _, variant = node["target"].removeprefix("torch.ops.aten.").partition(".")
    if word not in MAKING or variant not in variants(word):
        return None
    try:
        given = {entry["name"]: value_of(entry["arg"], {}) for entry in node["inputs"]}
    except KeyError:
        return None
    function = getattr(getattr(torch.ops.aten, word), variant)
    given = {name: value for name, value in given.items() if name not in ("device", "layout", "pin_memory")}
    arguments, named = arranged(function, given)
    if (numbers := function(*arguments, **named, device="meta").numel()) > LARGEST_CONSTANT:
        raise Refused(f"it makes {numbers:,} numbers of nothing")
    return function(*arguments, **named, device="cpu")


def called(target: str, given: dict, images: fx.Node) -> tuple[torch._ops.OpOverload, dict]:
    """The operation of a call; one that makes numbers for as many pictures as there are looks at the pictures.

    Memory that a program would fill itself is zero before, since what lies in it is nobody's business.
    """
    new = {"zeros.default": torch.ops.aten.new_zeros, "ones.default": torch.ops.aten.new_ones,
           "full.default": torch.ops.aten.new_full, "empty.memory_format": torch.ops.aten.new_zeros}  # fmt: skip
    word = target.removeprefix("torch.ops.aten.")
    if word in new:
        given.pop("memory_format", None)
        return new[word].default, {"self": images, **given}
    if word in ("empty_like.default", "new_empty.default"):
        return allowed(target.replace("empty_like", "zeros_like").replace("new_empty", "new_zeros")), given
    if target.startswith("torch.ops.higher_order.wrap_with_"):
        raise Refused("some of its steps run in a mode, such as autocast; save exported.run_decompositions() instead")
    return allowed(target), given


def value_of(argument: dict, values: dict[str, fx.Node]) -> Any:
    """One argument of a call: an earlier value, or a plain constant."""
    ((kind, content),) = argument.items()
    if kind in PLAIN:
        return float(content) if kind == "as_float" else content  # an infinite one is a word
    if kind in ("as_tensor", "as_sym_int"):
        return content["as_int"] if "as_int" in content else values[content.get("name") or content["as_name"]]
    if kind == "as_tensors":
        return [values[each["name"]] for each in content]
    if kind == "as_sym_ints":
        return [each["as_int"] if "as_int" in each else values[each["as_name"]] for each in content]
    if kind == "as_optional_tensor":
        return value_of(content, values)
    if kind == "as_optional_tensors":
        return [value_of(each, values) for each in content]
    if kind == "as_scalar_type":
        return TYPES[content]
    if kind == "as_memory_format":  # what comes after may view what was laid out so
        return LAYOUTS.get(content)
    if kind in ("as_none", "as_device", "as_layout", "as_graph"):
        return None
    raise Refused(f"it passes a {kind.removeprefix('as_').replace('_', ' ')} to an operation")


def names_in(value: dict) -> list[str]:
    """What a call's results, or one of its arguments, are called in the program."""
    ((kind, content),) = value.items()
    if kind == "as_tensors":
        return [each["name"] for each in content]
    return [content.get("name") or content["as_name"]] if isinstance(content, dict) else []


def names_within(value: Any) -> set[str]:
    """Every name of a value in an argument, however deep it lies.

    >>> sorted(names_within({"as_tensors": [{"name": "x"}, {"name": "y"}], "as_int": 3}))
    ['x', 'y']
    """
    if isinstance(value, dict):
        found = {value[word] for word in ("name", "as_name") if isinstance(value.get(word), str)}
        return found.union(*map(names_within, value.values()))
    return set().union(*map(names_within, value)) if isinstance(value, list) else set()
