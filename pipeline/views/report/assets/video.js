"use strict";
// One video's page: brings player, charts, events and keyboard to one moment and one threshold.

(() => {
  const { clock, state } = report;
  const find = (id) => document.getElementById(id);
  const { key } = report.address();
  const NEAR_PIECES = 3; // so few pieces in view are drawn at full resolution
  let video;
  let timeline;
  let view;
  let player;
  let list;
  let threshold = 0;
  let now = 0;
  let shown = "";

  addEventListener("hashchange", () => {
    const { key: wanted, seconds } = report.address();
    if (wanted !== key) location.reload();
    else if (seconds !== null) seek(seconds);
  });

  function fail(message) {
    find("problem").textContent = message;
    find("problem").hidden = false;
  }

  async function start() {
    if (!/^[0-9a-f]+$/.test(key)) return fail("This address names no video: choose one from the index.");
    try {
      await report.load(`data/${key}.js`);
    } catch (error) {
      return fail(`${error.message}, or choose another video from the index.`);
    }
    video = state.videos.get(key);
    timeline = new timelines.Timeline(video);
    takePieces();
    threshold = report.threshold(video.rule.threshold);
    find("content").hidden = false;
    showHead();
    list = new eventLists.EventList(video, seek);
    player = new players.Player(video, { moved: setTime, chosen: seek });
    view = new charts.Charts({ curve: find("curve"), bands: find("bands") }, video, {
      seek,
      view: showRange,
      hover: (seconds) => showReadout(seconds ?? now),
    });
    view.draw(timeline.isWhole ? charts.exactView(timeline, 0, 0) : charts.coarseView(video.overview));
    showThreshold();
    if (threshold === video.rule.threshold) showEvents(video.events);
    else await setThreshold(threshold);
    connect();
    const { seconds } = report.address();
    if (seconds !== null) seek(seconds);
    document.body.dataset.ready = "yes";
  }

  function showHead() {
    const { footage } = video;
    find("name").textContent = video.name;
    document.title = `${video.name} · video`;
    const format = footage.is_copy ? `copy of ${footage.format}` : footage.format;
    const frames = video.frames === 1 ? "1 frame" : `${video.frames.toLocaleString("en")} frames`;
    const facts = [clock(video.seconds, 1), frames, `peak ${video.peak.toFixed(2)}`, format, video.status, video.reason];
    find("facts").textContent = facts.filter(Boolean).join(" · ");
    for (const name of ["previous", "following"]) {
      find(name).hidden = !video[name];
      find(name).href = `video.html#${video[name]}`;
    }
    const peak = `Score of ${video.name} over ${clock(video.seconds)}, at most ${video.peak.toFixed(2)}`;
    find("curve").setAttribute("aria-label", `${peak}; its events are in the list`);
    const classes = video.classes.slice(1).join(", ");
    find("bands").setAttribute("aria-label", `Probability of each class over time: ${classes}`);
    find("truth-key").hidden = !video.truth?.length;
  }

  // Frames.

  function takePieces() {
    timeline.pieces.forEach((held, number) => {
      const piece = state.pieces.get(`${key}/${number * video.piece_frames}`);
      if (piece && !held) timeline.add(number, piece);
    });
  }

  async function loadPieces(from, to) {
    const missing = [];
    for (let number = from; number <= to; number += 1) {
      if (!timeline.pieces[number]) missing.push(report.load(`data/${key}-${number}.js`));
    }
    await Promise.all(missing);
    if (missing.length) takePieces();
  }

  // Full resolution where few pieces are in view, the overview with its peaks elsewhere.
  async function showRange(from, to) {
    if (video.pieces.length === 1) return;
    const pieceAt = (seconds) => Math.max(0, video.pieces.findLastIndex((start) => start <= seconds));
    const [first, last] = [pieceAt(from), pieceAt(to)];
    const wanted = last - first < NEAR_PIECES ? `${first}-${last}` : "";
    if (wanted === shown) return;
    shown = wanted;
    if (!wanted) {
      view.draw(charts.coarseView(video.overview));
    } else {
      try {
        await loadPieces(first, last);
      } catch (error) {
        return fail(error.message);
      }
      if (shown !== wanted) return;
      view.draw(charts.exactView(timeline, first, last));
    }
    document.body.dataset.pieces = shown;
  }

  // Time.

  function seek(seconds) {
    const wanted = Math.min(Math.max(0, seconds), video.seconds);
    player.seek(wanted);
    setTime(wanted);
  }

  function setTime(seconds) {
    now = seconds;
    view.setTime(now);
    player.setTime(now);
    list.mark(now);
    showReadout(now);
  }

  function showReadout(seconds) {
    const values = timeline.at(seconds);
    const parts = [clock(seconds, 1)];
    if (values) {
      const best = values.classes.indexOf(Math.max(...values.classes));
      parts.push(`score ${values.score.toFixed(3)}`, `${video.classes[best]} ${values.classes[best].toFixed(2)}`);
    }
    find("readout").textContent = parts.join(" · ");
  }

  // Threshold.

  function showThreshold() {
    const { threshold: stored, release, minimum_frames: shortest } = video.rule;
    find("threshold").value = threshold;
    find("value").textContent = threshold.toFixed(2);
    find("reset").disabled = threshold === stored;
    const rule = `An event reaches ${threshold.toFixed(2)}, stays at ${(threshold * release).toFixed(2)} or above`;
    find("rule").textContent = `${rule} and lasts ${shortest} frames or more. The files hold the events of ${stored}.`;
  }

  // A file that the command `events` takes: python -m pipeline events SCORES --rule rule.json
  function saveRule() {
    const link = document.createElement("a");
    link.download = "rule.json";
    link.href = `data:application/json,${encodeURIComponent(JSON.stringify({ ...video.rule, threshold }))}`;
    link.click();
  }

  async function setThreshold(value) {
    threshold = value;
    report.keepThreshold(video.rule.threshold, value);
    showThreshold();
    try {
      await loadPieces(0, video.pieces.length - 1);
    } catch (error) {
      return fail(error.message);
    }
    if (threshold === value) showEvents(timelines.findEvents(timeline, video.rule, threshold));
  }

  // The address of this moment, to send to somebody who has the report.
  function showLink() {
    const parts = [key, `t=${now.toFixed(2)}`, `threshold=${threshold}`];
    history.replaceState(null, "", `#${parts.join("&")}`);
    eventLists.copyText(location.href);
    find("copied").textContent = "address copied";
  }

  function showEvents(events) {
    list.show(events);
    view.setEvents(events, threshold);
    setTime(now);
  }

  // Input.

  const KEYS = {
    " ": () => player.toggle(),
    ArrowLeft: (event) => seek(now - (event.shiftKey ? 10 : 1)),
    ArrowRight: (event) => seek(now + (event.shiftKey ? 10 : 1)),
    n: () => list.step(1, now),
    p: () => list.step(-1, now),
    "+": () => view.zoomBy(2),
    "-": () => view.zoomBy(0.5),
    0: () => view.zoomTo(0, view.end),
  };

  function onKey(event) {
    const target = event.target.closest("input, select, textarea, video, button, a");
    const isTaken = target && (target.matches("input, select, textarea, video") || event.key === " ");
    const action = KEYS[event.key];
    if (!action || isTaken || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    action(event);
  }

  function connect() {
    find("threshold").addEventListener("input", (event) => setThreshold(Number(event.target.value)));
    find("reset").addEventListener("click", () => setThreshold(video.rule.threshold));
    find("save").addEventListener("click", saveRule);
    find("link").addEventListener("click", showLink);
    find("earlier").addEventListener("click", () => list.step(-1, now));
    find("later").addEventListener("click", () => list.step(1, now));
    find("closer").addEventListener("click", () => view.zoomBy(2));
    find("farther").addEventListener("click", () => view.zoomBy(0.5));
    find("whole").addEventListener("click", () => view.zoomTo(0, view.end));
    document.addEventListener("keydown", onKey);
    new ResizeObserver(() => view.resize()).observe(find("curve"));
    report.setUpTheme(() => showEvents(list.events));
  }

  start();
})();
