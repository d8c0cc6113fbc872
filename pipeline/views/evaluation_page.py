"""One page about a training and its evaluation: opens from disk, offline, all of it in one file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from extract.container import DecodeError
from extract.killable import killable
from extract.stills import read_stills
from model.evaluation.bootstrap import curve_bands
from model.evaluation.errors import Mistake, worst_mistakes
from model.evaluation.summary import class_precisions
from pipeline.stages.evaluate import BASELINE_FIGURES
from pipeline.views import evaluation_figures as charts
from pipeline.views.banner import banner
from pipeline.views.figure_table import figure_rows, pooled_note
from stores.files.commit import commit_text
from stores.files.names import clock
from stores.files.roots import Roots, recorded_roots
from stores.records import StoreError

if TYPE_CHECKING:
    from pipeline.stages.evaluate import EvaluateReport

_STILL_HEIGHT = 150
_LEFT_OUT = "Test videos that have no features and are in no figure"
_ZERO_SHOT = (
    "Segments against the class texts by CLIP itself, smoothed over neighbours: nothing was "
    "trained, and what training adds is the difference. Per cent."
)
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
       color: #222; background: #fff }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr));
          gap: 1.5rem } figure { margin: 0 } figcaption { font-size: 90% }
img { max-width: 100%; background: #fff } table { border-collapse: collapse }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; border-bottom: 1px solid #ccc }
.wide { overflow-x: auto }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.cautions { border: 2px solid #b3261e; padding: .3rem .8rem } .cautions p { margin: .2rem 0 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } }
"""


def write_evaluation_page(path: Path, report: EvaluateReport) -> None:
    """Commit the page.

    Raises:
        StoreError: It cannot be written.
        ValueError: All frames are of one kind.
    """
    figures = [*_training_charts(report.checkpoint), *_evaluation_charts(report)]
    alarms, misses = worst_mistakes(report.split, report.rule)
    roots = Roots(None, recorded_roots(report.folder))
    by = f" by a model of {report.trained_on}" if report.trained_on else ""
    title = html.escape(f"{report.dataset}{by}, protocol {report.protocol}: evaluation")
    commit_text(
        path,
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>"
        f"{banner(report.cautions)}{_table(report)}{_figures(report)}{_baselines(report)}"
        f"<h2>Charts</h2>"
        f'<div class="charts">{"".join(figures)}</div>'
        f"{_gallery('Worst false alarms', alarms, roots)}"
        f"{_gallery('Worst misses', misses, roots)}"
        "</main></html>\n",
    )


def read_series(folder: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Return every curve that a training logged for TensorBoard; none where it logged nothing."""
    if not any(folder.glob("events.out.tfevents.*")):
        return {}
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    log.Reload()
    return {
        name: ([e.step for e in log.Scalars(name)], [e.value for e in log.Scalars(name)])
        for name in log.Tags()["scalars"]
    }


def _training_charts(checkpoint: Path) -> Iterator[str]:
    folder = checkpoint.parent if checkpoint.is_file() else checkpoint
    series = read_series(folder / "tensorboard")
    if losses := {n.removeprefix("loss/"): s for n, s in series.items() if n.startswith("loss/")}:
        yield _chart("Loss terms, unweighted, and their total", charts.draw_series(losses, "loss"))
    if "selection/metric" in series:
        picture = charts.draw_series({"": series["selection/metric"]}, "figure")
        yield _chart("The figure that chooses the weights (validation)", picture)


def _evaluation_charts(report: EvaluateReport) -> Iterator[str]:
    split, details = report.split, report.details
    truth, score = np.concatenate(split.truths), np.concatenate(split.counted_scores)
    bands = curve_bands(split.truths, split.counted_scores)
    auc, ap = 100 * report.metrics["auc"], 100 * report.metrics["ap"]
    over = f" ({report.coverage})" if report.coverage.is_partial else ""
    yield _chart(
        f"ROC of frames, AUC {auc:.2f} %{over}; the band holds 95 % of draws of videos",
        charts.draw_band(bands.roc, "false alarm rate", "recall", None),
    )
    yield _chart(
        f"Precision and recall of frames, AP {ap:.2f} %{over}; the dashed line is guessing",
        charts.draw_band(bands.precision, "recall", "precision", float(truth.mean())),
    )
    if precisions := class_precisions(split):
        picture = charts.draw_bars(precisions, "frame AP")
        yield _chart(f"Average precision of each class's frames{over}", picture)
    if report.category_auc:
        picture = charts.draw_bars(report.category_auc, "AUC within the class")
        yield _chart(f"AUC among the frames of each class's own videos{over}", picture)
    confusion = charts.draw_confusion(details.confusion, split.classes)
    yield _chart(f"Videos by true class and by the class they were taken for{over}", confusion)
    histograms = charts.draw_histograms(truth, score)
    yield _chart(f"Scores of normal and of anomalous frames{over}", histograms)
    alarms = charts.draw_alarms(details.alarms)
    yield _chart(f"Recall of events against false alarms per hour{over}", alarms)


def _table(report: EvaluateReport) -> str:
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="n">{value}</td>'
        f'<td class="n">{interval}</td>{"".join(f"<td>{each}</td>" for each in over)}</tr>'
        for name, value, interval, *over in report.table()
    )
    over = "<th>over</th>" if report.coverage.is_partial else ""
    head = f"<tr><th>figure</th><th>per cent</th><th>95 % interval</th>{over}</tr>"
    missing = "".join(f"<li>{html.escape(each)}</li>" for each in report.missing)
    listed = f"<details><summary>{_LEFT_OUT}</summary><ul>{missing}</ul></details>"
    over = f"<p>Over {report.coverage}.</p>"
    return f"{over}<table>{head}{rows}</table>{listed if missing else ''}"


def _figures(report: EvaluateReport) -> str:
    """Return the table of what reviewers ask for, with what each figure is."""
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="n">{value}</td>'
        f"<td>{html.escape(meaning)}</td></tr>"
        for name, value, meaning in figure_rows(report.figures, report.rule.threshold)
    )
    note = pooled_note(report.figures)
    told = f"<p>Mind that {html.escape(note)}.</p>" if note else ""
    head = "<tr><th>figure</th><th>value</th><th>what it is</th></tr>"
    return f"<h2>What reviewers ask for as well</h2>{told}{_wide(head + rows)}"


def _baselines(report: EvaluateReport) -> str:
    """Return the table of zero-shot CLIP beside the checkpoint, or why there is none."""
    told = report.baselines.note
    note = f"<p>{html.escape(told[0].upper() + told[1:])}.</p>" if told else ""
    if not report.baselines.rows:
        return note
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(f'<td class="n">{value}</td>' for value in values)
        + "</tr>"
        for name, *values in report.baseline_table()
    )
    head = "".join(f"<th>{name}</th>" for name in ("", *BASELINE_FIGURES))
    table = _wide(f"<tr>{head}</tr>{rows}")
    return f"<h2>Beside zero-shot CLIP</h2><p>{_ZERO_SHOT}</p>{note}{table}"


def _wide(rows: str) -> str:
    """Return a table that a narrow screen scrolls by itself."""
    return f'<div class="wide"><table>{rows}</table></div>'


def _chart(caption: str, svg: str) -> str:
    text = html.escape(caption)
    return (
        f'<figure><img alt="{text}" src="{_embedded("image/svg+xml", svg.encode())}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _gallery(title: str, mistakes: Sequence[Mistake], roots: Roots) -> str:
    if not mistakes:
        return f"<h2>{title}</h2><p>There is none.</p>"
    shown = "".join(show_mistake(each, roots) for each in mistakes)
    return f'<h2>{title}</h2><div class="charts">{shown}</div>'


def show_mistake(mistake: Mistake, roots: Roots) -> str:
    """Return the figure of one mistake, with its frame where the video may and can be read."""
    caption = html.escape(
        f"{mistake.video_id}, {clock(mistake.seconds)} (frame {mistake.frame}): {mistake.label}, "
        f"score {mistake.score:.3f}"
    )
    still = _still(mistake, roots)
    if isinstance(still, str):
        return f"<figure><figcaption>{caption} ({html.escape(still)})</figcaption></figure>"
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(still, cv2.COLOR_RGB2BGR))
    assert ok, "a picture of 8 bits can be a JPEG"
    source = _embedded("image/jpeg", data.tobytes())
    return f'<figure><img alt="" src="{source}"><figcaption>{caption}</figcaption></figure>'


def _still(mistake: Mistake, roots: Roots) -> NDArray[np.uint8] | str:
    """Return the frame of a mistake, or why there is none."""
    try:
        path = roots.find(mistake.video_id, mistake.path)
        return killable(read_stills, path, [mistake.seconds], _STILL_HEIGHT, mistake.rate)[0]
    except (StoreError, DecodeError) as error:
        return str(error)


def _embedded(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
