/* The map of the test images. */
"use strict";

/** The test images at their places in the plane. `MapControls` lets one move and enlarge it. */
class LatentMap {
  constructor(canvas, run) {
    Object.assign(this, { canvas, run });
    this.points = run.arrays.map.data;
    this.labels = run.arrays.labels?.data ?? null;
    this.count = this.points.length / 2;
    this.hidden = new Set(); // classes
    this.highlighted = null; // the class that the others stand behind
    this.chosen = 0;
    this.place = null; // in the plane, where it is not that of the chosen image
    this.fit();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Shows all points. */
  fit() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let index = 0; index < this.count; index++) {
      left = Math.min(left, this.points[2 * index]);
      right = Math.max(right, this.points[2 * index]);
      low = Math.min(low, this.points[2 * index + 1]);
      high = Math.max(high, this.points[2 * index + 1]);
    }
    this.center = [(left + right) / 2, (low + high) / 2];
    this.firstSpan = this.span = 1.08 * Math.max(right - left, high - low, 1e-6);
    this.draw();
  }

  size() { return this.canvas.clientWidth || 1; }

  toScreen(x, y) {
    const scale = this.size() / this.span;
    return [(x - this.center[0]) * scale + this.size() / 2, this.size() / 2 - (y - this.center[1]) * scale];
  }

  toPlane(left, top) {
    const scale = this.span / this.size();
    return [(left - this.size() / 2) * scale + this.center[0], (this.size() / 2 - top) * scale + this.center[1]];
  }

  isShown(index) { return !this.labels || !this.hidden.has(this.labels[index]); }

  draw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.drawNow();
    });
  }

  drawNow() {
    const ratio = window.devicePixelRatio || 1, size = this.size(), pixels = Math.round(size * ratio);
    if (this.canvas.width !== pixels) this.canvas.width = this.canvas.height = pixels;
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, size, size);
    const groups = [...Array(this.labels ? this.run.class_names.length : 1).keys()]
      .filter((group) => !this.hidden.has(group))
      .sort((one, other) => (one === this.highlighted) - (other === this.highlighted)); // on top
    for (const group of groups) this.drawPoints(context, group, size);
    context.globalAlpha = 1;
    this.drawClassNames(context, groups);
    const place = this.place ?? [this.points[2 * this.chosen], this.points[2 * this.chosen + 1]];
    this.drawCircle(context, ...this.toScreen(...place));
  }

  drawPoints(context, group, size) {
    const zoom = Math.sqrt(Math.max(1, this.firstSpan / this.span));
    const radius = Math.min(5, Math.max(1.4, Math.min(2.4, size / 260) * Math.sqrt(2000 / this.count) * zoom));
    context.fillStyle = this.run.colors[group % this.run.colors.length];
    context.globalAlpha = this.highlighted === null ? 0.85 : this.highlighted === group ? 1 : 0.08;
    context.beginPath();
    for (let index = 0; index < this.count; index++) {
      if (this.labels && this.labels[index] !== group) continue;
      const [left, top] = this.toScreen(this.points[2 * index], this.points[2 * index + 1]);
      if (left < -9 || top < -9 || left > size + 9 || top > size + 9) continue;
      context.moveTo(left + radius, top);
      context.arc(left, top, radius, 0, 2 * Math.PI);
    }
    context.fill();
  }

  /** Writes each class's name where its points are densest. */
  drawClassNames(context, groups) {
    if (!this.labels || this.run.class_names.length > 30) return;
    this.densest ??= findDensest(this.points, this.labels, this.run.class_names.length, this.firstSpan);
    const style = getComputedStyle(this.canvas), fontSize = Math.min(17, Math.max(11, this.size() / 36));
    context.font = `700 ${fontSize}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 5;
    context.strokeStyle = style.backgroundColor;
    context.fillStyle = style.color;
    for (const group of groups) {
      if (!this.densest[group] || (this.highlighted !== null && this.highlighted !== group)) continue;
      const [left, top] = this.toScreen(...this.densest[group]), name = shorten(this.run.class_names[group], 14);
      context.strokeText(name, left, top);
      context.fillText(name, left, top);
    }
  }

  drawCircle(context, left, top) {
    const style = getComputedStyle(this.canvas);
    for (const [color, width] of [[style.backgroundColor, 6], [style.color, 2.5]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      context.arc(left, top, 9, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** Returns the shown point nearest to a place on the screen, or null beyond a distance. */
  nearest(left, top, within) {
    let best = null, least = within * within;
    for (let index = 0; index < this.count; index++) {
      if (!this.isShown(index)) continue;
      const [x, y] = this.toScreen(this.points[2 * index], this.points[2 * index + 1]);
      const distance = (x - left) ** 2 + (y - top) ** 2;
      if (distance < least) [best, least] = [index, distance];
    }
    return best;
  }

  choose(index) {
    this.chosen = index;
    this.place = null;
    this.draw();
  }

  mark(place) {
    this.place = place;
    this.draw();
  }

  highlight(group) {
    this.highlighted = group;
    this.draw();
  }

  zoom(factor, left, top) {
    const [x, y] = this.toPlane(left, top);
    this.span = Math.min(4 * this.firstSpan, Math.max(this.firstSpan / 500, this.span * factor));
    const [movedX, movedY] = this.toPlane(left, top);
    this.center = [this.center[0] + x - movedX, this.center[1] + y - movedY];
    this.draw();
  }

  /** Zooms towards the circle. */
  zoomToPlace(factor) {
    this.center = [...(this.place ?? [this.points[2 * this.chosen], this.points[2 * this.chosen + 1]])];
    this.zoom(factor, this.size() / 2, this.size() / 2);
  }

  pan(right, down) {
    const scale = this.span / this.size();
    this.center = [this.center[0] - right * scale, this.center[1] + down * scale];
    this.draw();
  }
}

/** Returns, for each class, where its points are densest; null for a class without points.

Names keep some distance from each other: a class takes its densest free place. */
function findDensest(points, labels, numClasses, span) {
  const cell = span / 36, chosen = [];
  const cells = Array.from({ length: numClasses }, () => new Map());
  labels.forEach((label, index) => {
    const [column, row] = [Math.round(points[2 * index] / cell), Math.round(points[2 * index + 1] / cell)];
    for (let right = -1; right <= 1; right++) {
      for (let up = -1; up <= 1; up++) { // each point also counts for the cells beside its own
        const key = `${column + right},${row + up}`;
        cells[label].set(key, (cells[label].get(key) ?? 0) + (right || up ? 1 : 2));
      }
    }
  });
  return cells.map((counts) => {
    const byCount = [...counts].sort((one, other) => other[1] - one[1])
      .map(([key]) => key.split(",").map((number) => Number(number) * cell));
    const isFree = ([x, y]) => chosen.every((other) => Math.hypot(x - other[0], y - other[1]) > 1.8 * cell);
    const place = byCount.find(isFree) ?? byCount[0] ?? null;
    if (place) chosen.push(place);
    return place;
  });
}
