/* Drawing an image, and what the model makes of it. */
"use strict";

/** The section in which one draws. */
class Drawing {
  /** onShow shows pixels in the page, at the mean of q(z|x); onSample samples z for them. */
  constructor(run, onShow, onSample) {
    this.run = run;
    this.pad = new Pad(element("pad"), run, (pixels) => onShow(this.pixels = pixels));
    this.map = new LatentMap(element("landing"), run);
    const again = (action) => () => {
      if (this.pixels) action(this.pixels);
    };
    element("clear").addEventListener("click", () => this.clear());
    element("drawn-again").addEventListener("click", again((pixels) => onSample(pixels)));
    element("drawn-mean").addEventListener("click", again((pixels) => onShow(pixels)));
    const blank = () => Uint8Array.from({ length: run.image_shape[0] * run.image_shape[1] }, () =>
      (this.pad.paper === "#000" ? 0 : 255));
    this.blank = blank();
    this.clear();
  }

  clear() {
    this.pad.clear();
    this.pixels = null;
    for (const id of ["drawn-image", "drawn-decoded"]) paint(element(id), this.blank, this.run.image_shape);
    element("drawn-posterior").replaceChildren();
    element("drawn").textContent = "Nothing is drawn yet.";
    for (const id of ["drawn-again", "drawn-mean"]) element(id).disabled = true;
    this.map.mark([NaN, NaN]);
  }

  /** Shows what the model makes of the drawing, for a z.

    Args:
      posterior: as the model encodes it.
      z: at the mean, or sampled if `isSampled`.
      decoded: the pixels decoded from z.
      loss: in nats. */
  show(posterior, z, isSampled, decoded, loss) {
    const { run } = this, { mean, logVar, classes } = posterior;
    paint(element("drawn-image"), this.pixels, run.image_shape);
    paint(element("drawn-decoded"), decoded, run.image_shape);
    element("drawn-posterior").replaceChildren(spreadChart(mean, logVar, run.order, run.spread, isSampled ? z : null));
    const parts = [`Loss ${format(loss)} nats${this.compare(loss)}.`];
    if (classes) {
      const best = classes.indexOf(Math.max(...classes));
      parts.push(`Predicted class: ${isolate(run.class_names[best])}, probability ${format(classes[best])}.`);
    }
    if (isSampled) parts.push("z (diamond) is a sample of q(z|x).");
    element("drawn").textContent = parts.join(" ");
    for (const id of ["drawn-again", "drawn-mean"]) element(id).disabled = !logVar;
    this.map.mark(placeOf(run, isSampled ? z : mean));
  }

  /** Says how the loss of the drawing compares with those of the test images. */
  compare(loss) {
    const losses = this.run.arrays.loss.data;
    const below = losses.reduce((count, each) => count + (each < loss), 0) / losses.length;
    return `, higher than ${format(100 * below, 0)} % of the test images`;
  }
}

/** Returns the place of z on the map: among its five nearest test images, if the map is a t-SNE. */
function placeOf(run, z) {
  if (z.length === 2) return Array.from(z);
  const { mean, map } = run.arrays, count = map.shape[0];
  const distance = (index) => {
    let sum = 0;
    for (let axis = 0; axis < z.length; axis++) sum += (z[axis] - mean.data[index * z.length + axis]) ** 2;
    return sum;
  };
  const distances = Float64Array.from({ length: count }, (_, index) => distance(index));
  const near = []; // the five nearest, nearest first
  distances.forEach((each, index) => {
    if (near.length === 5 && each >= distances[near[4]]) return;
    const place = near.findIndex((other) => each < distances[other]);
    near.splice(place < 0 ? near.length : place, 0, index);
    near.length = Math.min(5, near.length);
  });
  return [0, 1].map((axis) => near.reduce((sum, index) => sum + map.data[2 * index + axis], 0) / near.length);
}
