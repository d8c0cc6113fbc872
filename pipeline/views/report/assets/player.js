"use strict";
// The picture of the current moment: the video itself, or the nearest thumbnail where it cannot be
// played, and why that is.

const players = (() => {
  const { element, clock } = report;
  const find = (id) => document.getElementById(id);

  class Player {
    constructor(video, handlers) {
      this.video = video;
      this.handlers = handlers; // { moved(seconds), chosen(seconds) }
      this.media = find("player");
      this.canPlay = false;
      this.now = 0;
      this.showPictures();
      if (video.footage.remark) this.showRemark(video.footage.remark);
      if (video.footage.addresses.length) this.open();
      else this.showStill();
    }

    open() {
      const { addresses } = this.video.footage;
      addresses.forEach((address, number) => {
        const source = element("source", { src: address });
        if (number === addresses.length - 1) source.addEventListener("error", () => this.giveUp());
        this.media.append(source);
      });
      this.media.setAttribute("aria-label", `Video ${this.video.name}`);
      this.media.addEventListener("loadedmetadata", () => {
        this.canPlay = this.media.videoWidth > 0;
        if (!this.canPlay) this.giveUp();
        else this.seek(this.now);
      });
      const follow = () => {
        this.handlers.moved(Math.max(0, this.media.currentTime - this.video.footage.start));
        if (!this.media.paused && !this.media.ended) requestAnimationFrame(follow);
      };
      for (const name of ["play", "seeked", "timeupdate"]) this.media.addEventListener(name, follow);
    }

    // Moments count from the first frame, which a player's clock may show as later than 0.
    seek(seconds) {
      if (this.canPlay) this.media.currentTime = seconds + this.video.footage.start;
    }

    toggle() {
      if (!this.canPlay) return;
      if (this.media.paused) this.media.play();
      else this.media.pause();
    }

    setTime(seconds) {
      this.now = seconds;
      if (!find("still").hidden) this.drawStill();
    }

    giveUp() {
      this.canPlay = false;
      const { footage, path } = this.video;
      if (!footage.remark) {
        this.showRemark(`This browser does not play the video (${footage.format}), or it is no longer at ${path}.`);
      }
      this.showStill();
    }

    showRemark(text) {
      find("remark").replaceChildren(text);
      const { command } = this.video.footage;
      if (command) find("remark").append(" ", element("code", { textContent: command }));
      find("remark").hidden = false;
    }

    showStill() {
      this.media.hidden = true;
      find("still").hidden = false;
      this.drawStill();
    }

    // The thumbnail of the current moment or the last one before it.
    drawStill() {
      const { sheet, pictures } = this.video.footage;
      find("still").classList.toggle("empty", !sheet);
      if (!sheet) {
        find("still").textContent = "no picture";
        return;
      }
      const number = Math.max(0, pictures.findLastIndex((seconds) => seconds <= this.now + 1e-6));
      const caption = element("span", { className: "small", textContent: `still at ${clock(pictures[number], 1)}` });
      find("still").replaceChildren(this.thumbnail(number), caption);
    }

    thumbnail(number) {
      const { sheet, pictures } = this.video.footage;
      const made = element("span", { className: "thumbnail" });
      made.style.backgroundImage = `url("pictures/${sheet}")`;
      made.style.backgroundSize = `${100 * pictures.length}% 100%`;
      made.style.backgroundPosition = `${pictures.length > 1 ? (100 * number) / (pictures.length - 1) : 0}% 0`;
      return made;
    }

    showPictures() {
      const { sheet, pictures } = this.video.footage;
      find("pictures").hidden = !sheet;
      if (!sheet) return;
      pictures.forEach((seconds, number) => {
        const caption = element("span", { className: "small", textContent: clock(seconds) });
        const properties = { type: "button", "aria-label": `Go to ${clock(seconds, 1)}` };
        const button = element("button", properties, this.thumbnail(number), caption);
        button.addEventListener("click", () => this.handlers.chosen(seconds));
        find("pictures").append(button);
      });
      const whole = new Image();
      whole.onload = () => {
        const ratio = whole.naturalWidth / pictures.length / whole.naturalHeight;
        find("content").style.setProperty("--ratio", ratio);
      };
      whole.src = `pictures/${sheet}`;
    }
  }

  return { Player };
})();
