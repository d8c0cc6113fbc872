"""The losses of a batch by name: summed with weights, shared out to parts, added up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LossTerms:
    """The losses of one batch by name, unweighted scalars in the order in which they are summed.

    All are means over samples, but those named in ``over_segments``, which are means over valid
    segments.
    """

    values: Mapping[str, Float[Tensor, ""]]
    over_segments: frozenset[str] = frozenset()

    def total(self, weights: Mapping[str, float]) -> Float[Tensor, ""]:
        """Return the weighted sum; a term that ``weights`` does not name has weight 1."""
        first, *rest = (
            weights[name] * term if name in weights else term for name, term in self.values.items()
        )
        return sum(rest, start=first)

    def detached(self) -> LossTerms:
        """Return copies of the values without their gradients, to be looked at later.

        Copies, because a CUDA graph writes to the same place at its next run.
        """
        return self._changed(lambda _, term: term.detach().clone())

    def share(self, of_samples: float, of_segments: float | Float[Tensor, ""]) -> LossTerms:
        """Return what this part of a batch adds to the terms of the whole batch."""
        return self._changed(
            lambda name, term: term * (of_segments if name in self.over_segments else of_samples)
        )

    def plus(self, other: LossTerms) -> LossTerms:
        """Return the sums, term by term; both have the same names."""
        return self._changed(lambda name, term: term + other.values[name])

    def _changed(self, change: Callable[[str, Tensor], Tensor]) -> LossTerms:
        changed = {name: change(name, term) for name, term in self.values.items()}
        return LossTerms(changed, self.over_segments)
