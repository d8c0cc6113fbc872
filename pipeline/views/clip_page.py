"""The page beside the clips: opens from disk, offline, and needs no script."""

from __future__ import annotations

import html
from urllib.parse import quote

from pipeline.views.clip_records import Clip, ClipIndex
from stores.files.names import counted, one_line

_LOADED = 24  # clips of which a browser fetches the first picture by itself
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem;
       color: #1b2330; background: #f7f8fa }
h1 { font-size: 1.35rem } h2 { font-size: 1rem; margin: .6rem 0 .2rem; overflow-wrap: anywhere }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr));
         gap: 1.25rem; padding: 0; list-style: none }
.clips > li { background: #fff; border: 1px solid #dde2e9; border-radius: 6px; padding: .8rem }
video { width: 100%; aspect-ratio: 16 / 9; background: #000 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .8rem; margin: .4rem 0 0;
     font-size: .87rem } dt { color: #566173 } dd { margin: 0; overflow-wrap: anywhere }
li a { font-size: .87rem; overflow-wrap: anywhere }
.remark { color: #7a4f00 } a { color: #1a56b8 } .lacking { overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #e4e8ee; background: #11151b }
  .clips > li { background: #191f27; border-color: #2c3541 }
  dt { color: #a3aebd } .remark { color: #f0c674 } a { color: #86b4ff } }
"""


def clip_page(index: ClipIndex) -> str:
    """Return the page of some clips, which lie in ``clips/`` beside it."""
    title = html.escape(one_line(f"Clips of {index.title}"))
    shown = "".join(_clip(clip, number) for number, clip in enumerate(index.clips))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{_STYLE}</style>'
        f"<main><h1>{title}</h1>"
        f"<p>{counted(len(index.clips), 'clip')}. Chosen last: {_text(index.chosen)}.{_more(index)}"
        ' The same as data: <a href="clips.json">JSON</a>, <a href="clips.csv">CSV</a>.</p>'
        f'<ul class="clips">{shown}</ul>{_lacking(index)}</main></html>\n'
    )


def _more(index: ClipIndex) -> str:
    return f" {counted(index.left_out, 'event')} of lower peaks left out." if index.left_out else ""


def _clip(clip: Clip, number: int) -> str:
    name = _text(f"{clip.label} in {clip.video}")
    loads = "metadata" if number < _LOADED else "none"
    facts = {
        "event": f"{_moment(clip.event_start)} to {_moment(clip.event_end)}, peak {clip.peak:.2f}",
        "in the clip": f"from {clip.event_start - clip.start:.1f} s on",
        "clip": f"{_moment(clip.start)} to {_moment(clip.end)}; by the file's own clock "
        f"{clip.clock_start:.3f} to {clip.clock_end:.3f} s",
        "frames": f"{clip.first_frame} to {clip.end_frame - 1}",
        "made": _made(clip),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in facts.items())
    remarks = "".join(f'<p class="remark">{_text(each)}.</p>' for each in _remarks(clip))
    source = quote(clip.file)
    return (
        f'<li><video controls preload="{loads}" src="{source}" aria-label="{name}"></video>'
        f'<h2>{name}</h2>{remarks}<dl>{rows}</dl><a href="{source}" download>'
        f"{_text(clip.file.rpartition('/')[2])}</a></li>"
    )


def _made(clip: Clip) -> str:
    sound = f"with sound ({clip.sound})" if clip.sound else "without sound"
    kind = f"{clip.codec}, {clip.width}×{clip.height}, {sound}"
    return f"encoded anew ({clip.reason}): {kind}" if clip.reason else f"copied as it was: {kind}"


def _remarks(clip: Clip) -> list[str]:
    remarks = [clip.remark[:1].upper() + clip.remark[1:]] if clip.remark else []
    if not clip.plays_in_browsers:
        remarks.append(
            f"Most browsers do not play {clip.codec} in MP4; other players do, and clip --encode "
            "makes a clip that all of them play"
        )
    return remarks


def _lacking(index: ClipIndex) -> str:
    if not index.not_cut:
        return ""
    rows = "".join(
        f"<li>{_text(f'{each.event} ({each.label}, peak {each.peak:.2f}): {each.reason}')}</li>"
        for each in index.not_cut
    )
    return f'<h2>Not cut</h2><ul class="lacking">{rows}</ul>'


def _moment(seconds: float) -> str:
    """Return seconds from a video's first frame as ``1:02:03.4``."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}"


def _text(text: str) -> str:
    return html.escape(one_line(text))
