"""The menu *More*: a result as code, presets of the user's own, recent runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

import numpy as np
from napari.layers import Image, Layer
from napari.utils.notifications import show_error, show_info
from psygnal import Signal
from qtpy.QtWidgets import QApplication, QInputDialog, QLineEdit, QMenu, QMessageBox, QPushButton, QWidget

from napari_dip.viewer.how_sure import ask_how_sure
from napari_dip.viewer.removed import show_removed
from napari_dip.viewer.troubles import EXPECTED
from napari_dip.viewer.words import sentence

if TYPE_CHECKING:
    from napari_dip.viewer.regions import Region
    from napari_dip.viewer.runs import Run

__all__ = ["MoreMenu", "Recent", "copy", "with_what"]

MOST_RECENT = 10
NO_COMMAND = (
    "A command takes whole files, and this was not made from whole files alone. Save what it was made from "
    "as a file, and open that; or copy it as Python."
)


@dataclass(frozen=True)
class Recent:
    """A run that may be done again.

    Parameters
    ----------
    label
        What it was, and when.
    source, region
        What was restored.
    settings
        With what, as keywords of the task's call.
    """

    label: str
    source: Image
    region: Region
    settings: Mapping[str, Any]

    @property
    def layers(self) -> set[Layer]:
        """The layers that it takes."""
        return {self.source, *(value for value in self.settings.values() if isinstance(value, Layer))}


class MoreMenu(QPushButton):
    """A button with a menu of what can be done with the run that was done last.

    Parameters
    ----------
    viewer
        Where the runs' layers are.

    Attributes
    ----------
    recent
        What can be done again, the newest first.
    again_requested : psygnal.Signal(Recent)
        A run is to be done again.
    presets_changed : psygnal.Signal
        The user's own presets are others now.
    """

    again_requested: ClassVar[Signal] = Signal(object)
    presets_changed: ClassVar[Signal] = Signal()

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__("More", parent)
        self._viewer = viewer
        self._run: Run | None = None
        self.recent: list[Recent] = []
        self._remembered: WeakSet[Run] = WeakSet()  # as they were when they ended
        self.setToolTip(
            "What was removed, how sure it is, this result as code, a preset of your own, runs to do again."
        )
        self._entries = QMenu(self)
        self._entries.setToolTipsVisible(True)
        self._entries.aboutToShow.connect(self._fill)
        self._deletions, self._again = QMenu("Delete a preset", self), QMenu("Run again", self)
        self.setMenu(self._entries)
        self.hide()
        viewer.layers.events.removed.connect(self._on_removed)

    def let_go(self) -> None:
        """Stop following the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def follow(self, run: Run | None) -> None:
        """Offer what can be done with this run, when it is done."""
        self._run = run
        done = run is not None and run.done
        self.setVisible((done and run is not None and run.restored) or bool(self.recent))
        self.setEnabled(run is None or done)

    def remember(self, run: Run, settings: Mapping[str, Any]) -> None:
        """Offer to do a run again, which is done.

        Parameters
        ----------
        run
            The run.
        settings
            The keywords of the task's call that make the same.
        """
        if run.result is None or not run.restored or run in self._remembered:
            return
        self._remembered.add(run)
        planes = f" ({run.region.said})" if run.region.said else ""
        what = [with_what(run.task, run.result.settings)]
        what += [run.result.settings["damage"]] if "damage" in run.result.settings else []
        what += [] if run.guide is None else [f"guided by {run.guide.name}"]
        what += [] if isinstance(run.result.image, np.ndarray) else ["into memory"]  # and not to its file
        label = f"{run.source.name}{planes}, {', '.join(what)}, {time.strftime('%H:%M')}"
        new = Recent(label, run.source, run.region, settings)
        if not new.layers <= set(self._viewer.layers):
            return
        others = [one for one in self.recent if replace(one, label=label) != new]
        self.recent = [new, *others][:MOST_RECENT]

    # ----------------------------------------------------------------------------------------------- the menu

    def _fill(self) -> None:
        from napari_dip.presets import names

        menu, run = self._entries, self._run
        for one in (menu, self._deletions, self._again):
            one.clear()
        if run is not None and run.restored:
            self._offer_pictures(run)
            self._offer_code(run)
        own = [] if run is None else names(run.task)
        if own:
            menu.addMenu(self._deletions)
            for name in own:
                self._add(self._deletions, f"{name}…", "", partial(self._delete, name))
        if self.recent:
            menu.addSeparator()
            menu.addMenu(self._again)
            for recent in self.recent:
                self._add(self._again, recent.label, "", partial(self.again_requested.emit, recent))

    def _offer_pictures(self, run: Run) -> None:
        """Offer what can be shown of a result, where it is."""
        if run.layer not in self._viewer.layers:
            return
        if run.adjustable:
            self._add(
                self._entries,
                "Show what was removed",
                "A layer with what was taken away from the image: it should look like noise.",
                lambda: show_removed(self._viewer, run),
            )
        if run.assessable:
            self._add(
                self._entries,
                "How sure is it?",
                "Restores it twice more, with other random numbers and other noise, and shows as a layer "
                "how far each pixel may be from the truth."
                if not run.detail
                else "It is told of the automatic detail: move Detail to Automatic first.",
                lambda: ask_how_sure(self._viewer, run),
                enabled=not run.detail,
            )
        if run.adjustable or run.assessable:
            self._entries.addSeparator()

    def _offer_code(self, run: Run) -> None:
        """Offer what makes a result again."""
        from napari_dip.viewer.as_code import command_of, notes_of, python_of, settings_of

        self._add(
            self._entries,
            "Copy as Python",
            "A script that makes this result again, without napari.",
            lambda: _copy_script(python_of(run)),
        )
        command, notes = command_of(run), " ".join(notes_of(run))
        tip = f"A command for a terminal that makes this result again. {notes}".rstrip()
        self._add(
            self._entries,
            "Copy as a command",
            NO_COMMAND if command is None else tip,
            lambda: copy(command or "", f"a command. {notes}".rstrip(" .")),
            enabled=command is not None,
        )
        self._add(
            self._entries,
            "Copy settings (JSON)",
            "All settings of this result.",
            lambda: copy(settings_of(run), "the settings"),
        )
        self._entries.addSeparator()
        self._add(
            self._entries,
            "Save settings as a preset…",
            "Keep how this was made under a name, for other images.",
            lambda: self._save(run),
        )

    def _add(
        self, menu: QMenu, text: str, tooltip: str, do: Callable[[], object], enabled: bool = True
    ) -> None:
        action = menu.addAction(text.replace("&", "&&"))
        assert action is not None
        action.setToolTip(tooltip)
        action.setEnabled(enabled)
        action.triggered.connect(lambda: _try(do))

    def _save(self, run: Run) -> None:
        from napari_dip.presets import save

        name = self._ask_name(run.task)
        if name is None or run.result is None:
            return
        save(name, run.result.settings, run.task, overwrite=True)
        self.presets_changed.emit()
        detail = ""
        if run.detail:
            left = ", the image as it was" if run.detail == 1 else ""
            detail = f" Its Detail is {run.detail:g}{left}."
        show_info(f"{name!r} is among the presets now.{detail}")

    def _ask_name(self, task: str) -> str | None:
        """Ask for a name until it can be one, or replaces a preset that may go; return None for none."""
        from napari_dip.presets import check_name

        name = problem = ""
        while True:
            text = f"{problem}\n\nName of the preset:".lstrip()
            name, chosen = QInputDialog.getText(
                self, "Save as a preset", text, QLineEdit.EchoMode.Normal, name
            )
            if not chosen:
                return None
            name = " ".join(name.split())
            try:
                there = check_name(name, task, overwrite=True)
            except ValueError as error:
                problem = sentence(error)
                continue
            replaced = f"Replace your preset '{'' if there is None else there.stem}'?"
            if there is None or _sure(self, "Save as a preset", replaced):
                return name
            problem = ""

    def _delete(self, name: str) -> None:
        from napari_dip.presets import delete

        assert self._run is not None
        if not _sure(self, "Delete a preset", f"Delete your preset '{name}'?"):
            return
        try:
            delete(name, self._run.task)
        finally:  # it may have been deleted elsewhere
            self.presets_changed.emit()

    def _on_removed(self, event: Any = None) -> None:
        """Runs that take a layer that is gone can't be done again, and must not keep its pixels."""
        self.recent = [one for one in self.recent if one.layers <= set(self._viewer.layers)]


def _sure(parent: QWidget, title: str, question: str) -> bool:
    return QMessageBox.question(parent, title, question) == QMessageBox.StandardButton.Yes


def _try(do: Callable[[], object]) -> None:
    try:
        do()
    except EXPECTED as error:
        show_error(str(error))


def with_what(task: str, settings: Mapping[str, Any]) -> str:
    """Return in a few words what a run was done with, as ``"fast with seed 3"``."""
    from napari_dip.script import changed

    few = changed(task, settings, values=True)
    return f"{settings['preset']} with {few}" if few else str(settings["preset"])


def _copy_script(text: str) -> None:
    missing = " = ...  #" in text
    copy(
        text,
        "a script"
        + missing * ". Say in it where the pixels are (...): their layer has no file that reads as they do",
    )


def copy(text: str, what: str) -> None:
    """Copy a text, and say what it is."""
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText(text)
    show_info(f"Copied: {what}.")
