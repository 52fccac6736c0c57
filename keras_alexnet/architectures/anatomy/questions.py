"""What learners ask most about AlexNet's numbers, with the answers for a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from keras_alexnet.architectures.anatomy.layers import CONVOLUTION, DENSE, layers_of
from keras_alexnet.architectures.anatomy.network import FLOAT, Network, total

_GTX_580 = 3 * 2**30  # bytes (paper, section 3.2)
_GB = 1e9
_NORMALISATIONS = ("norm", "cnorm")

Pair = tuple[str, str]


def answered(network: Network) -> tuple[Pair, ...]:
    """Pairs of a question and its answer.

    Args:
        network: Any; questions that do not arise for it are left out.
    """
    found = (ask(network) for ask in _ALL)
    return tuple(pair for pair in found if pair is not None)


def _side_of_conv1(network: Network) -> Pair:
    record, size = network.architecture.convolutions[0], network.image_size
    (before, after), kernel, step = record.padding, record.kernel_size, record.strides
    side = record.convolved_size(size)
    exact = (size + 2 * before - kernel) / step + 1
    padded = f"{size} + 2 · {before}" if before else f"{size}"
    answer = f"({padded} − {kernel}) / {step} + 1 = {exact:g}"
    beyond = (side - 1) * step + kernel - size - 2 * before
    if after > before and beyond > 0:
        answer += (
            f", rounded up: the last window ends {beyond} px beyond the picture, at "
            "the right and at the bottom, and reads zeros there."
        )
    else:
        answer += "." if exact == side else ", rounded down."
    if (kernel, step) == (11, 4):
        answer += (
            " The paper has 224 px and 55, and names no padding; rounding up is what "
            "its source does (layer.py). Without it 224 px give 54. Ports take 227 px, "
            "which give 55 exactly, or add 2 zeros all around 224 px."
        )
    return f"Why are the maps of conv1 {side}×{side}?", answer


def _parameters(network: Network) -> Pair:
    record, count = network.architecture, network.totals.parameters
    convolutions = enumerate(record.convolutions, start=1)
    grouped = [f"conv{index}" for index, each in convolutions if each.groups > 1]
    answer = f"This network has {count:,}"
    if grouped:
        answer += (
            f", since each kernel of {', '.join(grouped)} reads only a part of the "
            f"maps; {_without_groups(network):,} if it read all of them."
        )
    else:
        answer += "; its kernels read all maps before them."
    return "60 or 62 million parameters?", (
        f"{answer} With 1,000 classes and 224 px the paper's has 60,965,224, its “60 "
        "million”; the same layers without groups have 62,378,344, which others count."
    )


def _without_groups(network: Network) -> int:
    """Parameters of the same layers, if every kernel read all maps."""
    record = network.architecture
    whole = (dataclasses.replace(each, groups=1) for each in record.convolutions)
    record = dataclasses.replace(record, convolutions=tuple(whole))
    return total(layers_of(record, network.image_size, network.classes)).parameters


def _shares(network: Network) -> Pair:
    dense, whole = network.dense_totals, network.totals
    names = [each.name for each in network.layers if each.kind == DENSE]
    last = len(names) > 1
    return "Where are the parameters, and where is the work?", (
        f"{names[0]}{f' to {names[-1]}' if last else ''} "
        f"{'have' if last else 'has'} {dense.parameters / whole.parameters:.1%} of the "
        f"parameters and {dense.multiply_adds / whole.multiply_adds:.1%} of the "
        f"{whole.multiply_adds:,} multiply-adds that a picture takes; the layers "
        "before have the rest. Training takes nearly three times the work: forward, "
        "for the gradients of the maps, and for those of the weights."
    )


def _two_gpus(network: Network) -> Pair | None:
    if network.towers == 1:
        return None
    pictures, memory = network.batch_size, network.memory
    weights = sum(each.weights for each in memory)
    maps = sum(each.maps for each in memory)
    gradients = sum(each.gradients for each in memory)
    divisors = (
        FLOAT
        * pictures
        * sum(
            each.values
            for each in network.layers
            if each.name.startswith(_NORMALISATIONS)
        )
    )
    of_pictures = maps + gradients + divisors
    everything = weights + of_pictures
    most = max(0, _GTX_580 - weights) * pictures // of_pictures
    return "Why two GPUs?", (
        f"The paper's reason is the 3 GB of a GTX 580 (section 3.2). With {pictures:,} "
        "pictures in a step, weights, their gradients and momentum take "
        f"{weights / _GB:.2f} GB, the maps {maps / _GB:.2f}, their gradients "
        f"{gradients / _GB:.2f}, the divisors of LRN, which the source keeps "
        f"(layer.cu), {divisors / _GB:.2f}: {everything / _GB:.2f} GB. 3 GB, 3.22 "
        f"billion bytes, would{'' if everything <= _GTX_580 else ' not'} hold that, if "
        f"nothing else were in them; they are full at {most:,} pictures. With half of "
        "the maps and of the weights on each GPU there is room, and the work is "
        "divided."
    )


def _neurons(network: Network) -> Pair | None:
    if network.layers[0].maps != (55, 55, 96):
        return None
    return "Has conv1 253,440 neurons, or 290,400?", (
        "55 · 55 · 96 = 290,400. The paper prints 253,440 = 55 · 48 · 96, which seems "
        "to be a slip: 48 is the number of maps of a tower. All layers together have "
        f"{network.totals.neurons:,}; the paper says 650,000."
    )


def _inputs_of_fc6(network: Network) -> Pair | None:
    steps = network.steps
    first = next(index for index, each in enumerate(steps) if each.kind == DENSE)
    reader, between = steps[first], steps[first - 1]
    if between.kind == CONVOLUTION:
        return None
    last = [each for each in steps if each.kind == CONVOLUTION][-1]
    given, left, maps = last.values, between.values, between.maps[2]
    answer = (
        f"{last.name} gives {last.side} · {last.side} · {maps} = {given:,}, but "
        f"{between.name} comes between and leaves {between.side} · {between.side} · "
        f"{maps} = {left:,}."
    )
    if network.architecture.dense == (4096, 4096):
        answer += " That fc6 and fc7 have 4,096 units is the authors' choice."
    return f"Why does {reader.name} read {left:,} values, not {given:,}?", answer


def _fields(network: Network) -> Pair:
    maps = [each for each in network.steps if each.kind != DENSE]
    listed = ", ".join(f"{each.name} {each.receptive_field}" for each in maps)
    return "How much of the picture does a value see?", (
        f"A square with a side of so many pixels: {listed}. The picture has "
        f"{network.image_size}: squares near its border are partly outside, where "
        f"there are zeros. A unit sees {network.steps[-1].receptive_field}."
    )


_ALL: tuple[Callable[[Network], Pair | None], ...] = (
    _side_of_conv1,
    _parameters,
    _shares,
    _two_gpus,
    _neurons,
    _inputs_of_fc6,
    _fields,
)
