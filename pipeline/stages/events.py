"""The events stage: another rule or temperature for scores that lie there, without their videos."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.checkpoint import Checkpoint, load_checkpoint
from model.heads.base import load_scoring
from model.scoring.events import label_all
from model.scoring.temperature import change_temperature
from pipeline.options import check_options
from pipeline.stages.cautions import calibration_kind
from pipeline.stages.scoring_plan import find_calibration, resolve_rule
from stores.files.commit import exclusive
from stores.files.names import counted
from stores.files.typed import convert, read_json
from stores.records import EventRule, LabelledScores, StoreError, VideoScores
from stores.scores.reader import newest_header, open_scores
from stores.scores.rows import ScoredVideo
from stores.scores.schema import ScoreHeader

if TYPE_CHECKING:
    from pipeline.commands.events import EventsRun


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventsReport:
    """The header that a folder of scores has now, how many of its videos got it, and all rows."""

    folder: Path
    header: ScoreHeader
    changed: int
    videos: tuple[ScoredVideo, ...]


def events(run: EventsRun) -> EventsReport:
    """Give the scores of a folder the rule and temperature that the options ask for.

    Raises:
        StoreError: No scores, a checkpoint or rule that cannot be read, another model's scores, or
            a folder in use or not writable.
        ValueError: Options out of range.
    """
    check_options(run)
    if run.checkpoint is None and not run.events.calibrated:
        raise ValueError("--no-calibrated needs --checkpoint, the folder that made these scores")
    newest_header(run.scores)  # nothing is made where there are no scores
    with exclusive(run.scores):
        header, checkpoint = _asked_for(run, newest_header(run.scores))
        rows, changed = _open(run.scores, header, checkpoint)
    return EventsReport(run.scores, header, changed, tuple(rows))


def open_labelled(folder: Path, header: ScoreHeader, checkpoint: Checkpoint) -> list[ScoredVideo]:
    """Open a folder of a checkpoint's scores, giving it the header's rule and temperature.

    Raises:
        StoreError: As for ``open_scores``, but for another rule or temperature.
    """
    rows, changed = _open(folder, header, checkpoint)
    if changed:
        logger.info(
            "%s: %s had events by another rule or calibration; now by threshold %g, release %g, "
            "%d frames",
            *(folder, counted(changed, "video"), header.rule.threshold, header.rule.release),
            header.rule.minimum_frames,
        )
    return rows


def read_rule(path: Path) -> EventRule:
    """Return the rule of a file, as a report saves it.

    Raises:
        StoreError: There is none, it is no rule, or a value is out of range.
    """
    content = read_json(path, dict[str, object])
    if content is None:
        raise StoreError(f"no such file: {path}")
    names = [field.name for field in fields(EventRule)]
    if "threshold" not in content or not content.keys() <= set(names):
        raise StoreError(f"{path} is no rule: it has to hold threshold, and may {names[1:]} alone")
    return convert(content, EventRule, path)


def _asked_for(run: EventsRun, newest: ScoreHeader) -> tuple[ScoreHeader, Checkpoint | None]:
    """Return what the options make of a folder's header, and the checkpoint that they name."""
    header, checkpoint = newest, None
    if run.checkpoint is not None:
        checkpoint = load_checkpoint(run.checkpoint)
        if checkpoint.fingerprint != newest.model_fingerprint:
            raise StoreError(
                f"{run.scores} holds scores of another model ({newest.model_fingerprint}) than "
                f"{run.checkpoint} ({checkpoint.fingerprint}); give the checkpoint it was made with"
            )
        found = find_calibration(run.checkpoint, checkpoint) if run.events.calibrated else None
        rule, temperature = (found.rule, found.temperature) if found else (EventRule(), None)
        kind = calibration_kind(found, rule)
        header = replace(newest, rule=rule, score_temperature=temperature, calibrated=kind)
    given = header if run.rule is None else replace(header, rule=read_rule(run.rule))
    rule = resolve_rule(run.events, given)
    # One that is another than the calibration's is nobody's.
    kind = header.calibrated if rule == header.rule else "no"
    return replace(header, rule=rule, calibrated=kind), checkpoint


def _open(
    folder: Path, header: ScoreHeader, checkpoint: Checkpoint | None
) -> tuple[list[ScoredVideo], int]:
    """Return the rows of a folder, and how many of its videos were labelled anew."""
    counts: list[int] = []

    def relabel(results: Iterable[VideoScores], theirs: ScoreHeader) -> list[LabelledScores]:
        labelled = _relabel(results, theirs, header, checkpoint)
        counts.append(len(labelled))
        return labelled

    return open_scores(folder, header, relabel), sum(counts)


def _relabel(
    results: Iterable[VideoScores],
    theirs: ScoreHeader,
    header: ScoreHeader,
    checkpoint: Checkpoint | None,
) -> list[LabelledScores]:
    if theirs.score_temperature == header.score_temperature:
        return label_all(results, header)
    if checkpoint is None:
        raise StoreError(
            "an `events --checkpoint` did not come to its end: some scores have its temperature "
            f"({header.score_temperature}), others {theirs.score_temperature}; give --checkpoint"
        )
    before, now = (checkpoint.temperatures(each.score_temperature) for each in (theirs, header))
    change = load_scoring(checkpoint.head).redistribute
    return label_all((change_temperature(each, before, now, change) for each in results), header)
