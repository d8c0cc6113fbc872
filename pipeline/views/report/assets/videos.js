"use strict";
// The list of videos: a row each, filtered and sorted here. Pictures and curves are made as rows come
// into view, so that thousands of videos open at once.

(() => {
  const { element, clock, colour, state } = report;
  const index = state.index;
  const find = (id) => document.getElementById(id);
  if (!index) {
    find("summary").textContent = "data/index.js is missing: write the report again.";
    return;
  }
  const descending = new Set(["peak", "events", "seconds"]);
  const order = { column: "peak", down: true };
  const threshold = report.listThreshold(index.threshold);
  countEvents();
  const charts = new Map();

  const BATCH = 100; // rows made at a time, more as the reader nears their end
  const rows = index.rows.map((video) => ({ video, node: null }));
  const videoOf = new WeakMap(); // by the place of its sparkline
  let waiting = [];

  // Of the events in the files, those that reach the threshold that was chosen on another page.
  function countEvents() {
    const { incidents, videos } = state.incidents ?? { incidents: [], videos: [] };
    find("incidents").hidden = !incidents.length;
    if (threshold === index.threshold || !state.incidents) return;
    const found = new Map(index.rows.map((video) => [video.key, 0]));
    for (const { video, peak } of incidents) {
      const { key } = videos[video];
      if (report.reaches(peak, threshold)) found.set(key, found.get(key) + 1);
    }
    for (const video of index.rows) video.events = found.get(video.key);
  }

  function makeRow(video) {
    const isFailed = video.status === "failed";
    const address = `video.html#${video.key}`;
    const name = isFailed
      ? element("span", { className: "name", textContent: video.name })
      : element("a", { className: "name", href: address, textContent: video.name });
    const head = element("th", { scope: "row", className: "video" }, name);
    if (video.reason) head.append(element("div", { className: "reason small", textContent: video.reason }));
    if (isFailed) head.colSpan = 6; // up to the status: there is nothing else to say of it
    const spark = element("div", { className: "spark" });
    if (!isFailed) {
      videoOf.set(spark, video);
      watcher.observe(spark);
    }
    const figures = [
      element("td", { className: "curve" }, spark),
      cell("Peak", video.peak.toFixed(2), "number"),
      cell("Top class", video.label || "–"),
      cell("Events", String(video.events), "number"),
      cell("Duration", clock(video.seconds, video.seconds < 10 ? 1 : 0), "number"),
    ];
    return element(
      "tr",
      { className: `status-${video.status}` },
      element("td", { className: "pictures" }, ...makePictures(video, address)),
      head,
      ...(isFailed ? [] : figures),
      status(video),
    );
  }

  function makePictures(video, address) {
    if (!video.picture) {
      const why = video.status === "failed" ? "not scored" : "no picture";
      return [element("span", { className: "placeholder small", textContent: why })];
    }
    const sheet = element("img", {
      loading: "lazy",
      decoding: "async",
      alt: `${video.pictures} moments of ${video.name}`,
      src: `pictures/${video.picture}`,
    });
    return [element("a", { href: address, tabIndex: -1 }, sheet)];
  }

  function cell(label, text, kind = "") {
    return element("td", { className: kind, "data-label": label, textContent: text });
  }

  function status(video) {
    const mark = element("span", { className: `badge ${video.status}`, textContent: video.status });
    return element("td", { "data-label": "Status" }, mark);
  }

  function drawSpark(place, video) {
    const values = video.curve.map((percent) => percent / 100);
    if (values.length === 1) values.push(values[0]);
    const line = {
      show: true,
      scale: "y",
      stroke: () => colour("--curve"),
      fill: () => colour("--curve-fill"),
      width: 1.25,
      points: { show: false },
    };
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `score over time, at most ${video.peak.toFixed(2)}`);
    return new uPlot(
      {
        width: place.clientWidth,
        height: place.clientHeight,
        padding: [2, 0, 2, 0],
        axes: [{ show: false }, { show: false }],
        cursor: { show: false },
        legend: { show: false },
        scales: { x: { time: false }, y: { range: [0, 1] } },
        series: [{}, line],
        hooks: { draw: [(chart) => paint.threshold(chart, threshold, "--faint")] },
      },
      [values.map((_, number) => number), values],
      place,
    );
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting && !charts.has(target)) {
          charts.set(target, drawSpark(target, videoOf.get(target)));
        } else if (!isIntersecting && charts.has(target)) {
          charts.get(target).destroy();
          charts.delete(target);
        }
      }
    },
    { rootMargin: "300px" },
  );

  function compare(first, second) {
    const [a, b] = [first.video[order.column], second.video[order.column]];
    const difference = typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return (order.down ? -difference : difference) || second.video.peak - first.video.peak;
  }

  function show() {
    const text = find("text").value.trim().toLowerCase();
    const label = find("class").value;
    const wanted = find("status").value;
    const shown = rows
      .filter(({ video }) => !text || `${video.name}\n${video.reason}`.toLowerCase().includes(text))
      .filter(({ video }) => !label || video.label === label)
      .filter(({ video }) => !wanted || video.status === wanted)
      .sort(compare);
    find("videos").replaceChildren();
    waiting = shown;
    addRows();
    find("shown").textContent = `${shown.length} of ${rows.length} shown`;
    find("none").hidden = shown.length > 0;
    for (const header of document.querySelectorAll("th[data-column]")) {
      const isSorted = header.dataset.column === order.column;
      if (isSorted) header.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
    find("sort").value = order.column;
  }

  function addRows() {
    const added = waiting.slice(0, BATCH);
    waiting = waiting.slice(BATCH);
    for (const row of added) row.node ??= makeRow(row.video);
    find("videos").append(...added.map(({ node }) => node));
    find("more").hidden = !waiting.length;
    bottom.unobserve(find("more")); // observed anew: it reports again where it is still in view
    bottom.observe(find("more"));
  }

  const bottom = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && waiting.length && addRows(),
    { rootMargin: "1200px" },
  );

  function sortBy(column, canTurn) {
    order.down = canTurn && order.column === column ? !order.down : descending.has(column);
    order.column = column;
    show();
  }

  function fillSelect(id, values) {
    find(id).append(...values.map((value) => element("option", { value, textContent: value })));
  }

  function showSummary() {
    const count = (test) => index.rows.filter(test).length;
    const failed = count((video) => video.status === "failed");
    const total = index.rows.length;
    const parts = [
      total === 1 ? "1 video" : `${total.toLocaleString("en")} videos`,
      `${count((video) => video.events > 0)} with events from a score of ${Number(threshold.toFixed(3))} on`,
      failed ? `${failed} failed` : "none failed",
      `written ${index.written}`,
    ];
    find("summary").textContent = parts.join(" · ");
    find("rule").textContent = report.thresholdNote(index.threshold);
  }

  function showOrigin() {
    for (const { title, entries } of index.sections) {
      const list = element("dl");
      for (const [name, value] of entries) {
        list.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
      }
      find("sections").append(element("section", {}, element("h2", { textContent: title }), list));
    }
  }

  const distinct = (column) => [...new Set(index.rows.map((video) => video[column]))].filter(Boolean).sort();
  fillSelect("class", distinct("label"));
  fillSelect("status", distinct("status"));
  showSummary();
  showOrigin();
  show();

  find("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["text", "class", "status"]) find(id).addEventListener("input", show);
  find("sort").addEventListener("change", (event) => sortBy(event.target.value, false));
  for (const header of document.querySelectorAll("th[data-column]")) {
    header.firstElementChild.addEventListener("click", () => sortBy(header.dataset.column, true));
  }
  report.setUpTheme(() => charts.forEach((chart) => chart.redraw()));
})();
