/* Curves over epochs that one can read epoch by epoch, and enlarge. */
"use strict";

const CURVES = { width: widthOf(760), height: widthOf(320), left: 60, right: 76, top: 10, bottom: 44 };
const SKIPPED = 0.1; // of all epochs, the first ones, in which losses fall fast: they may lie above the axes

/** Lines over epochs; the numbers of the chosen epoch are written out.

  Args:
    box: the element that receives the chart.
    text: the element that receives the numbers of an epoch.
    write: returns these numbers as text. */
class Curves {
  constructor(box, text, write) {
    Object.assign(this, { text, write });
    this.svg = makeSvg("svg", { viewBox: `0 0 ${CURVES.width} ${CURVES.height}`, class: "chart curves", role: "img", tabindex: 0 });
    this.reset = make("button", { type: "button", onclick: () => this.show(1, this.end) }, "Show all epochs");
    this.help = make("p", { class: "note screen" }, "Point at an epoch to read its numbers. Drag over epochs to enlarge "
      + "them; a double click shows all. Keys: left and right choose an epoch, plus and minus zoom, 0 shows all. "
      + "The first epochs may lie above the axes.");
    box.append(this.svg, make("div", { class: "row" }, this.reset), this.help);
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
    this.svg.addEventListener("dblclick", () => this.show(1, this.end));
    this.svg.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Draws lines over all epochs, each with a name, a color, dashes, and a value per epoch. */
  draw(lines, title) {
    Object.assign(this, { lines, title, end: Math.max(...lines.map(({ series }) => series.length)) });
    this.reset.hidden = this.help.hidden = this.end < 3;
    this.at = this.end;
    this.show(1, this.end);
  }

  x(epoch) {
    const { width, left, right } = CURVES;
    return left + (epoch - this.first) / Math.max(1, this.last - this.first) * (width - left - right);
  }

  /** Draws the epochs from one to another. */
  show(first, last) {
    Object.assign(this, { first, last });
    const { width, height, left, right, top, bottom } = CURVES, areAll = first === 1 && last === this.end;
    this.reset.disabled = areAll;
    const lines = this.lines.map((line) => ({ ...line, points: line.series.slice(first - 1, last)
      .map((value, index) => [first + index, value]).filter(([, value]) => Number.isFinite(value)) }));
    const seen = first + (areAll ? Math.floor(SKIPPED * this.end) : 0);
    const values = lines.flatMap(({ points }) => points.filter(([epoch]) => epoch >= seen).map(([, value]) => value));
    const low = Math.min(...values), high = Math.max(...values);
    const y = (value) => top + (high - value) / (high - low || 1) * (height - bottom - top);
    const drawn = [];
    for (const tick of roundTicks(low, high, 5)) {
      drawn.push(makeSvg("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
        makeSvg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick, high - low < 10 ? 1 : 0)));
    }
    for (const tick of roundTicks(first, last, width / 90).filter(Number.isInteger)) {
      drawn.push(makeSvg("text", { x: this.x(tick), y: height - bottom + 18, "text-anchor": "middle" }, `${tick}`));
    }
    drawn.push(makeSvg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "epoch"),
      makeSvg("text", { x: 14, y: (height - bottom) / 2, "text-anchor": "middle",
        transform: `rotate(-90 14 ${(height - bottom) / 2})` }, this.title));
    const known = lines.filter(({ points }) => points.length);
    for (const { points, color, dash } of known) {
      drawn.push(makeSvg("polyline", { points: points.map(([epoch, value]) => `${this.x(epoch)},${y(value)}`).join(" "),
        fill: "none", stroke: color, "stroke-width": 2.5, "stroke-dasharray": dash }));
      for (const [epoch, value] of last - first < 12 ? points : points.slice(-1)) {
        drawn.push(makeSvg("circle", { cx: this.x(epoch), cy: y(value), r: 3, fill: color }));
      }
    }
    const ends = known.map(({ name, points }) => ({ name, end: points[points.length - 1] }));
    let lowest = -Infinity; // names are 15 apart, in the order of the lines' ends
    for (const { name, end: [epoch, value] } of ends.sort((one, other) => other.end[1] - one.end[1])) {
      lowest = Math.max(y(value) + 4, lowest + 15);
      drawn.push(makeSvg("text", { x: this.x(epoch) + 9, y: lowest }, name));
    }
    this.selection = makeSvg("rect", { y: top, height: height - bottom - top, fill: "var(--mark)", "fill-opacity": 0.15, visibility: "hidden" });
    this.cursor = makeSvg("line", { y1: top, y2: height - bottom, stroke: "var(--ink)" });
    this.svg.replaceChildren(...drawn, this.selection, this.cursor);
    this.svg.setAttribute("aria-label", `${this.title}, epochs ${first} to ${last}: ` + known.map(({ name, points }) =>
      `${name} from ${format(points[0][1])} to ${format(points[points.length - 1][1])}`).join(", "));
    this.choose(Math.min(last, Math.max(first, this.at)));
  }

  /** Writes out the numbers of an epoch, and marks it. */
  choose(epoch) {
    this.at = epoch;
    const place = this.x(epoch);
    this.cursor.setAttribute("x1", place);
    this.cursor.setAttribute("x2", place);
    const isDragging = typeof this.start === "number" && this.start !== epoch;
    this.selection.setAttribute("visibility", isDragging ? "visible" : "hidden");
    if (isDragging) {
      const other = this.x(this.start);
      this.selection.setAttribute("x", Math.min(place, other));
      this.selection.setAttribute("width", Math.abs(place - other));
    }
    this.text.textContent = this.write(epoch);
  }

  nearest(event) {
    const { width, left, right } = CURVES, { first, last } = this;
    const place = (event.clientX - this.svg.getBoundingClientRect().left) * width / this.svg.clientWidth;
    const epoch = Math.round(first + (place - left) / (width - left - right) * (last - first));
    return Math.min(last, Math.max(first, epoch));
  }

  /** Shows fewer or more epochs around the chosen one. */
  zoom(factor) {
    const half = Math.max(1, Math.round((this.last - this.first) * factor / 2));
    const first = Math.max(1, Math.min(this.at - half, this.end - 2 * half));
    this.show(first, Math.min(this.end, first + 2 * half));
  }

  onKey(event) {
    const actions = {
      ArrowLeft: () => this.choose(Math.max(this.first, this.at - 1)),
      ArrowRight: () => this.choose(Math.min(this.last, this.at + 1)),
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.show(1, this.end),
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key]();
  }
}
