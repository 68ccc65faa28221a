"""How tests of the window fill in a form."""

from __future__ import annotations


def choose(box, value):
    """Choose the entry of a value."""
    at = next(at for at in range(box.count()) if box.itemData(at) == value)
    box.setCurrentIndex(at)


def set_advanced(widget, **settings):
    """Fill in fields of a task's *Advanced*."""
    for name, value in settings.items():
        field = widget.advanced.inputs[name]
        if hasattr(field, "findData"):
            choose(field, value)
        else:
            field.setValue(value)
