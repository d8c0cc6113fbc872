"use strict";
// What is painted into the charts besides their lines: stretches of time, the threshold, bands.

const paint = (() => {
  const { colour, classColour } = report;
  const BAR = 6; // pixels of the bars that mark events above the curve and truth below it
  const FAINTEST = 0.04; // probability from which a band is drawn

  // Styles are put back: the chart sets those of its labels only where it has changed them itself.
  function clipped({ ctx, bbox }, draw) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    draw();
    ctx.restore();
  }

  function stretches(chart, video, events) {
    const { ctx, bbox } = chart;
    const bar = BAR * devicePixelRatio;
    const fill = ({ start_time: from, end_time: to }, top, height, style) => {
      const left = chart.valToPos(from, "x", true);
      ctx.fillStyle = style;
      ctx.fillRect(left, top, Math.max(2, chart.valToPos(to, "x", true) - left), height);
    };
    clipped(chart, () => {
      for (const truth of video.truth ?? []) {
        fill(truth, bbox.top, bbox.height, colour("--truth-fill"));
        fill(truth, bbox.top + bbox.height - bar, bar, colour("--truth"));
      }
      for (const event of events) {
        const number = video.classes.indexOf(event.label);
        fill(event, bbox.top, bbox.height, classColour(number, 0.13));
        fill(event, bbox.top, bar, classColour(number));
      }
    });
  }

  function threshold(chart, value, name = "--threshold") {
    const { ctx, bbox } = chart;
    const y = Math.round(chart.valToPos(value, "y", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([6, 5]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  // For each column of pixels the highest probability in it, then equal columns at one go.
  function bands(chart, kinds, { edges, strengths, full }) {
    const { bbox } = chart;
    const columns = new Float32Array(bbox.width * kinds);
    const column = (seconds) => Math.floor(chart.valToPos(seconds, "x", true) - bbox.left);
    for (let stretch = 0; stretch + 1 < edges.length; stretch += 1) {
      const left = Math.max(0, column(edges[stretch]));
      const right = Math.min(bbox.width, Math.max(left + 1, column(edges[stretch + 1])));
      for (let x = left; x < right; x += 1) {
        for (let kind = 1; kind < kinds; kind += 1) {
          const value = strengths[stretch * kinds + kind] / full;
          const place = kind * bbox.width + x;
          if (value > columns[place]) columns[place] = value;
        }
      }
    }
    clipped(chart, () => {
      for (let kind = 1; kind < kinds; kind += 1) {
        const values = columns.subarray(kind * bbox.width, (kind + 1) * bbox.width);
        row(chart, kind, kinds - 1, values);
      }
    });
  }

  function row({ ctx, bbox }, kind, rows, values) {
    const height = bbox.height / rows - 2;
    const top = bbox.top + ((kind - 1) * bbox.height) / rows + 1;
    ctx.fillStyle = colour("--track");
    ctx.fillRect(bbox.left, top, bbox.width, height);
    for (let from = 0, to = 0; from < values.length; from = to) {
      while (to < values.length && values[to] === values[from]) to += 1;
      if (values[from] >= FAINTEST) {
        ctx.fillStyle = classColour(kind, values[from].toFixed(3));
        ctx.fillRect(bbox.left + from, top, to - from, height);
      }
    }
  }

  return { stretches, threshold, bands };
})();
