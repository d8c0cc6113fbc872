"use strict";
// The score curve and the class bands below it: two charts with one time axis.

const charts = (() => {
  const { clock, colour } = report;
  const CURVE_HEIGHT = 210;
  const BAND_HEIGHT = 18;
  const RIGHT = 18; // pixels right of both plots: half a label of the time axis
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400];
  const CLICK_PIXELS = 4; // a press that moves less is a click and no zoom

  // What is drawn: points of the curve, and stretches with the probabilities of each class.
  // Frames come in runs, so at full resolution a stretch is a run and the curve a staircase.
  function exactView(timeline, from, to) {
    const loaded = timeline.pieces.slice(from, to + 1);
    const count = loaded.reduce((sum, piece) => sum + piece.lengths.length, 0);
    const times = new Array(count + 1);
    const scores = new Array(count + 1);
    const strengths = new Float32Array(count * timeline.kinds);
    let run = 0;
    for (const piece of loaded) {
      strengths.set(piece.classes, run * timeline.kinds);
      for (let each = 0; each < piece.lengths.length; each += 1, run += 1) {
        times[run] = timeline.time(piece.first + piece.starts[each]);
        scores[run] = piece.scores[each];
      }
    }
    const last = loaded[loaded.length - 1];
    times[count] = timeline.video.pieces[to + 1] ?? timeline.time(last.first + last.frames);
    scores[count] = scores[count - 1];
    return { times, scores, edges: times, strengths, full: 1, isExact: true };
  }

  function coarseView(overview) {
    return {
      times: overview.times,
      scores: overview.scores,
      edges: overview.stretch_times,
      strengths: timelines.bytes(overview.strengths),
      full: 255,
      isExact: false,
    };
  }

  class Charts {
    constructor(hosts, video, handlers) {
      this.video = video;
      this.handlers = handlers; // { seek(seconds), view(from, to), hover(seconds) }
      this.hosts = hosts;
      this.events = [];
      this.threshold = video.rule.threshold;
      this.now = 0;
      this.range = null; // of time in view, also while the charts have yet to follow
      this.end = Math.max(video.seconds, 0.04);
      this.data = null;
      this.playheads = [];
    }

    get width() {
      return Math.max(240, this.hosts.curve.clientWidth);
    }

    get gutter() {
      return this.width < 600 ? 72 : 112;
    }

    draw(data) {
      this.data = data;
      if (!this.curve) this.build();
      else {
        this.curve.setData([data.times, data.scores], false);
        this.curve.setScale("x", this.range);
        this.bands.redraw();
      }
    }

    build() {
      const cursor = { sync: { key: "report" }, drag: { x: true, y: false, setScale: true }, y: false };
      const axis = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--grid"), width: 1 } };
      const timeScale = { time: false, range: (_, min, max) => [min, max] };
      const ticks = { stroke: () => colour("--grid") };
      this.curve = new uPlot(
        {
          width: this.width,
          height: CURVE_HEIGHT,
          cursor: { ...cursor, points: { show: false } },
          legend: { show: false },
          padding: [4, RIGHT, 0, 0],
          scales: { x: timeScale, y: { range: [-0.09, 1.09] } }, // room for truth below, events above
          axes: [
            { ...axis, ticks, incrs: STEPS, values: (_, splits) => labels(splits) },
            { ...axis, ticks, size: () => this.gutter, splits: () => [0, 0.25, 0.5, 0.75, 1] },
          ],
          series: [
            {},
            {
              stroke: () => colour("--curve"),
              fill: () => colour("--curve-fill"),
              fillTo: 0,
              width: 1.5,
              points: { show: false },
              paths: this.path(),
            },
          ],
          hooks: {
            drawClear: [(chart) => paint.stretches(chart, this.video, this.events)],
            draw: [(chart) => paint.threshold(chart, this.threshold)],
            setScale: [(chart, scale) => scale === "x" && this.viewed(chart)],
            setCursor: [(chart) => this.hovered(chart)],
          },
        },
        [this.data.times, this.data.scores],
        this.hosts.curve,
      );
      const names = this.video.classes.slice(1);
      this.bands = new uPlot(
        {
          width: this.width,
          height: names.length * BAND_HEIGHT + 10,
          padding: [4, RIGHT, 4, 0],
          cursor: { ...cursor, points: { show: false }, x: true },
          legend: { show: false },
          scales: { x: timeScale, y: { range: [0, names.length], dir: -1 } },
          axes: [
            { show: false },
            {
              ...axis,
              grid: { show: false },
              ticks: { show: false },
              size: () => this.gutter,
              splits: () => names.map((_, row) => row + 0.5),
              values: () => names.map((name) => shorten(name, this.gutter)),
            },
          ],
          series: [{}, { show: true, paths: () => null, points: { show: false } }],
          hooks: {
            draw: [(chart) => paint.bands(chart, this.video.classes.length, this.data)],
            setScale: [(chart, scale) => scale === "x" && this.follow(chart)],
          },
        },
        [[0, this.end], [null, null]],
        this.hosts.bands,
      );
      for (const chart of [this.curve, this.bands]) this.prepare(chart);
      this.zoomTo(0, this.end);
    }

    path() {
      const steps = uPlot.paths.stepped({ align: 1 });
      const lines = uPlot.paths.linear();
      return (...rest) => (this.data.isExact ? steps : lines)(...rest);
    }

    prepare(chart) {
      const line = report.element("div", { className: "playhead" });
      chart.over.append(line);
      this.playheads.push([chart, line]);
      let pressed = null;
      chart.over.addEventListener("mousedown", (event) => (pressed = event.clientX));
      chart.over.addEventListener("click", (event) => {
        if (pressed !== null && Math.abs(event.clientX - pressed) > CLICK_PIXELS) return;
        const left = event.clientX - chart.over.getBoundingClientRect().left;
        this.handlers.seek(chart.posToVal(left, "x"));
      });
      chart.over.addEventListener("dblclick", () => this.zoomTo(0, this.end));
    }

    zoomTo(from, to) {
      const least = Math.min(this.end, 0.5);
      const span = Math.min(this.end, Math.max(least, to - from));
      const min = Math.min(Math.max(0, from), this.end - span);
      this.range = { min, max: min + span };
      this.curve.setScale("x", this.range);
    }

    zoomBy(factor) {
      const { min, max } = this.range;
      const middle = this.now >= min && this.now <= max ? this.now : (min + max) / 2;
      this.zoomTo(middle - (middle - min) / factor, middle + (max - middle) / factor);
    }

    viewed(chart) {
      if (!this.bands) return;
      const { min, max } = chart.scales.x;
      this.range = { min, max };
      const { min: shownMin, max: shownMax } = this.bands.scales.x;
      if (min !== shownMin || max !== shownMax) this.bands.setScale("x", { min, max });
      this.movePlayheads();
      this.handlers.view(min, max);
    }

    follow(chart) {
      const { min, max } = chart.scales.x;
      const { min: shownMin, max: shownMax } = this.curve.scales.x;
      if (min !== shownMin || max !== shownMax) this.curve.setScale("x", { min, max });
    }

    hovered(chart) {
      const left = chart.cursor.left;
      this.handlers.hover(left >= 0 ? chart.posToVal(left, "x") : null);
    }

    setTime(seconds) {
      this.now = seconds;
      this.movePlayheads();
    }

    movePlayheads() {
      for (const [chart, line] of this.playheads) {
        const left = chart.valToPos(this.now, "x");
        line.hidden = !(left >= -1 && left <= chart.over.clientWidth + 1);
        line.style.transform = `translateX(${left}px)`;
      }
    }

    setEvents(events, threshold) {
      this.events = events;
      this.threshold = threshold;
      this.redraw();
    }

    redraw() {
      this.curve?.redraw(false);
      this.bands?.redraw(false);
    }

    resize() {
      if (!this.curve) return;
      this.curve.setSize({ width: this.width, height: CURVE_HEIGHT });
      this.bands.setSize({ width: this.width, height: this.bands.height });
      this.movePlayheads();
    }
  }

  function labels(splits) {
    const digits = splits.length > 1 && splits[1] - splits[0] < 1 ? 1 : 0;
    return splits.map((seconds) => clock(seconds, digits));
  }

  function shorten(name, pixels) {
    const most = Math.floor((pixels - 14) / 6.4);
    return name.length > most ? `${name.slice(0, most - 1)}…` : name;
  }

  return { Charts, exactView, coarseView };
})();
