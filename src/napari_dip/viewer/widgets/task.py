"""What the widget of every task is: a form, the controls of a run, and *Advanced*."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

import napari.viewer
from napari.layers import Image, Layer
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget
from superqt import QCollapsible

from napari_dip.viewer.alternatives import Alternative
from napari_dip.viewer.context_menu import put_entries
from napari_dip.viewer.guides import asked
from napari_dip.viewer.known_runs import RUNS, live_run
from napari_dip.viewer.layers import unwrap
from napari_dip.viewer.masks import filled_in
from napari_dip.viewer.regions import Region
from napari_dip.viewer.runs import Run
from napari_dip.viewer.troubles import EXPECTED
from napari_dip.viewer.warmup import when_warm
from napari_dip.viewer.widgets.advanced import FIELDS, AdvancedForm
from napari_dip.viewer.widgets.contact_sheet import ContactSheet
from napari_dip.viewer.widgets.docks import share_a_place
from napari_dip.viewer.widgets.form import TaskForm
from napari_dip.viewer.widgets.left_behind import LeftBehind
from napari_dip.viewer.widgets.narrow import Entries, stack_up
from napari_dip.viewer.widgets.remembering import Remembering
from napari_dip.viewer.widgets.run_controls import RunControls
from napari_dip.viewer.widgets.runs_done import runs_done
from napari_dip.viewer.widgets.theme import Colours
from napari_dip.viewer.words import sentence

if TYPE_CHECKING:
    from napari_dip.job import Job
    from napari_dip.viewer.widgets.more import Recent

__all__ = ["NO_IMAGE", "OPEN", "TaskWidget"]

NO_IMAGE = "Open an image, or try File > Open Sample > Deep Image Prior."
LOADING = "Getting ready…"
BUSY = "A run is under way."
UNDER_WAY = f"{BUSY} Stop it, or wait for its end."


class TaskWidget(QWidget):
    """Choose a layer and a preset, press the button, and watch the result grow.

    A task is a subclass, which says what it is called, how it is planned, and what else it asks.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.

    Attributes
    ----------
    TASK
        What is done, the `name` of one of `napari_dip.tasks`.
    VERB, EXPLANATION
        The button's text and its tooltip.
    PRESETS
        The presets that are offered, with what they are called and what they are.
    ALTERNATIVES
        What can be compared on a part, at most three.
    NEIGHBOURS
        Along with how many planes on each side a slice is restored unless the user chooses; None for volumes.
    """

    TASK: ClassVar[str]
    VERB: ClassVar[str]
    EXPLANATION: ClassVar[str]
    PRESETS: ClassVar[Entries]
    ALTERNATIVES: ClassVar[Sequence[Alternative]] = (
        Alternative("Fast", "the preset, as it is.", "fast"),
        Alternative("Best", "the preset that takes its time.", "best"),
    )
    NEIGHBOURS: ClassVar[int | None] = None

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = unwrap(napari_viewer)
        self._not_ready = LOADING
        self._shown = self._docked = False
        self._wanted: Image | None = None  # is to be restored as soon as that is possible
        # What ties the widget to a viewer that outlives it. Qt holds a lambda, and not the object of a
        # bound method: it lives until Qt deletes it, and not until Python happens to look for garbage.
        self._ties: list[Callable[[], object]] = []
        ties = self._ties
        self.destroyed.connect(lambda: [cut() for cut in ties])
        self._make_parts()
        self.form.lay_out(self.add_rows)
        stack_up(self, (self.left_behind, self.form, self.what, self.controls, self.fold))
        self.setMinimumWidth(280)
        self._connect()
        put_entries()
        OPEN.add(self)
        self._on_theme()
        self._on_layer()
        self._remembering = Remembering(self.TASK, self.preset, self.advanced.device, self.fold)
        self._remembering.recall()
        self._warmup = when_warm(self._on_warm, self._on_cold)
        run = live_run(self.viewer, self.TASK)
        if run is not None:  # begun in the console, or in a widget that was closed
            self._on_begun(run)

    def _make_parts(self) -> None:
        self.left_behind = LeftBehind(self.viewer)
        self.form = form = TaskForm(self.viewer, self.TASK, self.PRESETS, self.NEIGHBOURS)
        self.rows, self.layer, self.guide, self.preset = form.rows, form.layer, form.guide, form.preset
        self.stacks, self.destination, self.afterwards = form.stacks, form.destination, form.afterwards
        self.what = QLabel()
        self.what.setTextFormat(Qt.TextFormat.PlainText)
        self.what.setWordWrap(True)
        self.what.setToolTip("What will be restored.")
        self.controls = RunControls(self.VERB, self.EXPLANATION, self.viewer)
        self.done = runs_done(self.viewer, self.TASK)
        self.sheet = ContactSheet(self.ALTERNATIVES, self.viewer)
        self.controls.add(self.sheet)
        self.controls.listen(self)
        missing = self.TASK == "inpaint"  # elsewhere there is nothing to guess
        self.advanced = AdvancedForm(tuple(one for one in FIELDS if missing or one.name != "guess"))
        self.fold = QCollapsible("Advanced")
        self.fold.setDuration(0)
        frame = self.fold.layout()
        assert frame is not None
        frame.setContentsMargins(0, 0, 0, 0)
        self.fold.addWidget(self.advanced)

    def _connect(self) -> None:
        self.layer.currentIndexChanged.connect(self._on_layer)
        self.stacks.changed.connect(self.refresh)
        self.guide.changed.connect(self._on_guide)
        self.destination.changed.connect(self.describe)
        self.stacks.looked_at.connect(self.describe)
        self.advanced.changed.connect(self._on_advanced)
        self.preset.currentIndexChanged.connect(self.show_preset)
        self.preset.looked_at.connect(self.offer_presets)
        self.controls.start_requested.connect(self.start)
        self.controls.trial_requested.connect(self.try_one)
        self.controls.rest_requested.connect(self.apply_to_all)
        self.controls.live_changed.connect(self._on_live)
        self.controls.more.again_requested.connect(self.run_again)
        self.controls.more.presets_changed.connect(self.offer_presets)
        self.sheet.requested.connect(self.compare)
        self.sheet.chosen.connect(self._on_chosen)
        self._hear(self.viewer.events.theme, self._on_theme)
        self._hear(self.viewer.dims.events.ndisplay, self._on_ndisplay)
        self._hear(self.viewer.layers.selection.events.active, self._on_selected)
        RUNS.begun.connect(self._on_begun)
        self.tie(self.left_behind.let_go)
        self.tie(self.form.let_go)
        self.tie(self.controls.let_go)
        self.tie(self.sheet.forget)
        self.tie(self._hear_no_more)

    def _hear(self, event: Any, react: Callable[[], object]) -> None:
        """Have `react` called at an event of napari's, for as long as the widget is there."""

        # A function: napari 0.6 compares a method's widget with others when it is gone already.
        def heard(event: object = None) -> None:
            react()

        event.connect(heard)
        self.tie(lambda: event.disconnect(heard))

    def _hear_no_more(self) -> None:
        OPEN.discard(self)
        RUNS.begun.disconnect(self._on_begun, missing_ok=True)

    def tie(self, cut: Callable[[], object]) -> None:
        """Have `cut` called when the widget is gone; its runs go on."""
        self._ties.append(cut)

    # ------------------------------------------------------------------------------------ what a task says

    def add_rows(self, form: QFormLayout) -> None:
        """Make what the task asks besides, in rows of its own between the image and the guide."""

    def settings(self) -> dict[str, Any]:
        """Return what is chosen, as keywords of the task's call; a task adds what it asks besides."""
        said = self.form.settings() | self.advanced.settings()
        if not self.form.has_channels:  # of an image that was chosen before
            said.pop("channels", None)
        return said

    def settings_of(self, run: Run) -> dict[str, Any]:
        """Return the keywords of the task's call that make what `run`, which is done, has made."""
        return {} if run.result is None else {**run.result.settings, "guide": run.guide}

    def plan(self, layer: Image, settings: dict[str, Any]) -> Job:
        """Return the job for an image.

        Parameters
        ----------
        layer
            The image, or the chosen part of it.
        settings
            Keywords of the task's call.

        Raises
        ------
        ValueError, TypeError, MemoryError, OSError
            With a sentence for the user.
        """
        raise NotImplementedError

    def obstacle(self) -> str:
        """Return what stands in the way of this task, in a sentence, or nothing; an image is chosen."""
        return ""

    def details(self) -> str:
        """Return what else is to be said of what will be restored; it follows a comma."""
        missing = self.form.missing
        if missing is None or not missing.any():
            return ""
        unknown = missing.all(axis=self.stacks.axes().spatial, keepdims=True)
        left = int(unknown.sum())
        told = [f"{filled_in(missing & ~unknown)} (NaN or infinite)"] if (missing & ~unknown).any() else []
        if left:
            stay = "stays as it is" if left == 1 else "stay as they are"
            told += [f"{left} of which nothing is known {stay}"]
        return ", ".join(told)

    def presets(self) -> str:
        """Return which presets are offered, a key of `napari_dip.engine.presets.PRESETS`."""
        return self.TASK

    @property
    def asks_for_layers(self) -> bool:
        """Whether several layers are chosen: the selection doesn't tell then which of them is meant."""
        return self.guide.layer is not None

    @property
    def enlargement(self) -> int:
        """How many times finer the result is than the image, in rows and columns."""
        return 1

    @property
    def mask_in_use(self) -> Layer | None:
        """The layer that says what is to be restored, where there is one."""
        return None

    # -------------------------------------------------------------------------------------- what it begins

    def start(self) -> Run | None:
        """Begin a run with what is chosen; a notification says why not, when that can't be."""
        layer = self.layer.layer
        if layer is None or not self.ready:
            return None
        return self._begin(layer, lambda: self.settings() | self.form.out, self.stacks.region)

    def choose_layer(self, layer: Image) -> bool:
        """Choose an image, unless a run is under way; return whether it is chosen."""
        if self.form.isEnabled():
            self.layer.layer = layer
        else:
            show_info(UNDER_WAY)
        return self.form.isEnabled()

    def start_on(self, layer: Image) -> None:
        """Begin a run of an image with what else is chosen, as soon as torch is there."""
        if self.choose_layer(layer):
            if self.ready:
                self.start()
            else:
                self._wanted = layer

    def try_one(self) -> Run | None:
        """Begin a run of what is looked at alone: a plane of a stack, or of a large one the part in sight."""
        layer = self.layer.layer
        if layer is None or not self.ready:
            return None
        return self._begin(layer, self.settings, self._looked_at)

    def compare(self) -> None:
        """Restore what is looked at in each of the alternatives, one after the other."""
        layer = self.layer.layer
        if layer is None or not self.ready:
            return
        try:
            region, settings = self._looked_at(), self.settings()
        except EXPECTED as error:
            self._refuse(error)
            return
        self.sheet.begin(
            lambda preset: self._begin(layer, lambda: settings | {"preset": preset}, lambda: region)
        )

    def apply_to_all(self) -> Run | None:
        """Begin a run of the whole image or stack with the settings of the last run, which was of a part."""
        run = self.controls.run
        if run is None or run.result is None:
            return None
        begun = self._begin(
            run.source,
            lambda: self.settings_of(run) | self.form.out,
            lambda: Region.of(run.source, run.region.now().axes),
        )
        if begun is not None and run.layer is not None:  # else B would show it, and not the original
            run.layer.visible = False
        return begun

    def run_again(self, recent: Recent) -> Run | None:
        """Begin a run that does once more what another did."""
        whole, axes = recent.region.whole, recent.region.axes
        return self._begin(
            recent.source,
            lambda: dict(recent.settings),
            lambda: Region.of(recent.source, axes) if whole else recent.region.now(),
        )

    def begin(self, layer: Image, settings: dict[str, Any], region: Region) -> Run:
        """Begin a run of a region of `layer`, with these keywords of the task's call."""
        part, keywords, guide = asked(self.viewer, region, settings)
        job = self.plan(part, keywords)
        # Around a part the original is still to be seen.
        then = "keep both" if region.cut else self.afterwards.currentData()
        return Run(self.viewer, layer, job, region=region, guide=guide, then=then)

    def _begin(
        self, layer: Image, settings: Callable[[], dict[str, Any]], region: Callable[[], Region]
    ) -> Run | None:
        try:
            return self.begin(layer, settings(), region())
        except EXPECTED as error:
            self._refuse(error)
            return None

    def _refuse(self, error: Exception) -> None:
        show_error(str(error))
        self.controls.tell(str(error))

    def _looked_at(self) -> Region:
        return self.form.looked_at(self.enlargement, self.mask_in_use)

    # ----------------------------------------------------------------------------------------- what it shows

    @property
    def ready(self) -> bool:
        """Whether torch is there."""
        return not self._not_ready

    @property
    def in_the_way(self) -> str:
        """All that may stand in the way of a start: the first of it, in a sentence, or nothing."""
        if self.layer.layer is None:
            return NO_IMAGE
        return self._not_ready or self.form.problem or self.obstacle()

    def description(self) -> str:
        """Return what will be restored, in words, or nothing while that is not known."""
        return self.form.describe(self.details) if self.ready else ""

    def refresh(self) -> None:
        """Look anew at what is chosen, and say what will be restored, and what stands in the way."""
        self.describe()

    def describe(self) -> None:
        """Say what will be restored, and what stands in the way."""
        self.layer.follow = not self.asks_for_layers
        self.controls.allow(self.in_the_way)
        self._offer_trial()
        description, guide = self.description(), self.guide.layer
        by = f", guided by '{guide.name}'" if description and guide is not None else ""
        self.what.setText(description + by)

    def _offer_trial(self) -> None:
        kind, obstacle = self.form.trial(self.enlargement)
        self.controls.offer_trial(kind, obstacle)
        busy = "" if self.form.isEnabled() else BUSY
        self.sheet.offer(bool(kind and self.ALTERNATIVES), self.in_the_way or obstacle or busy)

    def show_preset(self) -> None:
        """Show in *Advanced* what the preset decides."""
        if not self.ready:  # to know takes torch
            return
        from napari_dip.engine import presets
        from napari_dip.presets import choose_preset

        kind = self.presets() if self.guide.layer is None else presets.guided(self.presets())
        try:
            chosen = choose_preset(self.preset.currentData(), self.TASK, kind)
        except ValueError as error:  # a file of the user's that is damaged
            self.controls.tell(sentence(error))
            return
        self.advanced.show_preset({**chosen.rest, **chosen.engine.to_dict()})

    def offer_presets(self) -> None:
        """Offer the package's presets and the user's own."""
        if self.ready:
            self.preset.offer_own()
            self.show_preset()

    # ------------------------------------------------------------------------------------------- connections

    def showEvent(self, event: Any) -> None:
        """Be seen: at the first time in the place where the others are."""
        super().showEvent(event)
        if not self._shown:
            self._shown = True
            share_a_place(self, [one for one in OPEN if one.viewer is self.viewer])

    def changeEvent(self, event: Any) -> None:
        """Go when the dock is closed, which leaves the widget alone; begin nothing more of a comparison."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange:
            closed, self._docked = self._docked and self.parent() is None, self.parent() is not None
            if closed:
                self.sheet.forget()
                QTimer.singleShot(0, self._go)

    def _go(self) -> None:
        if self.parent() is None and not self.isVisible():  # else it has been put into another dock
            self.deleteLater()

    def _on_warm(self, devices: dict[str, str]) -> None:
        self._not_ready = ""
        self.advanced.show_devices(devices)
        self._on_layer()
        self.offer_presets()
        self._remembering.recall()
        wanted, self._wanted = self._wanted, None
        if wanted is not None and wanted in self.viewer.layers:
            self.start_on(wanted)

    def _on_cold(self, error: Exception) -> None:
        self._not_ready = f"PyTorch could not be loaded: {error}"
        self.refresh()

    def _on_layer(self) -> None:
        self.form.show_for(self.ready)
        self.sheet.keep_for(self.layer.layer)
        self._show_last()
        self.refresh()

    def _show_last(self) -> None:
        """Show what became of the image that is chosen: what is shown is never another image's."""
        run, last = self.controls.run, self.done.of(self.layer.layer)
        if run is None or run.done:
            self.controls.tell("")  # of what was in the way of another
            if run is not last:
                self.controls.follow(last)

    def _on_selected(self) -> None:
        """Go over to the run whose result is selected, if it is one of the image that is chosen."""
        run, now = self.done.that_made(self.viewer.layers.selection.active), self.controls.run
        if run is not None and run is not now and run.source is self.layer.layer and (not now or now.done):
            self.controls.follow(run)

    def _on_guide(self) -> None:
        self.controls.tell("")  # of what was in the way before
        self.show_preset()
        self.refresh()

    def _on_advanced(self) -> None:
        together = self.advanced.settings().get("channels") == "together"
        if together != self.stacks.together:  # other planes, and fewer of them
            self.stacks.together = together
            self.refresh()

    def _on_begun(self, run: Run) -> None:
        """Follow a run in this window, also one that the console began, unless another is being followed."""
        busy = self.controls.run is not None and not self.controls.run.done
        if run.is_in(self.viewer) and run.task == self.TASK and not busy:
            if run.source in self.viewer.layers:
                self.layer.layer = run.source
            self.controls.follow(run)

    def _on_live(self, live: bool) -> None:
        self.form.setEnabled(not live)
        self.advanced.setEnabled(not live)
        run = self.controls.run
        if run is not None and run.done:
            self.done.keep(run)
            if run.of is None:
                self.controls.more.remember(run, self.settings_of(run))
        self.describe()

    def _on_chosen(self, run: Run, alternative: Alternative, by_user: bool) -> None:
        """Go on from the alternative that was chosen, if no run is under way."""
        if by_user:
            self.preset.setCurrentIndex(self.preset.findData(alternative.preset))
            self._remembering.on_preset()
        if self.controls.run is not run and (self.controls.run is None or self.controls.run.done):
            self.done.keep(run)
            self.controls.follow(run)

    def _on_ndisplay(self) -> None:
        self._offer_trial()

    def _on_theme(self) -> None:
        colours = Colours.of(self.viewer)
        self.controls.set_colours(colours)
        self.sheet.set_colours(colours)
        self.fold.setExpandedIcon(colours.arrow(down=True))
        self.fold.setCollapsedIcon(colours.arrow(down=False))


OPEN: WeakSet[TaskWidget] = WeakSet()
"""The widgets that there are, in all viewers."""
