/* Figures of images, decoded in the page while nothing else is to be done. */
"use strict";

/** Decodes images one by one when the browser is idle, so that it always answers at once. */
class IdleQueue {
  constructor() {
    this.tasks = [];
    this.whenDone = Promise.resolve();
    matchMedia("print").addEventListener("change", ({ matches: isPrinting }) => { if (isPrinting) this.finish(); });
  }

  add(...tasks) {
    this.tasks.push(...tasks);
    if (this.isRunning) return;
    this.isRunning = true;
    this.whenDone = new Promise((resolve) => { this.resolve = resolve; });
    this.wait();
  }

  wait() {
    const next = (deadline) => {
      do this.tasks.shift()?.(); while (this.tasks.length && deadline.timeRemaining() > 4);
      if (this.tasks.length) this.wait();
      else this.stop();
    };
    if (window.requestIdleCallback) requestIdleCallback(next, { timeout: 500 });
    else setTimeout(() => next({ timeRemaining: () => 0 }), 8);
  }

  finish() {
    while (this.tasks.length) this.tasks.shift()();
  }

  stop() {
    this.isRunning = false;
    this.resolve();
  }
}

/** The grids of images of a run. */
class Gallery {
  /** onChoose receives an image's position; onZ receives a z and what it is. */
  constructor(run, model, queue, onChoose, onZ) {
    Object.assign(this, { run, model, queue, onChoose, onZ });
  }

  /** Returns a canvas of the images' size, whose pixels are computed later. */
  later(compute, label = null) {
    const [height, width] = this.run.image_shape;
    const canvas = make("canvas", label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" });
    [canvas.width, canvas.height] = [width, height];
    this.queue.add(() => paint(canvas, compute(), this.run.image_shape));
    return canvas;
  }

  decodeLater(z, label = null) {
    return this.later(() => this.model.decode(z), label);
  }

  /** Returns a button that chooses a test image, with its reconstruction below it. */
  pair(index, describe) {
    const pixels = imageOf(this.run, index);
    return make("button", { type: "button", class: "tile stack", title: describe(index), "aria-label": describe(index),
      onclick: () => this.onChoose(index) }, this.later(() => pixels),
    this.later(() => this.model.decode(this.model.encode(pixels).mean)));
  }

  /** Returns the grid of test images above their reconstructions, alternating classes. */
  reconstructions(describe) {
    const labels = this.run.arrays.labels?.data, count = this.run.arrays.images.shape[0];
    const seen = new Map(); // class → images of it so far
    const ranked = [...Array(count).keys()].map((index) => {
      const label = labels ? labels[index] : 0, rank = seen.get(label) ?? 0;
      seen.set(label, rank + 1);
      return [rank, label, index];
    });
    ranked.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    const chosen = ranked.slice(0, 20).map(([, , index]) => index);
    return gridOf("Reconstructions", `Test images above, decoded from ${this.run.is_variational ? "the mean of q(z|x)" : "their codes"} below. `
      + "Click one to explore it.",
    chosen.map((index) => this.pair(index, describe)), labels ? Math.min(10, seen.size) : 10);
  }

  worst(sorted, describe) {
    return gridOf("Worst reconstructed", "The test images with the highest loss, the worst first.",
      sorted.slice(0, 10).map((index) => this.pair(index, describe)), 10);
  }

  samples() {
    const { samples } = this.run.arrays, count = Math.min(40, samples.shape[0]);
    const canvases = Array.from({ length: count }, (_, row) =>
      this.decodeLater(rowOf(samples, row), row ? null : "Images decoded from samples of the prior"));
    return gridOf("Samples", "Decoded from samples of the prior p(z): images that the model makes up.", canvases, 10);
  }

  /** Returns a row of samples for each class that the classifier assigns. */
  samplesByClass() {
    const { samples, sample_classes: classes } = this.run.arrays, columns = 10;
    const rows = this.run.class_names.slice(0, 20).map((name, group) => {
      const members = [...classes.data.keys()].filter((row) => classes.data[row] === group).slice(0, columns);
      return make("div", { class: "line", role: "img", "aria-label": `Samples classified as ${isolate(name)}` },
        make("span", {}, make("bdi", {}, shorten(name, 14))),
        ...(members.length ? members.map((row) => this.decodeLater(rowOf(samples, row)))
          : [make("em", {}, `none of ${format(samples.shape[0], 0)} samples`)]));
    });
    const shown = make("div", { class: "lines named", style: "--columns: 10" }, ...rows);
    return make("div", {}, make("h3", {}, "Samples by class"), make("p", { class: "note" },
      "Samples of the prior, by the class that the classifier assigns to them."), shown);
  }

  /** Returns, for each dimension, images decoded from its low to its high end, the others as in z. */
  traversal(z) {
    const { run } = this, columns = 11;
    return run.order.slice(0, MOST_ROWS).map((dimension) => {
      const [center, spread] = run.spread[dimension];
      const [low, high] = [center - 3 * spread, center + 3 * spread];
      const canvases = Array.from({ length: columns }, (_, column) => {
        const moved = z.slice();
        moved[dimension] = low + (high - low) * column / (columns - 1);
        return this.decodeLater(moved);
      });
      return make("div", { class: "line", role: "img", "aria-label":
        `Images decoded while ${nameOf(dimension)} moves from ${format(low)} to ${format(high)}` },
      make("span", {}, nameOf(dimension)), ...canvases);
    });
  }

  /** Returns the plane of two dimensions as images, which one can click. */
  manifold() {
    const { run } = this, steps = 15, [height, width] = run.image_shape;
    const [across, up] = run.order.slice(0, 2).sort((one, other) => one - other);
    const origin = run.spread.map(([center]) => (run.is_variational ? 0 : center));
    const place = (dimension, step) => run.spread[dimension][0] + (4 * step / (steps - 1) - 2) * run.spread[dimension][1];
    const zOf = (column, row) => {
      const z = origin.slice();
      z[across] = place(across, column);
      z[up] = place(up, steps - 1 - row);
      return z;
    };
    const canvas = make("canvas", { role: "img", class: "manifold", "aria-label":
      `Images decoded over the plane of ${nameOf(across)} and ${nameOf(up)}` });
    [canvas.width, canvas.height] = [steps * width, steps * height];
    for (let cell = 0; cell < steps * steps; cell++) {
      const [row, column] = [Math.floor(cell / steps), cell % steps];
      this.queue.add(() => paintAt(canvas, this.model.decode(zOf(column, row)), run.image_shape, column * width, row * height));
    }
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect(), at = (value, size) => Math.min(steps - 1, Math.floor(value / size * steps));
      this.onZ(zOf(at(event.clientX - box.left, box.width), at(event.clientY - box.top, box.height)), "decoded from a place in the plane");
    });
    const end = (dimension, step) => format(place(dimension, step), 1);
    const text = run.latent_dim === 2 ? "" : " These are the two with the highest "
      + `${run.kl ? "KL" : "variance"}; the other dimensions are ${run.is_variational ? "0" : "at their mean"}.`;
    return make("div", {}, make("h3", {}, "The plane of two dimensions"), make("p", { class: "note" },
      "Images decoded over the mean ± 2 standard deviations of the test images' "
      + `${run.is_variational ? "posterior means" : "codes"}.${text}`),
    make("div", { class: "plane" }, make("span", { class: "up" }, `${nameOf(up)}: ${end(up, 0)} to ${end(up, steps - 1)} ↑`), canvas,
      make("span", { class: "across" }, `${nameOf(across)}: ${end(across, 0)} to ${end(across, steps - 1)} →`)));
  }
}

/** Returns a heading, a text, and images in a grid of this many columns. */
function gridOf(title, text, images, columns) {
  return make("div", {}, make("h3", {}, title), make("p", { class: "note" }, text),
    make("div", { class: "grid", style: `--columns: ${columns}` }, ...images));
}
