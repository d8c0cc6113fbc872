"use strict";
// The page of incidents: every event of every video, filtered and sorted, looked at and decided.

(() => {
  const { element, clock, wallClock, classColour, state } = report;
  const data = state.incidents;
  const find = (id) => document.getElementById(id);
  if (!data) {
    find("summary").textContent = "data/incidents.js is missing: write the report again.";
    return;
  }
  const BATCH = 100; // rows made at a time, more as the reader nears their end
  const SOURCES = {
    name: "from the name",
    container: "from the container",
    modified: "from the file's date",
    "": "time not known",
  };
  const nodes = new Map(); // rows made, by incident
  const made = new decisions.Decisions(data, (incident) => refresh(incident));
  let threshold = report.listThreshold(data.threshold);
  let shown = [];
  let waiting = [];
  let current = null;

  // Rows.

  function makeRow(incident) {
    const video = data.videos[incident.video];
    const row = element("li", { className: "incident", tabIndex: 0 });
    const link = element("a", { className: "name", href: address(incident), textContent: video.name });
    const moment = `${clock(incident.start_time, 1)} – ${clock(incident.end_time, 1)}`;
    row.append(
      preview(incident),
      element(
        "div",
        { className: "when" },
        element("strong", { textContent: incident.at === null ? "–" : wallClock(incident.at) }),
        element("span", { className: "soft small", textContent: origin(video) }),
      ),
      element(
        "div",
        { className: "where" },
        link,
        element("span", { className: "soft small", textContent: [video.camera, moment].filter(Boolean).join(" · ") }),
      ),
      classesOf(incident),
      element("span", { className: "number peak", textContent: `peak ${incident.peak.toFixed(2)}` }),
      decisionOf(incident),
    );
    row.setAttribute("aria-label", `${data.classes[incident.label]} in ${video.name} at ${clock(incident.start_time, 1)}`);
    row.addEventListener("focusin", () => (current = incident));
    return row;
  }

  function origin({ clock: source, zone }) {
    const stated = zone || (source ? "zone not stated" : "");
    return [SOURCES[source], stated].filter(Boolean).join(", ");
  }

  function address(incident) {
    const moment = incident.start_time.toFixed(2);
    return `video.html#${data.videos[incident.video].key}&t=${moment}&threshold=${threshold}`;
  }

  // The peak's picture; the others pass while the pointer or the focus is on the row.
  function preview(incident) {
    if (!incident.preview) return element("span", { className: "preview empty small", textContent: "no picture" });
    const picture = element("i", { className: "preview", role: "img" });
    picture.setAttribute("aria-label", "the moment of its peak");
    picture.style.setProperty("--tiles", data.tiles);
    pictured.set(picture, `pictures/${incident.preview}`);
    inView.observe(picture);
    return picture;
  }

  const pictured = new WeakMap();
  const inView = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        inView.unobserve(target);
        const strip = element("img", { src: pictured.get(target) });
        strip.addEventListener("load", () => {
          target.style.setProperty("--ratio", strip.naturalWidth / data.tiles / strip.naturalHeight);
          target.style.backgroundImage = `url("${pictured.get(target)}")`;
        });
      }
    },
    { rootMargin: "300px" },
  );

  function classesOf(incident) {
    const parts = incident.shares
      .map((share, number) => ({ share, number: number + 1 }))
      .filter(({ share }) => share >= 5)
      .sort((a, b) => b.share - a.share);
    const bar = element("i", { className: "shares", role: "presentation" });
    for (const { share, number } of parts) {
      const part = element("i");
      part.style.width = `${share}%`;
      part.style.background = classColour(number);
      bar.append(part);
    }
    const label = data.classes[incident.label];
    const share = incident.shares[incident.label - 1];
    const text = share < 95 ? `${label} ${share} %` : label;
    const others = parts.filter(({ number }) => number !== incident.label);
    const rest = others.map(({ share, number }) => `${data.classes[number]} ${share} %`).join(", ");
    return element(
      "div",
      { className: "what" },
      element("span", { textContent: text }),
      bar,
      element("span", { className: "soft small", textContent: rest }),
    );
  }

  function decisionOf(incident) {
    const decision = made.of(incident);
    const choice = select(["", ...decisions.STATES], decision?.state ?? "", "Decision");
    choice.options[0].textContent = "not reviewed";
    choice.addEventListener("change", () => made.set(incident, { state: choice.value }));
    const box = element("div", { className: `decision ${decision?.state ?? ""}` }, choice);
    if (decision) {
      const label = select(data.classes, decision.label, "What it is");
      label.addEventListener("change", () => made.set(incident, { label: label.value }, true));
      const note = element("input", { type: "text", value: decision.note, placeholder: "note" });
      note.setAttribute("aria-label", "Note");
      note.addEventListener("input", () => made.set(incident, { note: note.value }, true));
      box.append(label, note);
    }
    return box;
  }

  function select(values, value, label) {
    const options = values.map((each) => element("option", { value: each, textContent: each }));
    const made = element("select", {}, ...options);
    made.setAttribute("aria-label", label);
    made.value = value;
    return made;
  }

  function refresh(incident) {
    const row = nodes.get(incident);
    row?.lastElementChild.replaceWith(decisionOf(incident));
    showSummary();
  }

  // What is shown.

  const day = (incident) => (incident.at === null ? "" : wallClock(incident.at).slice(0, 10));
  const length = (incident) => incident.end_time - incident.start_time;
  const ORDERS = {
    peak: (a, b) => b.peak - a.peak,
    time: (a, b) => (a.at ?? Infinity) - (b.at ?? Infinity) || a.video - b.video || a.start - b.start,
    length: (a, b) => length(b) - length(a),
  };

  function wanted() {
    const text = find("text").value.trim().toLowerCase();
    const [label, camera, on, decided] = ["class", "camera", "day", "decision"].map((id) => find(id).value);
    const shortest = Number(find("shortest").value) || 0;
    const isDecided = { open: (decision) => !decision, reviewed: (decision) => decision };
    const fits = isDecided[decided] ?? ((decision) => decision?.state === decided);
    return data.incidents.filter((incident) => {
      const video = data.videos[incident.video];
      return (
        report.reaches(incident.peak, threshold) &&
        (!label || data.classes[incident.label] === label) &&
        (!camera || video.camera === camera) &&
        (!on || day(incident) === on) &&
        length(incident) >= shortest &&
        (!decided || fits(made.of(incident))) &&
        (!text || `${video.name}\n${made.of(incident)?.note ?? ""}`.toLowerCase().includes(text))
      );
    });
  }

  function show() {
    shown = wanted().sort(ORDERS[find("sort").value]);
    waiting = shown;
    find("incidents").replaceChildren();
    addRows();
    find("shown").textContent = `${shown.length.toLocaleString("en")} of ${data.incidents.length.toLocaleString("en")} shown`;
    find("none").hidden = shown.length > 0;
    const { all, drawn } = lanes.draw(find("lanes"), shown, data.videos, data.classes, (incident) => go(incident));
    find("days").hidden = !all;
    find("more-lanes").hidden = all === drawn;
    find("more-lanes").textContent = `… and ${all - drawn} more: choose a day or a camera`;
    showSummary();
  }

  function addRows(count = BATCH) {
    const added = waiting.slice(0, count);
    waiting = waiting.slice(count);
    for (const incident of added) if (!nodes.has(incident)) nodes.set(incident, makeRow(incident));
    find("incidents").append(...added.map((incident) => nodes.get(incident)));
    find("more").hidden = !waiting.length;
    bottom.unobserve(find("more")); // observed anew: it reports again where it is still in view
    bottom.observe(find("more"));
  }

  const bottom = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && waiting.length && addRows(),
    { rootMargin: "1200px" },
  );

  function showSummary() {
    const reached = data.incidents.filter((incident) => report.reaches(incident.peak, threshold));
    const decided = reached.filter((incident) => made.of(incident));
    const count = (wanted) => decided.filter((incident) => made.of(incident).state === wanted).length;
    const videos = new Set(reached.map((incident) => incident.video)).size;
    const parts = [
      reached.length === 1 ? "1 incident" : `${reached.length.toLocaleString("en")} incidents`,
      videos === 1 ? "in 1 video" : `in ${videos.toLocaleString("en")} videos`,
      `${decided.length} reviewed: ${count("true")} true, ${count("false")} false, ${count("unsure")} unsure`,
    ];
    find("summary").textContent = parts.join(" · ");
  }

  function showThreshold() {
    find("threshold").value = threshold;
    find("value").textContent = threshold.toFixed(2);
    find("rule").textContent = report.thresholdNote(data.threshold);
    find("reset").disabled = !find("rule").textContent;
  }

  function setThreshold(value) {
    threshold = value;
    report.keepThreshold(data.threshold, value);
    for (const [incident, row] of nodes) row.querySelector("a.name").href = address(incident);
    showThreshold();
    show();
  }

  // Moving through the list and deciding.

  function go(incident) {
    const place = shown.indexOf(incident);
    if (place < 0) return;
    const lacking = place + 1 - (shown.length - waiting.length);
    if (lacking > 0) addRows(lacking);
    nodes.get(incident).focus();
    nodes.get(incident).scrollIntoView({ block: "nearest" });
  }

  function step(direction) {
    const place = shown.indexOf(current) + direction;
    if (shown.length) go(shown[Math.min(Math.max(0, place), shown.length - 1)]);
  }

  function decide(decided) {
    if (!current || !shown.includes(current)) return step(1);
    made.set(current, { state: decided });
    step(1);
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    y: () => decide("true"),
    x: () => decide("false"),
    "?": () => decide("unsure"),
    u: () => go(made.undo()),
    Enter: () => current && (location.href = address(current)),
  };

  function onKey(event) {
    const action = KEYS[event.key];
    const isTaken = event.target.closest("input, select, textarea, button, a, summary");
    if (!action || isTaken || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    action();
  }

  function save() {
    const link = document.createElement("a");
    link.download = "decisions.json";
    link.href = `data:application/json,${encodeURIComponent(JSON.stringify(made.exported(), null, 1))}`;
    link.click();
  }

  async function load(event) {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const { taken, all } = made.take(await file.text());
      find("told").textContent = `${taken} of ${all} decisions taken over`;
    } catch (error) {
      find("told").textContent = `${file.name} was not taken over: ${error.message}`;
    }
    nodes.clear();
    show();
  }

  function fillSelect(id, values) {
    const distinct = [...new Set(values)].filter(Boolean);
    distinct.sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    find(id).append(...distinct.map((value) => element("option", { value, textContent: value })));
    find(id).disabled = !distinct.length;
  }

  fillSelect("class", data.incidents.map((incident) => data.classes[incident.label]));
  fillSelect("camera", data.videos.map((video) => video.camera));
  fillSelect("day", data.incidents.map(day));
  find("threshold").min = data.threshold;
  showThreshold();
  show();

  find("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["text", "class", "camera", "day", "decision", "shortest", "sort"]) {
    find(id).addEventListener("input", show);
  }
  find("threshold").addEventListener("input", (event) => setThreshold(Number(event.target.value)));
  find("reset").addEventListener("click", () => setThreshold(data.threshold));
  find("export").addEventListener("click", save);
  find("import").addEventListener("change", load);
  document.addEventListener("keydown", onKey);
  report.setUpTheme(() => {
    nodes.clear();
    show();
  });
})();
