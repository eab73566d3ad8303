/* The page of a run: its latent space, its networks, and its numbers. */
"use strict";

/** Builds the page from the run, and connects what is chosen, moved and drawn. */
class Page {
  constructor(run) {
    this.run = run;
    this.model = new Model(run);
    this.num = run.arrays.images.shape[0];
    this.queue = new IdleQueue();
    this.gallery = new Gallery(run, this.model, this.queue,
      (index) => this.choose(index, "explore"), (z, caption) => this.setZ(z, caption));
    this.showHeader();
    this.makeSliders();
    this.map = new LatentMap(element("map"), run);
    new MapControls(this.map, (index) => this.choose(index), (index, place) => this.hover(index, place), run.latent_dim === 2);
    makeClassButtons(this);
    this.connect();
    element("draw").hidden = element("to-draw").hidden = run.image_shape[2] !== 1;
    if (run.image_shape[2] === 1) {
      this.drawing = new Drawing(run, (pixels) => this.show(pixels, "your drawing"), (pixels) => {
        if (this.pixels !== pixels) this.show(pixels, "your drawing");
        this.sampleAgain();
      });
    }
    this.results = new Results(this);
    this.curves = showLosses(run);
    this.choose(0);
    this.traverse();
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
    element("map-help").textContent = `Scroll or pinch to zoom, ${run.latent_dim === 2 ? "" : "drag to move, "}click a point `
      + "to choose its image. Keys: arrows move, plus and minus zoom, N and P choose the next and the previous image.";
    if (run.arrays.predicted) element("chosen").classList.add("long");
  }

  // ---------------------------------------------------------------------- what is chosen

  describe(index) {
    const { arrays, class_names: names } = this.run;
    const parts = [`Image ${format(index + 1, 0)}`];
    if (arrays.labels) parts.push(`class ${isolate(names[arrays.labels.data[index]])}`);
    if (arrays.predicted) parts.push(`predicted ${isolate(names[arrays.predicted.data[index]])}`);
    parts.push(`loss ${format(arrays.loss.data[index])} nats`);
    return parts.join(" · ");
  }

  /** Chooses a test image, and moves to a section if one is given. */
  choose(index, section = null) {
    this.chosen = index;
    this.hovered = null;
    this.map.choose(index);
    element("index").value = index + 1;
    this.show(imageOf(this.run, index), "image");
    element("chosen").textContent = this.describe(index);
    this.results.mark(this.run.arrays.loss.data[index]);
    if (section) element(section).scrollIntoView();
  }

  /** Shows an image, its posterior and its reconstruction. */
  show(pixels, caption) {
    this.pixels = pixels;
    paint(element("original"), pixels, this.run.image_shape);
    element("original-caption").textContent = caption;
    this.posterior = this.model.encode(pixels);
    this.showZ(null);
  }

  /** Shows the image's z: the mean, or μ + σ · ε for a noise ε of each dimension. */
  showZ(epsilon) {
    const z = sampleZ(this.posterior, epsilon);
    const decoded = this.setZ(z, epsilon ? "decoded from a sample of q(z|x)"
      : this.posterior.logVar ? "decoded from the mean of q(z|x)" : "decoded from its code");
    const { steps, loss } = explainLoss(this.model, this.pixels, this.posterior, epsilon, decoded);
    element("steps").replaceChildren(...steps);
    this.loss = loss;
    if (this.drawing?.pixels !== this.pixels || !this.drawing) return;
    element("chosen").textContent = "Your drawing";
    this.drawing.show(this.posterior, z, epsilon !== null, decoded, loss);
    this.map.mark(placeOf(this.run, z));
  }

  sampleAgain() {
    this.showZ(Array.from(this.posterior.mean, drawNormal));
    if (this.run.latent_dim === 2) this.map.mark(this.z.slice());
  }

  /** Shows what is under the pointer. */
  hover(index, place) {
    if (index !== null && index !== this.hovered) {
      paint(element("original"), imageOf(this.run, index), this.run.image_shape);
      element("original-caption").textContent = "image under the pointer";
      element("chosen").textContent = this.describe(index);
      if (this.run.latent_dim !== 2) {
        this.setZ(this.model.encode(imageOf(this.run, index)).mean, "its reconstruction");
      }
    }
    if (index !== null) this.hovered = index;
    if (this.run.latent_dim === 2) {
      this.map.mark(place);
      this.setZ(place, "decoded from this place");
    }
  }

  /** Shows the chosen image again, after another one was under the pointer. */
  leave() {
    if (this.hovered === null) return;
    this.hovered = null;
    paint(element("original"), this.pixels, this.run.image_shape);
    const isDrawn = this.pixels === this.drawing?.pixels;
    element("original-caption").textContent = isDrawn ? "your drawing" : "image";
    element("chosen").textContent = isDrawn ? "Your drawing" : this.describe(this.chosen);
    if (this.run.latent_dim !== 2) this.setZ(this.posterior.mean, "decoded from the mean of q(z|x)");
  }

  /** Moves the sliders to z and shows the image decoded from it, which it returns. */
  setZ(z, caption) {
    this.z = Array.from(z);
    this.z.forEach((value, dimension) => this.setSlider(dimension, value));
    return this.decode(caption);
  }

  decode(caption) {
    const decoded = this.model.decode(this.z);
    paint(element("decoded"), decoded, this.run.image_shape);
    element("decoded-caption").textContent = caption;
    return decoded;
  }

  // ---------------------------------------------------------------------- controls

  makeSliders() {
    const { run } = this;
    this.sliders = [];
    for (const dimension of run.order) {
      const [low, high] = run.ranges[dimension];
      const input = make("input", { type: "range", min: low, max: high, step: (high - low) / 200 });
      const output = make("output");
      const kl = run.kl ? make("small", {}, `${format(run.kl[dimension])} nats`) : "";
      input.addEventListener("input", () => {
        this.z[dimension] = Number(input.value);
        output.textContent = format(this.z[dimension]);
        this.decode("decoded from the sliders");
        if (run.latent_dim === 2) this.map.mark(this.z.slice());
      });
      element("sliders").append(make("label", {}, make("span", {}, nameOf(dimension), " ", kl), input, output));
      this.sliders[dimension] = { input, output };
    }
    element("slider-order").textContent = run.kl ? ", the highest KL first" : "";
  }

  setSlider(dimension, value) {
    const { input, output } = this.sliders[dimension];
    input.value = value;
    output.textContent = format(value);
  }

  connect() {
    const { run } = this, on = (id, action, event = "click") => element(id).addEventListener(event, action);
    on("fit", () => this.map.fit());
    on("zoom-in", () => this.map.zoomToPlace(0.6));
    on("zoom-out", () => this.map.zoomToPlace(1 / 0.6));
    on("map", () => this.leave(), "pointerleave");
    on("worst", () => this.showStrip(this.worst(), "highest loss, the highest first"));
    element("wrong").hidden = !run.arrays.predicted;
    on("wrong", () => this.showStrip([...Array(this.num).keys()].filter((index) =>
      run.arrays.predicted.data[index] !== run.arrays.labels.data[index]), "another predicted class than their own"));
    element("index").max = this.num;
    on("index", () => {
      const number = Math.round(Number(element("index").value));
      if (number >= 1 && number <= this.num) this.choose(number - 1);
      else element("index").value = this.chosen + 1;
    }, "change");
    let sample = 0;
    const samples = run.arrays.samples;
    element("random").hidden = !samples;
    on("random", () => this.setZ(rowOf(samples, sample++ % samples.shape[0]), "decoded from a sample of the prior"));
    on("mean", () => this.showZ(null));
    for (const end of ["a", "b"]) {
      on(`set-${end}`, () => {
        this[end] = Array.from(this.posterior.mean);
        paint(element(`image-${end}`), this.pixels, run.image_shape);
        element(`name-${end}`).textContent = `${end.toUpperCase()}: ${this.pixels === this.drawing?.pixels ? "drawing" : this.chosen + 1}`;
        element("between").disabled = !this.a || !this.b;
      });
    }
    element("between").disabled = true;
    on("between", () => {
      const t = Number(element("between").value);
      this.setZ(this.a.map((value, index) => (1 - t) * value + t * this.b[index]),
        `${format(100 * t, 0)} % of the way from A to B`);
      if (run.latent_dim === 2) this.map.mark(this.z.slice());
    }, "input");
    on("traverse", () => this.traverse());
    for (const id of ["again", "at-mean"]) element(id).hidden = !run.is_variational;
    on("again", () => this.sampleAgain());
    on("at-mean", () => this.showZ(null));
    element("drawn-buttons").hidden = !run.is_variational;
    if (!run.is_variational) element("drawn-heading").textContent = "Its z";
    if (run.latent_dim > 2) element("landing-caption").textContent = "where it lands: among the five images nearest in z";
    matchMedia("print").addEventListener("change", ({ matches: isPrinting }) => {
      if (isPrinting) element("all-settings").open = true;
    });
    connectTheme(() => {
      colorClasses(run);
      for (const map of [this.map, this.drawing?.map]) map?.drawLayerNow();
    });
    colorClasses(run);
  }

  /** Returns the images by their loss, the highest first. */
  worst() {
    const loss = this.run.arrays.loss.data;
    return [...Array(this.num).keys()].sort((one, other) => loss[other] - loss[one]);
  }

  /** Shows the first images of a list as buttons. */
  showStrip(indices, text) {
    const buttons = indices.slice(0, 24).map((index) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      paint(canvas, imageOf(this.run, index), this.run.image_shape);
      const label = this.describe(index);
      return make("button", { type: "button", class: "tile", title: label, "aria-label": label, onclick: () => this.choose(index) }, canvas);
    });
    element("strip").replaceChildren(...buttons);
    element("strip-text").textContent = `${format(buttons.length, 0)} of ${format(indices.length, 0)} images with ${text}:`;
  }

  /** Shows, for each of the first dimensions, images decoded from its low to its high end. */
  traverse() {
    element("traversal").replaceChildren(...this.gallery.traversal(this.z));
    element("traversal-text").textContent = "Each row moves one dimension, the others as in "
      + "the z above, from 3 standard deviations below the test images' mean to 3 above it.";
  }
}

readRun().then((run) => {
  element("content").hidden = false;
  window.page = new Page(run);
});
