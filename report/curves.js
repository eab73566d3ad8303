/* Loss curves that one can read epoch by epoch, and enlarge. */
"use strict";

const CURVES = { width: widthOf(760), height: widthOf(320), left: 60, right: 76, top: 10, bottom: 44 };

/** Training and validation loss over epochs; the chosen epoch's numbers are written out. */
class LossCurves {
  constructor(run, box, text) {
    Object.assign(this, { run, text, epoch: run.history.epoch });
    this.svg = makeSvg("svg", { viewBox: `0 0 ${CURVES.width} ${CURVES.height}`, class: "chart curves", role: "img", tabindex: 0 });
    this.reset = make("button", { type: "button", disabled: "", onclick: () => this.show(0, this.epoch.length - 1) }, "Show all epochs");
    const help = make("p", { class: "note" }, "Point at an epoch to read its numbers. Drag over epochs to enlarge "
      + "them; a double click shows all. Keys: left and right choose an epoch, plus and minus zoom, 0 shows all.");
    help.hidden = this.epoch.length < 3;
    this.reset.hidden = help.hidden;
    box.append(this.svg, make("div", { class: "row" }, this.reset), help);
    this.at = this.epoch.length - 1;
    this.show(0, this.at);
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      this.start = this.nearest(event);
    });
    this.svg.addEventListener("pointermove", (event) => this.choose(this.nearest(event)));
    this.svg.addEventListener("pointerup", () => {
      const [first, last] = [this.start, this.at].sort((one, other) => one - other);
      this.start = null;
      if (last > first) this.show(first, last);
      else this.choose(this.at);
    });
    this.svg.addEventListener("pointercancel", () => {
      this.start = null;
      this.choose(this.at);
    });
    this.svg.addEventListener("dblclick", () => this.show(0, this.epoch.length - 1));
    this.svg.addEventListener("keydown", (event) => this.onKey(event));
  }

  x(value) {
    const { width, left, right } = CURVES, first = this.epoch[this.first], last = this.epoch[this.last];
    return left + (value - first) / Math.max(1, last - first) * (width - left - right);
  }

  /** Draws the epochs from one position to another. */
  show(first, last) {
    Object.assign(this, { first, last });
    const { width, height, left, right, top, bottom } = CURVES, { history } = this.run;
    this.reset.disabled = first === 0 && last === this.epoch.length - 1;
    const epoch = this.epoch.slice(first, last + 1);
    const lines = [["training", history.loss, "var(--faint)", "6 4"], ["validation", history.val_loss, "var(--mark)", ""]]
      .map(([name, series, ...look]) => [name, series.slice(first, last + 1), ...look]);
    const values = lines.flatMap(([, series]) => series).filter(Number.isFinite);
    const low = Math.min(...values), high = Math.max(...values);
    const y = (value) => top + (high - value) / (high - low || 1) * (height - bottom - top);
    const drawn = [];
    for (const tick of roundTicks(low, high, 5)) {
      drawn.push(makeSvg("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
        makeSvg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick, high - low < 10 ? 1 : 0)));
    }
    for (const tick of roundTicks(epoch[0], epoch[epoch.length - 1], CURVES.width / 90).filter(Number.isInteger)) {
      drawn.push(makeSvg("text", { x: this.x(tick), y: height - bottom + 18, "text-anchor": "middle" }, `${tick}`));
    }
    drawn.push(makeSvg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "epoch"),
      makeSvg("text", { x: 14, y: (height - bottom) / 2, "text-anchor": "middle",
        transform: `rotate(-90 14 ${(height - bottom) / 2})` }, "loss, nats per image"));
    const ends = lines.map(([, series]) => y(series[series.length - 1]));
    const isTraining = ends[0] <= ends[1] ? -1 : 1; // which label is the upper one
    const apart = Math.max(0, 16 - Math.abs(ends[0] - ends[1])) / 2;
    lines.forEach(([name, series, color, dash], index) => {
      const points = series.map((value, at) => (Number.isFinite(value) ? `${this.x(epoch[at])},${y(value)}` : "")).join(" ");
      drawn.push(makeSvg("polyline", { points, fill: "none", stroke: color, "stroke-width": 2, "stroke-dasharray": dash }));
      if (epoch.length <= 12) {
        series.forEach((value, at) => Number.isFinite(value)
          && drawn.push(makeSvg("circle", { cx: this.x(epoch[at]), cy: y(value), r: 3, fill: color })));
      }
      drawn.push(makeSvg("text", { x: width - right + 8, y: ends[index] + 4 + apart * (index === 0 ? isTraining : -isTraining) }, name));
    });
    this.selection = makeSvg("rect", { y: top, height: height - bottom - top, fill: "var(--mark)", "fill-opacity": 0.15, visibility: "hidden" });
    this.cursor = makeSvg("line", { y1: top, y2: height - bottom, stroke: "var(--ink)" });
    this.svg.replaceChildren(...drawn, this.selection, this.cursor);
    const lastOf = (series) => format(series[series.length - 1]);
    this.svg.setAttribute("aria-label", `Losses of epochs ${epoch[0]} to ${epoch[epoch.length - 1]}: training from `
      + `${format(lines[0][1][0])} to ${lastOf(lines[0][1])}, validation to ${lastOf(lines[1][1])} nats`);
    this.choose(Math.min(last, Math.max(first, this.at)));
  }

  /** Writes out the numbers of the epoch at a position, and marks it. */
  choose(at) {
    this.at = at;
    const { history, headings } = this.run, place = this.x(this.epoch[at]);
    this.cursor.setAttribute("x1", place);
    this.cursor.setAttribute("x2", place);
    const isDragging = typeof this.start === "number" && this.start !== at;
    this.selection.setAttribute("visibility", isDragging ? "visible" : "hidden");
    if (isDragging) {
      const other = this.x(this.epoch[this.start]);
      this.selection.setAttribute("x", Math.min(place, other));
      this.selection.setAttribute("width", Math.abs(place - other));
    }
    this.text.textContent = `Epoch ${this.epoch[at]}: ` + Object.entries(history).filter(([name]) => name !== "epoch")
      .map(([name, series]) => `${headings[name]} ${format(series[at])}`).join(", ");
  }

  nearest(event) {
    const place = (event.clientX - this.svg.getBoundingClientRect().left) * CURVES.width / this.svg.clientWidth;
    let best = this.first;
    for (let at = this.first; at <= this.last; at++) {
      if (Math.abs(this.x(this.epoch[at]) - place) < Math.abs(this.x(this.epoch[best]) - place)) best = at;
    }
    return best;
  }

  /** Shows fewer or more epochs around the chosen one. */
  zoom(factor) {
    const half = Math.max(1, Math.round((this.last - this.first) * factor / 2)), end = this.epoch.length - 1;
    const first = Math.max(0, Math.min(this.at - half, end - 2 * half));
    this.show(first, Math.min(end, first + 2 * half));
  }

  onKey(event) {
    const actions = {
      ArrowLeft: () => this.choose(Math.max(this.first, this.at - 1)),
      ArrowRight: () => this.choose(Math.min(this.last, this.at + 1)),
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.show(0, this.epoch.length - 1),
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key]();
  }
}

/** Draws training and validation loss in a box; the chosen epoch is written out in a text. */
function showCurves(run, box, text) {
  return new LossCurves(run, box, text);
}
