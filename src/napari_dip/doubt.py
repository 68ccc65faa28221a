"""How sure a job's result is: runs that follow each part's own tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import NDArray

from napari_dip.engine.fit import TRUSTED
from napari_dip.engine.neighbours import Neighbour
from napari_dip.engine.problem import Problem
from napari_dip.engine.settings import LARGEST_SEED, Settings
from napari_dip.engine.solver import Iterate
from napari_dip.engine.uncertainty import Guess, deviation, made_anew
from napari_dip.piece import Piece
from napari_dip.results import Result

__all__ = ["Doubt"]

Iterating = Callable[[Problem, Settings, Neighbour | None], Iterator[Iterate]]


class Doubt:
    """Finds out how sure a result is, part by part, by other random numbers and by noise made anew.

    Parameters
    ----------
    runs
        How many runs each part takes, its own among them.
    result
        Where the standard deviations go.

    Attributes
    ----------
    given
        The result, where it is there already and only how sure it is is asked; else None.
    told
        Whether it is told of some part.
    """

    def __init__(self, runs: int, result: Result) -> None:
        self.runs, self.result = runs, result
        self.given: NDArray[Any] | None = None
        self.told = result.lasts  # by another run perhaps
        self._guesses: list[Guess] = []
        self._anew: torch.Tensor | None = None

    def look(
        self,
        piece: Piece,
        own: Iterate | None,
        engine: Settings,
        starts: MutableMapping[str, Neighbour],
        iterate: Iterating,
        ended: Callable[[], bool],
    ) -> Iterator[tuple[int, Iterate]]:
        """Do the other runs of a part; yield which it is, counted from the part's first, and its iterate.

        Parameters
        ----------
        piece
            The part.
        own
            Where its own run has ended; None where the result is given.
        engine
            How that was done.
        starts
            What each of these runs left behind in a like part, by its number; it is kept up.
        iterate
            Does a run.
        ended
            Whether to end now.
        """
        self._problem, self._anew = piece.problem(), None
        if self.given is None:
            assert own is not None
            self._guesses = [_guess(own)]
        else:
            self._guesses = [Guess(piece.estimated(self.given[piece.part.goes]), None)]
        skipped = self.given is not None
        for number in range(1, self.runs):
            seed, last = (engine.seed + number) % (LARGEST_SEED + 1), number == self.runs - 1
            start = starts.get(str(number))
            if start is not None:  # what it says of pixels that it does not see is what is asked for
                start = replace(start, age=TRUSTED)
            asked = made_anew(self._problem, self._guesses[0].image, seed) if last else self._problem
            for it in iterate(asked, replace(engine, seed=seed), start):
                yield number - skipped, it
                if ended():
                    break
            if not last:
                self._guesses.append(_guess(it))
            elif it.stopped_by is not None:
                self._anew = it.best()
            if ended():
                return
            starts[str(number)] = it.neighbour()

    def tell(self, piece: Piece) -> bool:
        """Note how sure the result of the part is that was looked at; return whether that is known."""
        found = deviation(*piece.proper(self._problem, self._guesses, self._anew))
        if found is None:
            return False
        goes = piece.part.goes
        self.result[goes] = piece.unsure(found, self.result[goes])
        self.told = True
        return True


def _guess(it: Iterate) -> Guess:
    return Guess(it.best(), it.unseen, it.stopped_by == "stopping rule")
