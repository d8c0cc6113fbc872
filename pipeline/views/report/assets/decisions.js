"use strict";
// What a person decided of each incident: kept in this browser, exported to a file and read back.

const decisions = (() => {
  const SCHEMA = 1;
  const STATES = ["true", "false", "unsure"];

  class Decisions {
    constructor(report, changed) {
      this.report = report; // the data of the page
      this.changed = changed;
      this.made = new Map(); // by video and first frame
      this.past = []; // what was there before each decision, for undo
      for (const [place, decision] of Object.entries(recalled() ?? {})) {
        if (STATES.includes(decision?.state)) this.made.set(place, decision);
      }
    }

    place(incident) {
      return `${this.report.videos[incident.video].name}\n${incident.start}`;
    }

    of(incident) {
      return this.made.get(this.place(incident));
    }

    // Change some of an incident's decision; an empty state takes it back. The page is told, but
    // not of what its own fields show already.
    set(incident, change, isShown = false) {
      const place = this.place(incident);
      const before = this.made.get(place);
      if (!isShown || this.past.at(-1)?.[0] !== incident) this.past.push([incident, before]); // no keystrokes
      const base = before ?? { state: "unsure", label: this.report.classes[incident.label], note: "" };
      // What is false is normal and what is true is what was found, until somebody says otherwise.
      if (change.state && change.state !== base.state) {
        base.label = this.report.classes[change.state === "false" ? 0 : incident.label];
      }
      this.put(incident, { ...base, ...change, at: new Date().toISOString() }, isShown);
    }

    undo() {
      const last = this.past.pop();
      if (!last) return null;
      this.put(...last);
      return last[0];
    }

    put(incident, decision, isShown = false) {
      if (decision?.state) this.made.set(this.place(incident), decision);
      else this.made.delete(this.place(incident));
      report.remember("decisions", Object.fromEntries(this.made));
      if (!isShown) this.changed(incident);
    }

    // One entry a decision, with all that `review` needs to find the event again.
    exported() {
      const rows = [];
      for (const incident of this.report.incidents) {
        const decision = this.of(incident);
        if (!decision) continue;
        rows.push({
          video_id: this.report.videos[incident.video].name,
          start_frame: incident.start,
          end_frame: incident.end,
          start_time: incident.start_time,
          end_time: incident.end_time,
          found: this.report.classes[incident.label],
          peak: incident.peak,
          ...decision,
        });
      }
      return { schema: SCHEMA, title: this.report.title, model: this.report.model, decisions: rows };
    }

    // Take over an exported file; return how many of its decisions fit incidents of this report.
    take(text) {
      const file = JSON.parse(text);
      if (file?.schema !== SCHEMA || !Array.isArray(file.decisions)) {
        throw new Error("it holds no decisions of a report");
      }
      const known = new Map(this.report.incidents.map((incident) => [this.place(incident), incident]));
      let taken = 0;
      for (const { video_id: name, start_frame: start, state, label, note, at } of file.decisions) {
        const incident = known.get(`${name}\n${start}`);
        if (!incident || !STATES.includes(state)) continue;
        this.made.set(this.place(incident), { state, label: String(label), note: String(note ?? ""), at });
        taken += 1;
      }
      report.remember("decisions", Object.fromEntries(this.made));
      return { taken, all: file.decisions.length };
    }
  }

  function recalled() {
    return report.recall("decisions");
  }

  return { Decisions, STATES };
})();
