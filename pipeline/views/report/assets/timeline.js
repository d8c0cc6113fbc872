"use strict";
// The frames of one video as the page holds them, and the events that a threshold makes of them.

const timelines = (() => {
  function bytes(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  // A piece as it is read: runs of frames between which score and probabilities do not change.
  function decode(piece) {
    const lengths = new Uint32Array(bytes(piece.lengths).buffer);
    const starts = new Uint32Array(lengths.length);
    for (let run = 1; run < lengths.length; run += 1) {
      starts[run] = starts[run - 1] + lengths[run - 1];
    }
    return {
      first: piece.first,
      frames: piece.frames,
      lengths,
      starts,
      scores: new Float32Array(bytes(piece.scores).buffer),
      classes: new Float32Array(bytes(piece.classes).buffer),
      start: piece.start,
      step: piece.step,
      times: piece.times ? new Float64Array(bytes(piece.times).buffer) : null,
    };
  }

  class Timeline {
    constructor(video) {
      this.video = video;
      this.frames = video.frames;
      this.kinds = video.classes.length;
      this.pieces = new Array(video.pieces.length).fill(null);
    }

    add(number, piece) {
      this.pieces[number] = decode(piece);
    }

    get isWhole() {
      return this.pieces.every(Boolean);
    }

    // Seconds of a frame whose piece is loaded; past the last frame, one more of the same length.
    time(frame) {
      const last = this.frames - 1;
      if (frame > last) {
        return this.time(last) + (last > 0 ? this.time(last) - this.time(last - 1) : 0);
      }
      const piece = this.pieces.find((each) => each && frame < each.first + each.frames && frame >= each.first);
      const offset = frame - piece.first;
      return piece.times ? piece.times[offset] : piece.start + offset * piece.step;
    }

    // Frames before which nothing is shown for longer than a gap may last, or the clock steps.
    breaks(longest) {
      const found = [];
      let latest = Infinity;
      for (const piece of this.pieces) {
        const dense = !piece.times && piece.step <= longest;
        for (let offset = 0; offset < piece.frames; offset += 1) {
          const time = piece.times ? piece.times[offset] : piece.start + offset * piece.step;
          if (time - latest > longest) found.push(piece.first + offset);
          latest = dense ? piece.start + (piece.frames - 1) * piece.step : time;
          if (dense) break;
        }
      }
      return [...new Set([...found, ...this.video.clock_steps])].sort((one, other) => one - other);
    }

    // When an event that ends before a frame ends: where that begins, but for a gap between.
    end(frame, longest) {
      const last = this.time(frame - 1);
      if (frame < this.frames && this.time(frame) - last <= longest) return this.time(frame);
      const step = frame > 1 ? last - this.time(frame - 2) : 0;
      return last + (step <= longest ? step : 0);
    }

    // Score and probabilities at a moment, null where that piece is not loaded.
    at(seconds) {
      const piece = this.pieces.filter((each) => each && each.start <= seconds + 1e-6).pop();
      if (!piece) return null;
      const offset = offsetAt(piece, seconds);
      if (offset >= piece.frames + 1) return null;
      const run = lastNotAbove(piece.starts, Math.min(offset, piece.frames - 1));
      const from = run * this.kinds;
      return { score: piece.scores[run], classes: piece.classes.subarray(from, from + this.kinds) };
    }
  }

  function offsetAt(piece, seconds) {
    if (piece.times) return lastNotAbove(piece.times, seconds + 1e-6);
    return piece.step ? Math.floor((seconds - piece.start) / piece.step + 1e-6) : 0;
  }

  function lastNotAbove(sorted, value) {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  // The rule of the Parquet files: entered at the threshold, left below `release` times it, at
  // least `minimum_frames` long, and not over a gap of more than `longest_gap` seconds. Scores are
  // float32, so both bounds are rounded to it as well.
  function findEvents(timeline, rule, threshold) {
    const enter = Math.fround(threshold);
    const hold = Math.fround(threshold * rule.release);
    const ends = [...timeline.breaks(rule.longest_gap), timeline.frames];
    const events = [];
    let open = null;
    let first = 0; // of the stretch of footage
    const close = () => {
      const shortest = Math.min(rule.minimum_frames, ends[0] - first);
      if (open && open.end - open.start >= shortest && open.peak >= enter) {
        events.push(finish(timeline, open, rule.longest_gap));
      }
      open = null;
    };
    for (const piece of timeline.pieces) {
      for (let run = 0; run < piece.lengths.length; run += 1) {
        let frame = piece.first + piece.starts[run];
        const end = frame + piece.lengths[run];
        while (frame < end) {
          if (frame === ends[0]) {
            close();
            first = ends.shift();
          }
          const next = Math.min(end, ends[0]);
          if (piece.scores[run] >= hold) {
            open ??= begin(timeline, frame);
            extend(open, piece, run, next - frame);
          } else {
            close();
          }
          frame = next;
        }
      }
    }
    close();
    return events;
  }

  function begin(timeline, start) {
    return { start, end: start, peak: 0, sum: 0, classes: new Float64Array(timeline.kinds) };
  }

  function extend(open, piece, run, length) {
    open.end += length;
    open.peak = Math.max(open.peak, piece.scores[run]);
    open.sum += piece.scores[run] * length;
    for (let kind = 0; kind < open.classes.length; kind += 1) {
      open.classes[kind] += piece.classes[run * open.classes.length + kind] * length;
    }
  }

  function finish(timeline, open, longestGap) {
    let label = 1;
    for (let kind = 2; kind < open.classes.length; kind += 1) {
      if (open.classes[kind] > open.classes[label]) label = kind;
    }
    return {
      start: open.start,
      end: open.end,
      start_time: timeline.time(open.start),
      end_time: timeline.end(open.end, longestGap),
      label: timeline.video.classes[label],
      peak: open.peak,
      mean: open.sum / (open.end - open.start),
    };
  }

  return { Timeline, findEvents, bytes };
})();
