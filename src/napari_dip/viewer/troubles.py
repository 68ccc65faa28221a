"""What goes wrong, as the user is told of it."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_error

__all__ = ["EXPECTED", "tell"]

EXPECTED = (ValueError, TypeError, MemoryError, OSError)
"""What is wrong with the input comes as one of these, with a sentence for the user."""


def tell(error: Exception) -> None:
    """Tell the user what went wrong, in a notification."""
    if isinstance(error, EXPECTED):
        show_error(str(error))
    else:  # a fault of ours: napari shows where it happened
        notification_manager.receive_error(type(error), error, error.__traceback__)
