"""The controls of a run: start, stop and keep, pause, continue; progress, time left, plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_dip.viewer.sight import PART
from napari_dip.viewer.uncertainty import typical
from napari_dip.viewer.widgets.detail_choice import DetailChoice
from napari_dip.viewer.widgets.more import MoreMenu, with_what
from napari_dip.viewer.widgets.narrow import put_before
from napari_dip.viewer.widgets.plane_strip import PlaneStrip
from napari_dip.viewer.widgets.plot import Plot
from napari_dip.viewer.widgets.theme import Colours
from napari_dip.viewer.words import how_sure, status

if TYPE_CHECKING:
    from napari_dip.viewer.runs import Run
    from napari_dip.viewer.widgets.contact_sheet import ContactSheet

__all__ = ["RunControls"]

# While the focus is in the widget; none of them is napari's.
START, STOP, PAUSE = "Ctrl+Return", "Ctrl+.", "Ctrl+P"

# What is said of what is tried alone.
TRY_PART = (
    "{verb} only what you see now, or the middle of it where that is much: to know soon what it will be "
    "like. Zoom in on what matters, or draw a rectangle around it on a Shapes layer and select it."
)
TRY_ONE = "{verb} the {one} that you are looking at, alone: to see what it will be like."

FIGURES = {
    "held-out": "estimated error",
    "running-variance": "running variance",
    "whiteness": "structure removed",
    "rounding": "still to go",
    "fixed": "not watched",
}

# Milliseconds between two drawings of the plot.
PLOT_EVERY = 300


class RunControls(QWidget):
    """The controls of one run at a time.

    Parameters
    ----------
    verb
        What the start button says.
    explanation
        The start button's tooltip.
    viewer
        For its theme's colours.

    Attributes
    ----------
    start_requested : psygnal.Signal
        The start button was pressed.
    trial_requested : psygnal.Signal
        A run of the plane that is looked at alone, or of the part that is in sight, is wanted.
    rest_requested : psygnal.Signal
        After a run of some planes alone, one of all of them is wanted, with the same settings.
    live_changed : psygnal.Signal(bool)
        A run began or ended.
    """

    start_requested: ClassVar[Signal] = Signal()
    trial_requested: ClassVar[Signal] = Signal()
    rest_requested: ClassVar[Signal] = Signal()
    live_changed: ClassVar[Signal] = Signal(bool)

    def __init__(self, verb: str, explanation: str, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verb, self._explanation, self._viewer = verb, explanation, viewer
        self._obstacle = self._news = ""
        self.run: Run | None = None
        self._told_live = False
        self.main = QPushButton(verb)
        self.main.setMinimumHeight(32)
        self.pause = QPushButton("Pause")
        self.pause.setMinimumHeight(32)
        self.trial, self._one, self._no_trial = QPushButton(), "", ""
        self.trial.setMinimumHeight(32)
        self.rest = QPushButton()
        self.rest.setMinimumHeight(28)
        self.strip = PlaneStrip(viewer)
        self.detail = DetailChoice(viewer)
        self.more = MoreMenu(viewer)
        self.more.setMinimumSize(68, 28)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.status = QLabel()
        self.status.setTextFormat(Qt.TextFormat.PlainText)  # it says names, which are anybody's
        self.status.setWordWrap(True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        # Two lines are always there, so that nothing below jumps.
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing() + 2)
        self.plot = Plot(Colours.of(viewer))
        self.plot.hide()  # until there is something to see
        self._plotted = QTimer(self)
        self._plotted.setSingleShot(True)
        self._plotted.setInterval(PLOT_EVERY)

        self._lay_out()
        self.main.clicked.connect(self._on_main)
        self.pause.clicked.connect(self._on_pause)
        self.trial.clicked.connect(self.trial_requested.emit)
        self.rest.clicked.connect(self.rest_requested.emit)
        self.set_colours(Colours.of(viewer))
        self._show_state()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.main, 3)
        buttons.addWidget(self.pause, 2)
        buttons.addWidget(self.trial, 2)
        self._column = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.strip)
        layout.addWidget(self.status)
        layout.addWidget(self.detail)
        afterwards = QHBoxLayout()
        afterwards.addWidget(self.rest, 1)
        afterwards.addWidget(self.more, 0, Qt.AlignmentFlag.AlignRight)
        layout.addLayout(afterwards)
        layout.addWidget(self.plot)

    # ----------------------------------------------------------------------------------- what the owner says

    def add(self, sheet: ContactSheet) -> None:
        """Put the owner's contact sheet in, above what is chosen of a result."""
        self._column.insertWidget(self._column.indexOf(self.detail), sheet)
        put_before(self.detail.slider, sheet.compare, *sheet.pictures)

    def listen(self, owner: QWidget) -> None:
        """Start, stop and pause by keys as well, while the focus is in `owner`."""
        pressed = {START: self._on_start_key, STOP: self._on_stop_key, PAUSE: self.pause.click}
        for keys, press in pressed.items():
            shortcut = QShortcut(QKeySequence(keys), owner)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(press)

    def allow(self, obstacle: str = "") -> None:
        """Allow a start, or say in a sentence what stands in the way."""
        self._obstacle = obstacle
        self._show_state()

    def offer_trial(self, kind: str, obstacle: str = "") -> None:
        """Offer to try a ``"plane"``, a ``"volume"`` or a ``"part"`` alone, or nothing.

        The `obstacle` is what stands in the way of that, in a sentence.
        """
        self._one, self._no_trial = kind, obstacle
        self._show_state()

    def tell(self, sentence: str) -> None:
        """Say a sentence until the next run, or until there is another."""
        self._news = sentence
        self._show_state()

    def follow(self, run: Run | None) -> None:
        """Show and control `run` from now on, or none."""
        self._leave()
        self.run, self._news = run, ""
        self.plot.clear_curves()
        self.strip.follow(None if run is None else run.planes)
        self.detail.follow(run)
        self.more.follow(run)
        self.plot.setVisible(run is not None)
        if run is not None:
            run.updated.connect(self._on_updated)
            run.finished.connect(self._on_finished)
        self._tell_live()
        self._show_state()
        self._show_curves()  # of a run that is done already there will be no news

    def let_go(self) -> None:
        """Stop following the viewer, and the run, which goes on."""
        self._leave()
        for part in (self.strip, self.detail, self.more):
            part.let_go()

    def _tell_live(self) -> None:
        if self._live is not self._told_live:
            self._told_live = self._live
            self.live_changed.emit(self._live)

    def _leave(self) -> None:
        if self.run is not None:
            self.run.updated.disconnect(self._on_updated, missing_ok=True)
            self.run.finished.disconnect(self._on_finished, missing_ok=True)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self._colours = colours
        self.plot.set_colours(colours)
        self.strip.set_colours(colours)
        self.detail.set_colours(colours)
        self.main.setStyleSheet(
            f"QPushButton {{ background: {colours.accent}; color: {colours.on_accent}; font-weight: bold; }}"
            f"QPushButton:hover {{ background: {colours.accent_bright}; }}"
            f"QPushButton:focus {{ border: 1px solid {colours.text}; }}"
            f"QPushButton:disabled {{ background: {colours.surface}; color: {colours.disabled}; }}"
        )
        self.bar.setStyleSheet(
            f"QProgressBar {{ background: {colours.surface}; border: none; border-radius: 4px; }}"
            f"QProgressBar::chunk {{ background: {colours.accent_bright}; border-radius: 4px; }}"
        )

    # -------------------------------------------------------------------------------------------- connections

    @property
    def _live(self) -> bool:
        return self.run is not None and not self.run.done

    def _on_main(self) -> None:
        if self.run is not None and self._live:
            self.run.stop()
        else:
            self.start_requested.emit()

    def _on_start_key(self) -> None:
        if not self._live:
            self.main.click()

    def _on_stop_key(self) -> None:
        if self._live:
            self.main.click()

    def _on_pause(self) -> None:
        if self.run is not None:
            (self.run.resume if self.run.paused else self.run.pause)()

    def _on_updated(self) -> None:
        self._show_state()
        if not self._plotted.isActive():
            self._plotted.start()
            self._show_curves()

    def _on_finished(self) -> None:
        run = self.run
        if run is not None and run.of is not None:  # back to the run with a result
            self.follow(run.of)
            found = None if run.result is None else run.result.uncertainty
            if run.error is not None:
                self.tell(f"How sure the result is can't be told: {run.error}")
            elif found is None:
                self.tell("How sure the result is was not told: it was stopped before that.")
            else:
                self.tell(how_sure(*typical(found)))
            return
        self.detail.follow(self.run)
        self._show_state()
        self._show_curves()
        self._tell_live()
        self.more.follow(self.run)

    def _show_state(self) -> None:
        run, live = self.run, self._live
        stopping = run is not None and live and run.stopping
        paused = run is not None and run.paused
        self.main.setText("Stop and keep" if live else self._verb)
        self.main.setEnabled(not stopping if live else not self._obstacle)
        self.main.setToolTip(
            with_keys("End the run and keep the best result so far. To go on later, pause it instead.", STOP)
            if live
            else self._obstacle or with_keys(self._explanation, START)
        )
        self.pause.setText("Continue" if paused else "Pause")
        self.pause.setEnabled(live and not stopping)
        self.pause.setToolTip(
            "There is nothing to pause: no run is under way."
            if not live
            else with_keys("Go on where the run was paused.", PAUSE)
            if paused
            else with_keys("Free the processor for a while. Nothing is lost.", PAUSE)
        )
        self._show_trial()
        self.strip.update()
        self.detail.refresh()
        self.bar.setValue(round(1000 * run.progress) if run is not None and run.error is None else 0)
        self.bar.setEnabled(live)
        self.status.setText(self._sentence())
        self._show_failure()

    def _show_failure(self) -> None:
        """Have what went wrong stand out, and draw no curves where there are none."""
        run = self.run
        failed = run is not None and run.error is not None and not (self._news or self._obstacle)
        look = f"color: {self._colours.signal};" if failed else ""
        if look != self.status.styleSheet():
            self.status.setStyleSheet(look)
        if run is not None and run.error is not None and not run.trace:
            self.plot.hide()

    def _show_trial(self) -> None:
        """Offer a trial where there is no run, and all the rest after it."""
        run, live = self.run, self._live
        self.trial.setVisible(bool(self._one) and not live)
        self.trial.setEnabled(not (self._obstacle or self._no_trial))
        self.trial.setText(f"Try this {self._one}")
        self.trial.setToolTip(
            self._obstacle
            or self._no_trial
            or (TRY_PART if self._one == PART else TRY_ONE).format(verb=self._verb, one=self._one)
        )
        # A trial stands where a pause does during a run.
        self.pause.setVisible(live or not self._one)
        result = None if run is None or run.region.whole or not run.restored else run.result
        if run is None or result is None or live or run.source not in self._viewer.layers:
            self.rest.hide()
            return
        everything = math.prod(run.region.shape[axis] for axis in run.region.axes.looped) > 1
        self.rest.setText(f"Apply to all {run.planes.kind}s" if everything else "Apply to the whole image")
        self.rest.setToolTip(
            f"Restore all of '{run.source.name}' with exactly the settings of this run, "
            f"{with_what(run.task, result.settings)}, whatever is chosen above."
        )
        self.rest.show()

    def _sentence(self) -> str:
        run = self.run
        if run is None or (not self._live and self._news):
            return self._news or self._obstacle
        said = status(run)
        if run.source not in self._viewer.layers:  # the form shows another
            said = f"'{run.source.name}' (removed): {said}"
        return f"{self._obstacle}\n{said}" if self._obstacle and not self._live else said

    def _show_curves(self) -> None:
        run = self.run
        if run is None or run.step is None or not self.plot.isVisible():
            return
        self.plot.show_curves(run.trace, run.figures, FIGURES.get(run.rule, run.rule))


def with_keys(tooltip: str, keys: str) -> str:
    """Return a tooltip that says which keys do the same, as this system writes them."""
    written = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
    return f"{tooltip}\n{written} does the same here."
