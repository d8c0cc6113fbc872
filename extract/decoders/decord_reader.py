"""decord, for the kinds of files on which its frames were found equal to PyAV's, one by one.

Read forward and never by index: random access gives wrong frames without an error. Why and when it
is taken: docs/decisions/0002-decoders.md.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from extract.decoders.pixels import Picture, resize, target_size
from extract.decoders.reading import Reading
from extract.probe import VideoProbe
from extract.recipe import Recipe
from extract.sampling import is_strided, plan, segment_count
from stores.files.names import is_unicode

# decord2 loads every CUDA library of the nvidia packages for the whole process to bind to, NVBLAS
# too: 640 MB, and a torch imported later dies in its first matrix product. Nothing here decodes on
# a GPU, so decord is not shown those packages; None in sys.modules hides one.
_nvidia = sys.modules.get("nvidia")
sys.modules["nvidia"] = None  # type: ignore[assignment]  # typeshed knows modules alone
try:
    import decord
finally:
    del sys.modules["nvidia"]
    if _nvidia is not None:
        sys.modules["nvidia"] = _nvidia

_MOST_BYTES = 1 << 29  # of frames that reading with decord may come to hold

# Fewest frames a keyframe at which decord is within about a tenth of PyAV's speed: it converts a
# whole segment's frames wherever one holds a keyframe (measured: docs/decisions/0002-decoders.md).
_KEYFRAME_SPACING = 100


def unfit_reason(probe_info: VideoProbe, recipe: Recipe) -> str:
    """Return why decord must not read this video, or an empty string where it may.

    decord decodes ahead without bound while its reader waits, so that all it may come to hold is
    limited: every frame at full size, or the resized ones of a strided recipe, read in one go.
    """
    frames, width, height = probe_info.frames, probe_info.width, probe_info.height
    if is_strided(recipe.frames):
        frames = segment_count(frames, recipe.tail)
        width, height = target_size(probe_info, recipe.resize)
    holds = frames * width * height * 3
    container, pixels = probe_info.container, probe_info.pixel_format
    reasons = {
        f"container {container}": not container.startswith(("mov,mp4", "matroska")),
        f"codec {probe_info.codec}": probe_info.codec not in ("h264", "hevc"),
        f"pixel format {pixels}": pixels not in ("yuv420p", "yuvj420p"),
        f"{probe_info.hidden} frames hidden by an edit list": probe_info.hidden > 0,
        "a picture to be turned": not probe_info.orientation.is_upright,
        "a clock that steps": bool(probe_info.steps),
        "a name that is no UTF-8": not is_unicode(probe_info.path),
        "packets without a time": probe_info.timestamps.size != probe_info.frames,
        "a cover picture taken for the video": not probe_info.is_best_stream,
        f"it may come to hold {holds / 1e6:.0f} MB of frames": holds > _MOST_BYTES,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def is_preferred(probe_info: VideoProbe, recipe: Recipe) -> bool:
    """Return whether ``auto`` reads this video with decord: right, and not clearly behind PyAV.

    That is where one frame of 16 is wanted and decord can leave most of the others unconverted,
    which takes regular times and few keyframes; and H.264, since in HEVC it is 7 to 14 % behind.
    """
    spacing = probe_info.frames / max(1, probe_info.keyframes - 1)
    is_quick = probe_info.codec == "h264" and spacing >= _KEYFRAME_SPACING and probe_info.is_regular
    return is_strided(recipe.frames) and is_quick and not unfit_reason(probe_info, recipe)


def read(reading: Reading, recipe: Recipe) -> Iterator[tuple[int, Picture]]:
    """Yield ``(segment, picture)`` for the recipe's frames of a file that is fit for decord.

    Ends early, with ``reading.error`` set, where decord refuses the file, miscounts or fails.
    """
    pictures = _read(reading, recipe)
    # In one go: decord decodes ahead while its reader waits for room downstream.
    return iter(list(pictures)) if is_strided(recipe.frames) else pictures


def _read(reading: Reading, recipe: Recipe) -> Iterator[tuple[int, Picture]]:
    probe_info = reading.probe_info
    size = target_size(probe_info, recipe.resize)
    is_regular = probe_info.is_regular
    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(str(Path(probe_info.path).absolute()), num_threads=1)
        if len(reader) != probe_info.frames:
            reading.error = f"decord counts {len(reader)} frames of {probe_info.frames}"
            return
        # Asked to skip over a keyframe, decord seeks to it, and shows wrong frames where that is no
        # clean start (intra refresh, open GOPs). It also places frames by even timestamps.
        keyframes = sorted(reader.get_key_indices())
        for segment, frame in plan(probe_info.frames, recipe.frames, recipe.tail):
            first, count = reading.decoded, frame - reading.decoded
            crosses_none = bisect_left(keyframes, first) == bisect_left(keyframes, frame + 1)
            _pass_over(reader, count, unseen=is_regular and crosses_none)
            picture = reader.next().asnumpy()
            for passed in range(first, frame + 1):
                reading.stamp(probe_info.shown_at(passed))
            yield segment, resize(picture, size, recipe.resize)
        _pass_over(reader, probe_info.frames - reading.decoded, unseen=False)
        for passed in range(reading.decoded, probe_info.frames):
            reading.stamp(probe_info.shown_at(passed))
    except decord.DECORDError as error:
        # Its messages carry the hour and the source line of every level they passed through.
        reason = re.sub(r"\[[\d:]+\] \S+:\d+: ", "", str(error)).strip().partition("\n")[0]
        reading.error = f"{reason} after {reading.decoded} frames"
    except StopIteration:
        reading.error = f"decord's frames end after {reading.decoded}"


def _pass_over(reader: decord.VideoReader, count: int, unseen: bool) -> None:
    """Read ``count`` frames for nothing; ``unseen`` leaves them unconverted, which is quicker."""
    if unseen and count > 0:
        reader.skip_frames(count)
        return
    for _ in range(count):
        reader.next()
