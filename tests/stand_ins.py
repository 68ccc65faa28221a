"""What stands in for napari where there is no window."""

from __future__ import annotations

from typing import Any


class Layer:
    """What the verbs use of a napari layer."""

    def __init__(self, data: Any, **attributes: Any) -> None:
        self.data = data
        vars(self).update(attributes)

    def as_layer_data_tuple(self) -> None:
        raise AssertionError("only its presence tells a layer")
