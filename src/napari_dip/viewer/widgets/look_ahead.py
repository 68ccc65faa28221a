"""What a run would take, or what stands in its way, found out while the user fills in the form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_dip.viewer.background import Work
from napari_dip.viewer.troubles import EXPECTED
from napari_dip.viewer.words import need, sentence

if TYPE_CHECKING:
    from napari_dip.job import Job

__all__ = ["LookAhead", "takes"]

# Milliseconds from the last change of the form to a look at what it would take.
PLAN_AFTER = 200

Question = Callable[[], str]


class LookAhead(QObject):
    """A question about the form, answered in the background a moment after its last change.

    Parameters
    ----------
    ask
        Returns what is to be called in the background, and there returns a part of a sentence; None when
        there is nothing to ask. Either may raise what a verb raises.
    owner
        The form.

    Attributes
    ----------
    answered : psygnal.Signal
        There is an answer, and nothing has changed since the question.
    told
        The answer; empty until there is one.
    why_not
        What stands in the way, in a sentence, or nothing.
    """

    answered: ClassVar[Signal] = Signal()

    def __init__(self, ask: Callable[[], Question | None], owner: QWidget) -> None:
        super().__init__(owner)  # and so it hears of no answer any more when the form is gone
        self._ask = ask
        self.told = self.why_not = ""
        self.worker: Work | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PLAN_AFTER)
        self._soon.timeout.connect(self._look)

    def anew(self) -> None:
        """Forget the answer, and ask again in a moment."""
        self.told = self.why_not = ""
        self._soon.start()

    def _look(self) -> None:
        if self.worker is not None:  # with what was asked before
            self._soon.start()
            return
        try:
            question = self._ask()
        except EXPECTED as error:
            self._on_answer(("", sentence(error)))
            return
        if question is not None:
            self.worker = Work(_answer, question)
            self.worker.returned.connect(self._on_answer)
            self.worker.finished.connect(self._on_looked)
            self.worker.start()

    def _on_answer(self, answer: tuple[str, str]) -> None:
        if not self._soon.isActive():  # nothing has changed since
            self.told, self.why_not = answer
            self.answered.emit()

    def _on_looked(self) -> None:
        self.worker = None


def takes(job: Job) -> str:
    """Return what a run would take, in words."""
    return need(job.memory, len(job.parts) // len(job.axes.runs(job.image.shape)))


def _answer(question: Question) -> tuple[str, str]:
    try:
        return question(), ""
    except EXPECTED as error:
        return "", sentence(error)
