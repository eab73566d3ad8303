/* The map of the test images. */
"use strict";

/** The test images at their places in the plane, with pan and zoom. */
class LatentMap {
  constructor(canvas, run, onChoose, onMove) {
    Object.assign(this, { canvas, run, onChoose, onMove });
    this.points = run.arrays.map.data;
    this.labels = run.arrays.labels?.data ?? null;
    this.count = this.points.length / 2;
    this.hidden = new Set();
    this.chosen = 0;
    this.pointers = new Map();
    this.fit();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onPointer(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.onUp(event));
    }
    canvas.addEventListener("keydown", (event) => this.onKey(event));
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
    this.span = 1.08 * Math.max(right - left, high - low, 1e-6);
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
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      const ratio = window.devicePixelRatio || 1, size = this.size();
      this.canvas.width = this.canvas.height = Math.round(size * ratio);
      const context = this.canvas.getContext("2d");
      context.scale(ratio, ratio);
      const radius = Math.min(5, Math.max(1.5, 2.2 * Math.sqrt(2000 / this.count) * Math.sqrt(this.zoomFactor())));
      const groups = this.labels ? this.run.class_names.length : 1;
      for (let group = 0; group < groups; group++) {
        if (this.hidden.has(group)) continue;
        context.fillStyle = this.run.colors[group % this.run.colors.length];
        context.globalAlpha = 0.8;
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
      context.globalAlpha = 1;
      this.drawClassNames(context);
      const chosen = [this.points[2 * this.chosen], this.points[2 * this.chosen + 1]];
      this.drawCircle(context, ...this.toScreen(...(this.place ?? chosen)));
    });
  }

  zoomFactor() {
    this.firstSpan ??= this.span;
    return Math.max(1, this.firstSpan / this.span);
  }

  /** Writes each class's name at the median of its points. */
  drawClassNames(context) {
    if (!this.labels || this.run.class_names.length > 30) return;
    this.medians ??= this.run.class_names.map((_, group) => {
      const members = [...this.labels.keys()].filter((index) => this.labels[index] === group);
      const median = (axis) => members.map((index) => this.points[2 * index + axis])
        .sort((a, b) => a - b)[members.length >> 1];
      return members.length ? [median(0), median(1)] : null;
    });
    const style = getComputedStyle(document.documentElement);
    context.font = "600 14px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 4;
    context.strokeStyle = style.getPropertyValue("--panel");
    context.fillStyle = style.getPropertyValue("--ink");
    this.medians.forEach((place, group) => {
      if (!place || this.hidden.has(group)) return;
      const [left, top] = this.toScreen(...place);
      context.strokeText(this.run.class_names[group], left, top);
      context.fillText(this.run.class_names[group], left, top);
    });
  }

  drawCircle(context, left, top) {
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(left, top, 8, 0, 2 * Math.PI);
    context.stroke();
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

  zoom(factor, left, top) {
    const [x, y] = this.toPlane(left, top);
    this.zoomFactor();
    this.span = Math.min(4 * this.firstSpan, Math.max(this.firstSpan / 500, this.span * factor));
    const [movedX, movedY] = this.toPlane(left, top);
    this.center = [this.center[0] + x - movedX, this.center[1] + y - movedY];
    this.draw();
  }

  pan(right, down) {
    const scale = this.span / this.size();
    this.center = [this.center[0] - right * scale, this.center[1] + down * scale];
    this.draw();
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  onWheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(event.deltaY * 0.0015), ...this.placeOf(event));
  }

  onDown(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.placeOf(event));
    this.travel = 0;
  }

  onPointer(event) {
    const at = this.placeOf(event), before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.onMove(this.nearest(...at, 12), this.toPlane(...at));
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (others.length) {
      const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);
      this.zoom(distance(before, others[0]) / Math.max(1, distance(at, others[0])), ...others[0]);
    } else if (this.run.latent_dim === 2) {
      this.travel += 1;
      this.onMove(null, this.toPlane(...at));
    } else {
      this.travel += Math.abs(at[0] - before[0]) + Math.abs(at[1] - before[1]);
      this.pan(at[0] - before[0], at[1] - before[1]);
    }
    this.pointers.set(event.pointerId, at);
  }

  onUp(event) {
    if (this.pointers.delete(event.pointerId) && event.type === "pointerup" && this.travel < 5) {
      const index = this.nearest(...this.placeOf(event), 30);
      if (index !== null) this.onChoose(index);
    }
  }

  onKey(event) {
    const step = this.size() / 10, middle = this.size() / 2;
    const actions = {
      ArrowLeft: () => this.pan(step, 0),
      ArrowRight: () => this.pan(-step, 0),
      ArrowUp: () => this.pan(0, step),
      ArrowDown: () => this.pan(0, -step),
      "+": () => this.zoom(0.8, middle, middle),
      "-": () => this.zoom(1.25, middle, middle),
      n: () => this.onChoose((this.chosen + 1) % this.count),
      p: () => this.onChoose((this.chosen + this.count - 1) % this.count),
    };
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (action && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      action();
    }
  }
}
