"use strict";
// Days at a glance: a lane for each camera and day, with the incidents as marks on 24 hours.

const lanes = (() => {
  const { element, classColour, wallClock } = report;
  const DAY = 86_400_000; // milliseconds
  const MOST = 14; // lanes: of more nobody sees a day at a glance
  const NARROWEST = 4; // minutes of a mark, so that it can be hit

  function svg(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // Draw the lanes of some incidents, the newest day first; return how many there are in all.
  function draw(host, incidents, videos, classes, chosen) {
    const found = new Map();
    for (const incident of incidents) {
      if (incident.at === null) continue;
      const { camera } = videos[incident.video];
      const key = `${Math.floor(incident.at / DAY)}\n${camera}`;
      if (!found.has(key)) found.set(key, { day: Math.floor(incident.at / DAY), camera, incidents: [] });
      found.get(key).incidents.push(incident);
    }
    const ordered = [...found.values()].sort(
      (a, b) => b.day - a.day || a.camera.localeCompare(b.camera, undefined, { numeric: true }),
    );
    host.replaceChildren(...ordered.slice(0, MOST).map((lane) => row(lane, classes, chosen)));
    return { all: ordered.length, drawn: Math.min(MOST, ordered.length) };
  }

  function row({ day, camera, incidents }, classes, chosen) {
    const name = `${wallClock(day * DAY).slice(0, 10)}${camera ? ` · ${camera}` : ""}`;
    const hours = Array.from({ length: 25 }, (_, hour) =>
      svg("line", { x1: hour * 60, x2: hour * 60, y1: 0, y2: 20, class: hour % 6 ? "hour" : "hour main" }),
    );
    const marks = incidents.map((incident) => mark(incident, day, classes, chosen));
    const label = `${name}: ${incidents.length === 1 ? "1 incident" : `${incidents.length} incidents`}`;
    const drawing = svg(
      "svg",
      { viewBox: "0 0 1440 20", preserveAspectRatio: "none", role: "img", "aria-label": label },
      ...hours,
      ...marks,
    );
    return element("div", { className: "lane" }, element("span", { className: "name", textContent: name }), drawing);
  }

  function mark(incident, day, classes, chosen) {
    const minute = (incident.at - day * DAY) / 60_000;
    const length = Math.max(NARROWEST, (incident.end_time - incident.start_time) / 60);
    const drawn = svg(
      "rect",
      { x: Math.min(minute, 1440 - NARROWEST), y: 3, width: length, height: 14, fill: classColour(incident.label) },
      svg("title", {}, `${wallClock(incident.at).slice(11)} ${classes[incident.label]} ${incident.peak.toFixed(2)}`),
    );
    drawn.addEventListener("click", () => chosen(incident));
    return drawn;
  }

  return { draw };
})();
