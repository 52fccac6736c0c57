"""Towers on separate devices, which communicate only where the paper says."""

from keras_alexnet.two_towers.conversion import as_packed, convert_towers
from keras_alexnet.two_towers.exchange import Crossing, Exchange, crossings
from keras_alexnet.two_towers.packed_form import (
    PackedForm,
    packed_names,
    packed_values,
)
from keras_alexnet.two_towers.placement import (
    OnDevice,
    check_devices,
    prepared_in_place,
)

__all__ = [
    "Crossing",
    "Exchange",
    "OnDevice",
    "PackedForm",
    "as_packed",
    "check_devices",
    "convert_towers",
    "crossings",
    "packed_names",
    "packed_values",
    "prepared_in_place",
]
