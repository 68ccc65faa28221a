"""How tests of the window fill in a form."""

from __future__ import annotations


def choose(box, value):
    """Choose the entry of a value."""
    at = next(at for at in range(box.count()) if box.itemData(at) == value)
    box.setCurrentIndex(at)


def leave_to_preset(widget):
    """Leave every field of a task's *Advanced* to the preset."""
    for field in widget.advanced.inputs.values():
        if hasattr(field, "findData"):
            field.setCurrentIndex(0)
        else:
            field.setValue(field.minimum())


def set_advanced(widget, **settings):
    """Fill in fields of a task's *Advanced*."""
    for name, value in settings.items():
        field = widget.advanced.inputs[name]
        if hasattr(field, "findData"):
            choose(field, value)
        else:
            field.setValue(value)
