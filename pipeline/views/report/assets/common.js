"use strict";
// What the pages share: taking in data files, colours, and small things of the page.
// Data files are scripts that call report.receive, since a page opened from disk may read no others.

const report = (() => {
  const state = { index: null, incidents: null, videos: new Map(), pieces: new Map() };

  function receive(name, key, value) {
    if (name === "index") state.index = value;
    if (name === "incidents") state.incidents = value;
    if (name === "video") state.videos.set(key, value);
    if (name === "piece") state.pieces.set(`${key}/${value.first}`, value);
  }

  // Run a data file; the promise is kept once what it hands over has been received.
  function load(source) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${source} is missing: write the report again`));
      document.head.append(script);
    });
  }

  function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role") made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children);
    return made;
  }

  // 1:02:03 or 2:03, with tenths where asked for.
  function clock(seconds, digits = 0) {
    const scale = 10 ** digits;
    const all = Math.round(Math.max(0, seconds) * scale) / scale;
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor(all / 60) % 60;
    const rest = (all % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  }

  // 2024-11-17 08:05:09 of milliseconds that stand for a clock on the wall, in whatever zone.
  function wallClock(milliseconds) {
    return new Date(Math.round(milliseconds / 1000) * 1000).toISOString().slice(0, 19).replace("T", " ");
  }

  // An address names a video, a moment and a threshold: #key&t=12.8&threshold=0.7
  function address() {
    const [key, ...rest] = location.hash.slice(1).split("&");
    const values = new URLSearchParams(rest.join("&"));
    const number = (name) => (values.get(name) && Number.isFinite(Number(values.get(name))) ? Number(values.get(name)) : null);
    return { key, seconds: number("t"), threshold: number("threshold") };
  }

  // Storage may be forbidden to pages from disk; what is kept then lasts as long as the page.
  const folder = location.pathname.replace(/[^/]*$/, "");

  function recall(name) {
    try {
      return JSON.parse(localStorage.getItem(`report ${folder} ${name}`));
    } catch {
      return null;
    }
  }

  function remember(name, value) {
    try {
      localStorage.setItem(`report ${folder} ${name}`, JSON.stringify(value));
    } catch {
      // as above
    }
  }

  // The threshold of all pages: the address's, the one that was chosen last, else the files' own,
  // below which there are no events in the files.
  function threshold(stored) {
    const kept = recall("threshold");
    const chosen = address().threshold ?? (kept?.stored === stored ? kept.chosen : null) ?? stored;
    return chosen > 0 && chosen <= 1 ? chosen : stored;
  }

  // That of pages that list stored events and have no scores: not below what made these.
  function listThreshold(stored) {
    return Math.max(stored, threshold(stored));
  }

  // What such a page says where another threshold was chosen; '' else.
  function thresholdNote(stored) {
    const chosen = threshold(stored);
    if (chosen === stored) return "";
    if (chosen > stored) {
      return `Of the events that ${stored} makes, those that reach ${chosen.toFixed(2)}; a video's page shows how long they are then.`;
    }
    return `These are the events of ${stored}. Those of ${chosen.toFixed(2)} are on the videos' pages; \`events --threshold ${chosen}\` lists them here.`;
  }

  function keepThreshold(stored, chosen) {
    remember("threshold", { stored, chosen });
  }

  // As the event rule compares: scores are float32, and so is then the threshold.
  function reaches(score, chosen) {
    return Math.fround(score) >= Math.fround(chosen);
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Hues a golden angle apart, so that any number of classes stay distinct.
  function classColour(number, alpha = 1) {
    const hue = (12 + (number - 1) * 137.508) % 360;
    return `hsl(${hue.toFixed(0)} ${colour("--class-saturation")} ${colour("--class-lightness")} / ${alpha})`;
  }

  // Storage may be forbidden to pages from disk; the choice then lasts as long as the page.
  function remembered() {
    try {
      return localStorage.getItem("report-theme");
    } catch {
      return null;
    }
  }

  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = remembered();

  function isDark() {
    return chosen === "light" || chosen === "dark" ? chosen === "dark" : system.matches;
  }

  // Always written down, so that the style sheet has each palette once.
  function applyTheme() {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  }

  function setUpTheme(changed) {
    const button = document.getElementById("theme");
    const show = () => {
      applyTheme();
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
    };
    button.addEventListener("click", () => {
      chosen = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("report-theme", chosen);
      } catch {
        // as above
      }
      show();
      changed();
    });
    system.addEventListener("change", () => {
      show();
      changed();
    });
    show();
  }

  applyTheme();

  return {
    ...{ state, receive, load, element, clock, wallClock, colour, classColour, setUpTheme },
    ...{ address, recall, remember, threshold, listThreshold, thresholdNote, keepThreshold, reaches },
  };
})();
