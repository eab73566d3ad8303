/* The map of the test images. */
"use strict";

/** The test images at their places in the plane. `MapControls` lets one move and enlarge it. */
class LatentMap {
  constructor(canvas, run) {
    Object.assign(this, { canvas, run });
    this.points = run.arrays.map.data;
    this.labels = run.arrays.labels?.data ?? null;
    this.layer = document.createElement("canvas");
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

  /** Draws the points again, before the screen's next frame. */
  draw() {
    this.isStale = true;
    this.drawCircleLater();
  }

  /** Draws the circle again, in front of the points as they are. */
  drawCircleLater() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.drawNow();
    });
  }

  drawLayerNow() {
    this.isStale = true;
    this.drawNow();
  }

  drawNow() {
    const ratio = window.devicePixelRatio || 1, size = this.size(), pixels = Math.round(size * ratio);
    if (this.isStale || this.layer.width !== pixels) this.drawLayer(pixels, ratio);
    if (this.canvas.width !== pixels) this.canvas.width = this.canvas.height = pixels;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, pixels, pixels);
    context.drawImage(this.layer, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const place = this.place ?? [this.points[2 * this.chosen], this.points[2 * this.chosen + 1]];
    this.drawCircle(context, ...this.toScreen(...place));
  }

  /** Draws points and names on a canvas of their own, which a drag over the plane leaves as it is. */
  drawLayer(pixels, ratio) {
    this.isStale = false;
    this.layer.width = this.layer.height = pixels;
    const context = this.layer.getContext("2d");
    const image = new ImageData(pixels, pixels);
    const [red, green, blue] = getComputedStyle(this.canvas).backgroundColor.match(/\d+/g);
    new Uint32Array(image.data.buffer).fill(255 * 2 ** 24 + blue * 2 ** 16 + green * 2 ** 8 + Number(red));
    const isBehind = (group) => this.highlighted !== null && group !== this.highlighted;
    if (this.highlighted !== null) this.drawPoints(image, 0.08, isBehind, ratio);
    this.drawPoints(image, 1, (group) => !isBehind(group), ratio);
    context.putImageData(image, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawClassNames(context, isBehind);
  }

  /** Draws the points of some classes pixel by pixel, which is faster than circles of the canvas. */
  drawPoints({ data, width }, opacity, isWanted, ratio) {
    const zoom = Math.sqrt(Math.max(1, this.firstSpan / this.span)), scale = width / this.span;
    const usual = Math.min(2.4, this.size() / 260) * Math.sqrt(2000 / this.count);
    const radius = ratio * Math.min(5, Math.max(1.4, usual * zoom)), reach = radius + 0.5;
    const colors = (this.labels ? this.run.class_names : [null]).map((_, group) =>
      (isWanted(group) && !this.hidden.has(group) ? colorOf(this.run, group) : null));
    for (let index = 0; index < this.count; index++) {
      const color = colors[this.labels ? this.labels[index] : 0];
      if (!color) continue;
      const left = (this.points[2 * index] - this.center[0]) * scale + width / 2 - 0.5;
      const top = width / 2 - (this.points[2 * index + 1] - this.center[1]) * scale - 0.5;
      for (let y = Math.max(0, Math.ceil(top - reach)); y < width && y <= top + reach; y++) {
        for (let x = Math.max(0, Math.ceil(left - reach)); x < width && x <= left + reach; x++) {
          const distance = Math.sqrt((x - left) ** 2 + (y - top) ** 2);
          const cover = opacity * Math.min(1, Math.max(0, reach - distance));
          for (let at = 4 * (y * width + x), channel = 0; channel < 3; channel++, at++) {
            data[at] += (color[channel] - data[at]) * cover;
          }
        }
      }
    }
  }

  /** Writes each class's name where its points are densest. */
  drawClassNames(context, isBehind) {
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
    for (const [group, dense] of this.densest.entries()) {
      if (!dense || isBehind(group) || this.hidden.has(group)) continue;
      const [left, top] = this.toScreen(...dense), name = shorten(this.run.class_names[group], 14);
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
    const [x, y] = this.toPlane(left, top), reach = within * this.span / this.size();
    let best = null, least = reach * reach;
    for (let index = 0; index < this.count; index++) {
      const right = this.points[2 * index] - x, up = this.points[2 * index + 1] - y;
      const distance = right * right + up * up;
      if (distance < least && this.isShown(index)) [best, least] = [index, distance];
    }
    return best;
  }

  choose(index) {
    this.chosen = index;
    this.place = null;
    this.drawCircleLater();
  }

  mark(place) {
    this.place = place;
    this.drawCircleLater();
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

/** Returns red, green and blue of a class: in the dark theme, light enough to be seen. */
function colorOf(run, group) {
  const color = run.colors[group % run.colors.length];
  let channels = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  if (document.documentElement.dataset.theme !== "dark") return channels;
  // relative luminance as in WCAG 2; that of the map's ground is 0.017
  const luminance = () => channels.reduce((sum, value, at) =>
    sum + [0.2126, 0.7152, 0.0722][at] * (value > 10 ? ((value / 255 + 0.055) / 1.055) ** 2.4 : value / 3294.6), 0);
  while (luminance() < 0.15) channels = channels.map((value) => value + 0.05 * (255 - value));
  return channels.map(Math.round);
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
