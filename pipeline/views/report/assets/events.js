"use strict";
// The list of events beside the player: shown, walked through, copied.

const eventLists = (() => {
  const { element, clock, classColour } = report;
  const find = (id) => document.getElementById(id);
  const AHEAD = 0.05; // seconds past the current moment from which an event is the next one
  const BEHIND = 0.5; // before it: going back from just after a start leads to the one before

  class EventList {
    constructor(video, chosen) {
      this.video = video;
      this.chosen = chosen;
      this.events = [];
      this.buttons = [];
      this.current = -1;
      find("json").addEventListener("click", () => this.copy(JSON.stringify(this.rows(), null, 1)));
      find("csv").addEventListener("click", () => this.copy(csv(this.rows())));
    }

    show(events) {
      this.events = events;
      find("count").textContent = `(${events.length})`;
      this.buttons = events.map((event) => this.button(event));
      this.current = -1;
      find("events").replaceChildren(...this.buttons.map((button) => element("li", {}, button)));
      for (const id of ["earlier", "later", "json", "csv"]) find(id).disabled = !events.length;
      if (!events.length) {
        find("events").append(element("li", { className: "soft", textContent: "None at this threshold." }));
      }
    }

    button(event) {
      const mark = element("i", { className: "mark" });
      mark.style.background = classColour(this.video.classes.indexOf(event.label));
      const when = `${clock(event.start_time, 1)} – ${clock(event.end_time, 1)}`;
      const button = element(
        "button",
        { type: "button" },
        mark,
        element("span", { className: "when", textContent: when }),
        element("span", { className: "grow", textContent: event.label }),
        element("span", { className: "number", textContent: event.peak.toFixed(2) }),
      );
      button.addEventListener("click", () => this.chosen(event.start_time));
      return button;
    }

    // Called for every frame that is played: only what changes is touched.
    mark(now) {
      const inside = (event) => event.start_time <= now + 1e-6 && now < event.end_time;
      const current = this.events.findIndex(inside);
      if (current === this.current) return;
      this.buttons[this.current]?.removeAttribute("aria-current");
      this.buttons[current]?.setAttribute("aria-current", "true");
      this.current = current;
    }

    step(direction, now) {
      const starts = this.events.map((event) => event.start_time);
      const wanted =
        direction > 0
          ? starts.find((seconds) => seconds > now + AHEAD)
          : starts.findLast((seconds) => seconds < now - BEHIND);
      if (wanted !== undefined) this.chosen(wanted);
    }

    // Named as the columns of the Parquet files.
    rows() {
      return this.events.map((event) => ({
        video_id: this.video.name,
        start_frame: event.start,
        end_frame: event.end,
        start_time: event.start_time,
        end_time: event.end_time,
        label: event.label,
        peak: event.peak,
        mean: event.mean,
      }));
    }

    async copy(text) {
      await copyText(text);
      find("copied").textContent = `${this.events.length} copied`;
    }
  }

  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyBySelection(text); // browsers may keep the clipboard from pages on disk
    }
  }

  // A spreadsheet takes a text that begins so for a formula, and runs it: an apostrophe stops that.
  const FORMULA = /^[=+\-@\t\r]/;

  function csv(rows) {
    const plain = (value) => (typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value));
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [Object.keys(rows[0]), ...rows.map(Object.values)];
    return lines.map((line) => `${line.map((value) => quoted(plain(value))).join(",")}\n`).join("");
  }

  function copyBySelection(text) {
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  return { EventList, copyText };
})();
