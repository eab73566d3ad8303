/* The page of a run: its latent space, its networks, and its numbers. */
"use strict";

/** Builds the page from the run, and connects what is chosen, moved and drawn. */
class Page {
  constructor(run) {
    this.run = run;
    this.model = new Model(run);
    this.num = run.arrays.images.shape[0];
    this.showHeader();
    this.showResults();
    showCurves(run, element("curves"), element("curves-text"));
    this.makeClasses();
    this.makeSliders();
    this.map = new LatentMap(element("map"), run, (index) => this.choose(index),
      (index, place) => this.hover(index, place));
    this.connect();
    if (run.image_shape[2] === 1) new Pad(element("pad"), run, (pixels) => this.showDrawn(pixels));
    element("draw").hidden = run.image_shape[2] !== 1;
    this.choose(0);
    this.showGrids();
  }

  // ---------------------------------------------------------------------- what is known

  showHeader() {
    const { run } = this;
    element("title").textContent = run.name;
    element("subtitle").textContent = run.subtitle;
    for (const { heading, mean, error, digits } of run.metrics.slice(0, 6)) {
      const value = format(mean, digits) + (error === null ? "" : ` ± ${format(error, digits)}`);
      element("numbers").append(make("div", {}, make("dt", {}, heading), make("dd", {}, value)));
    }
    element("command").textContent = run.command;
    for (const [name, value] of Object.entries(run.settings)) {
      element("settings").append(make("tr", {}, make("th", { scope: "row" }, `--${name}`), make("td", {}, value)));
    }
    element("map-text").textContent = run.map_text;
  }

  showResults() {
    const { run } = this, box = element("results");
    const rows = run.metrics.map(({ heading, mean, error, digits, unit }) => make("tr", {},
      make("th", { scope: "row" }, heading), make("td", {}, format(mean, digits)),
      make("td", {}, error === null ? "" : `± ${format(error, digits)}`), make("td", {}, unit)));
    const head = make("tr", {}, ...["metric", "mean", "standard error", "unit"]
      .map((text) => make("th", { scope: "col" }, text)));
    box.append(make("p", {}, run.protocol), make("div", { class: "scroll" }, make("table", {}, head, ...rows)));
    if (run.kl) box.append(make("h3", {}, "KL of each latent dimension"), barChart(run.kl, run.order));
    if (run.confusion) {
      const table = make("table", { class: "confusion" },
        make("caption", {}, "Images of the map by true class (rows) and predicted class (columns)"),
        make("tr", {}, make("td"), ...run.class_names.map((name) => make("th", { scope: "col" }, name))),
        ...run.confusion.map((counts, label) => make("tr", {},
          make("th", { scope: "row" }, run.class_names[label]),
          ...counts.map((count) => make("td", {}, count ? `${count}` : "·")))));
      box.append(make("h3", {}, "Confusion matrix"), make("div", { class: "scroll" }, table));
    }
  }

  // ---------------------------------------------------------------------- what is chosen

  image(index) {
    const size = this.run.image_shape.reduce((product, each) => product * each, 1);
    return this.run.arrays.images.data.subarray(index * size, (index + 1) * size);
  }

  describe(index) {
    const { arrays, class_names: names } = this.run;
    const parts = [`Image ${format(index + 1, 0)}`];
    if (arrays.labels) parts.push(`class ${names[arrays.labels.data[index]]}`);
    if (arrays.predicted) parts.push(`predicted ${names[arrays.predicted.data[index]]}`);
    parts.push(`loss ${format(arrays.loss.data[index])} nats`);
    return parts.join(" · ");
  }

  choose(index) {
    this.chosen = index;
    this.map.choose(index);
    element("index").value = index + 1;
    element("chosen").textContent = this.describe(index);
    this.show(this.image(index), "image");
  }

  /** Shows an image, its posterior and its reconstruction. */
  show(pixels, caption) {
    this.pixels = pixels;
    paint(element("original"), pixels, this.run.image_shape);
    element("original-caption").textContent = caption;
    this.posterior = this.model.encode(pixels);
    this.setZ(this.posterior.mean, "decoded from the mean of q(z|x)");
    this.explain(false);
  }

  hover(index, place) {
    if (this.run.latent_dim === 2) {
      this.map.place = place;
      this.map.draw();
      this.setZ(place, "decoded from this place");
    } else if (index !== null && index !== this.hovered) {
      paint(element("original"), this.image(index), this.run.image_shape);
      element("original-caption").textContent = "image under the pointer";
      element("chosen").textContent = this.describe(index);
      this.setZ(this.model.encode(this.image(index)).mean, "its reconstruction");
    }
    this.hovered = index;
  }

  setZ(z, caption) {
    this.z = Array.from(z);
    this.z.forEach((value, dimension) => this.setSlider(dimension, value));
    this.decode(caption);
  }

  decode(caption) {
    paint(element("decoded"), this.model.decode(this.z), this.run.image_shape);
    element("decoded-caption").textContent = caption;
  }

  // ---------------------------------------------------------------------- controls

  makeClasses() {
    if (!this.run.arrays.labels) return;
    this.run.class_names.forEach((name, group) => {
      const dot = make("i");
      dot.style.background = this.run.colors[group % this.run.colors.length];
      const button = make("button", { type: "button", "aria-pressed": "true", onclick: () => {
        const isShown = this.map.hidden.delete(group) || !this.map.hidden.add(group);
        button.setAttribute("aria-pressed", `${isShown}`);
        this.map.draw();
      } }, dot, name);
      element("classes").append(button);
    });
  }

  makeSliders() {
    const { run } = this;
    this.sliders = [];
    for (const dimension of run.order) {
      const [low, high] = run.ranges[dimension];
      const input = make("input", { type: "range", min: low, max: high, step: (high - low) / 200 });
      const output = make("output");
      const kl = run.kl ? ` ${format(run.kl[dimension])} nats` : "";
      input.addEventListener("input", () => {
        this.z[dimension] = Number(input.value);
        output.textContent = format(this.z[dimension]);
        this.decode("decoded from the sliders");
      });
      element("sliders").append(make("label", {}, `z${dimension + 1}${kl}`, input, output));
      this.sliders[dimension] = { input, output };
    }
    element("slider-order").textContent = run.kl ? ", highest KL first" : "";
  }

  setSlider(dimension, value) {
    const { input, output } = this.sliders[dimension];
    input.value = value;
    output.textContent = format(value);
  }

  connect() {
    const { run } = this, on = (id, action, event = "click") => element(id).addEventListener(event, action);
    on("fit", () => this.map.fit());
    on("worst", () => this.showStrip(this.sortedBy((index) => -run.arrays.loss.data[index])));
    element("wrong").hidden = !run.arrays.predicted;
    on("wrong", () => this.showStrip([...Array(this.num).keys()].filter((index) =>
      run.arrays.predicted.data[index] !== run.arrays.labels.data[index])));
    element("index").max = this.num;
    on("index", () => {
      const number = Math.round(Number(element("index").value));
      if (number >= 1 && number <= this.num) this.choose(number - 1);
    }, "change");
    let sample = 0;
    const samples = run.arrays.samples;
    element("random").hidden = !samples;
    on("random", () => {
      const row = sample++ % samples.shape[0];
      this.setZ(samples.data.subarray(row * run.latent_dim, (row + 1) * run.latent_dim),
        "decoded from a sample of the prior");
    });
    on("mean", () => this.setZ(this.posterior.mean, "decoded from the mean of q(z|x)"));
    for (const end of ["a", "b"]) {
      on(`set-${end}`, () => {
        this[end] = Array.from(this.posterior.mean);
        element(`set-${end}`).textContent = `${end.toUpperCase()} is image ${this.chosen + 1}`;
      });
    }
    on("between", () => {
      if (!this.a || !this.b) return;
      const t = Number(element("between").value);
      this.setZ(this.a.map((value, index) => (1 - t) * value + t * this.b[index]),
        `${format(100 * t, 0)} % of the way from A to B`);
    }, "input");
    on("traverse", () => this.traverse());
    on("again", () => this.explain(true));
    connectTheme(() => this.map.draw());
  }

  sortedBy(key) {
    return [...Array(this.num).keys()].sort((one, other) => key(one) - key(other));
  }

  /** Shows the first images of a list as buttons. */
  showStrip(indices) {
    const buttons = indices.slice(0, 24).map((index) => {
      const canvas = make("canvas", { role: "img", "aria-label": this.describe(index) });
      paint(canvas, this.image(index), this.run.image_shape);
      canvas.style.width = "3rem";
      return make("button", { type: "button", title: this.describe(index), onclick: () => this.choose(index) }, canvas);
    });
    element("strip").replaceChildren(...buttons);
  }

  /** Shows, for each of the first dimensions, images decoded from its low to its high end. */
  traverse() {
    const { run } = this, columns = 9;
    const rows = run.order.slice(0, 12).map((dimension) => {
      const [low, high] = run.ranges[dimension];
      const zs = Array.from({ length: columns }, (_, column) => {
        const z = this.z.slice();
        z[dimension] = low + (high - low) * column / (columns - 1);
        return z;
      });
      const row = make("div", { class: "traversal", role: "img",
        "aria-label": `Images decoded while z${dimension + 1} moves from ${format(low)} to ${format(high)}` });
      row.append(make("span", {}, `z${dimension + 1}`), ...this.decodeEach(zs));
      return row;
    });
    element("traversal").replaceChildren(...rows);
  }

  /** Returns a canvas for each z. */
  decodeEach(zs) {
    const images = this.model.decodeMany(zs), size = images.length / zs.length;
    return zs.map((_, index) => {
      const canvas = make("canvas");
      paint(canvas, images.subarray(index * size, (index + 1) * size), this.run.image_shape);
      return canvas;
    });
  }

  /** Fills the grids of reconstructions, of samples, and of the plane of two dimensions. */
  showGrids() {
    const { run } = this, labels = run.arrays.labels?.data;
    const indices = labels
      ? run.class_names.flatMap((_, group) => [labels.indexOf(group)]).filter((index) => index >= 0).slice(0, 20)
      : [...Array(Math.min(10, this.num)).keys()];
    const pairs = indices.map((index) => {
      const original = make("canvas"), z = Array.from(this.model.encode(this.image(index)).mean);
      paint(original, this.image(index), run.image_shape);
      return make("div", { class: "stack" }, original, ...this.decodeEach([z]));
    });
    element("grids").append(gridOf("Reconstructions",
      `Test images above, decoded from the mean of q(z|x) below${labels ? "; the first image of each class" : ""}.`, pairs));
    const { samples } = run.arrays;
    if (samples) {
      const zs = Array.from({ length: Math.min(40, samples.shape[0]) }, (_, row) =>
        samples.data.subarray(row * run.latent_dim, (row + 1) * run.latent_dim));
      element("grids").append(gridOf("Samples", "Decoded from samples of the prior.", this.decodeEach(zs)));
    }
  }

  // ---------------------------------------------------------------------- drawing, explaining

  showDrawn(pixels) {
    this.show(pixels, "your drawing");
    const { mean, logVar, classes } = this.posterior;
    const place = this.run.latent_dim === 2 ? Array.from(mean) : this.placeNear(mean);
    this.map.place = place;
    this.map.draw();
    element("chosen").textContent = "Your drawing";
    const parts = [logVar ? `Mean and standard deviation of z: ${this.listZ(mean, logVar)}.` : `z: ${this.listZ(mean)}.`];
    if (classes) {
      const best = classes.indexOf(Math.max(...classes));
      parts.push(`Predicted class: ${this.run.class_names[best]}, probability ${format(classes[best])}.`);
    }
    parts.push(`Loss ${format(this.loss)} nats. The circle on the map shows where it lands.`);
    element("drawn").textContent = parts.join(" ");
  }

  /** Returns the mean place of the five test images whose z is nearest. */
  placeNear(z) {
    const { mean, map } = this.run.arrays;
    const distance = (index) => z.reduce((sum, value, axis) =>
      sum + (value - mean.data[index * z.length + axis]) ** 2, 0);
    const distances = Float64Array.from({ length: this.num }, (_, index) => distance(index));
    const near = []; // the five nearest, nearest first
    distances.forEach((distance, index) => {
      if (near.length === 5 && distance >= distances[near[4]]) return;
      const place = near.findIndex((other) => distance < distances[other]);
      near.splice(place < 0 ? near.length : place, 0, index);
      near.length = Math.min(5, near.length);
    });
    return [0, 1].map((axis) => near.reduce((sum, index) => sum + map.data[2 * index + axis], 0) / 5);
  }

  listZ(mean, logVar = null) {
    const shown = this.run.order.slice(0, 4).map((dimension) => `z${dimension + 1} ${format(mean[dimension])}`
      + (logVar ? ` ± ${format(Math.exp(logVar[dimension] / 2))}` : ""));
    return shown.join(", ") + (mean.length > 4 ? " and others" : "");
  }

  explain(isSampled) {
    const { steps, loss } = explainLoss(this.model, this.pixels, this.posterior, isSampled);
    this.loss = loss;
    element("again").hidden = !this.posterior.logVar;
    element("steps").replaceChildren(...steps);
  }
}

/** Returns a heading, a text, and images in a grid. */
function gridOf(title, text, images) {
  return make("div", {}, make("h3", {}, title), make("p", { class: "note" }, text),
    make("div", { class: "grid" }, ...images));
}

readRun().then((run) => { window.page = new Page(run); });
