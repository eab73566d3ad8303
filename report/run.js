/* The run in the page: its arrays, its networks, and how its images are drawn. */
"use strict";

const element = (id) => document.getElementById(id);

/** Returns a new element; text is only ever set as text. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Returns a number as text; null stands for one that is not finite. */
const format = (value, digits = 2) => (value === null ? "not finite" : value.toLocaleString("en",
  { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "\u2212"));

/** Returns a name as text that cannot turn the text after it from right to left. */
const isolate = (name) => (/[\u0590-\u08ff\u200e-\u202e\u2066-\u2069]/.test(name) ? `\u2068${name}\u2069` : name);

const shorten = (name, length) => {
  const letters = [...name];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : name;
};

/** Reads the run: its description, its arrays, and its networks. */
async function readRun() {
  const run = JSON.parse(element("run").textContent);
  const packed = Uint8Array.from(atob(element("arrays").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).arrayBuffer();
  const read = ({ kind, shape, offset }) => {
    const size = shape.reduce((product, each) => product * each, 1);
    const kinds = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
    if (kinds[kind]) return { shape, data: new kinds[kind](bytes, offset, size) };
    // float24: the upper three bytes of each number, one plane after another
    const data = new Float32Array(size), words = new Uint32Array(data.buffer);
    const planes = new Uint8Array(bytes, offset, 3 * size);
    for (let index = 0; index < size; index++) {
      words[index] = planes[index] * 2 ** 24 + (planes[size + index] << 16) + (planes[2 * size + index] << 8);
    }
    return { shape, data };
  };
  run.arrays = Object.fromEntries(
    Object.entries(run.arrays).map(([name, array]) => [name, read(array)]));
  run.networks = Object.fromEntries(Object.entries(run.networks).map(([name, graph]) => {
    for (const node of Object.values(graph.nodes)) {
      node.weights = node.weights.map(read);
      node.inputs = node.inputs.map((input) => (input.kind ? read(input) : input));
    }
    return [name, engine.network(graph)];
  }));
  return run;
}

/** The run's networks on single images: pixels from 0 to 255, and z. */
class Model {
  constructor(run) {
    this.run = run;
    this.latentDim = run.latent_dim;
  }

  /** Returns the pixels decoded from z. */
  decode(z) {
    return this.decodeMany([z]);
  }

  /** Returns the pixels of images decoded from several z, one after another. */
  decodeMany(zs) {
    const z = { shape: [zs.length, this.latentDim], data: Float32Array.from(zs.flatMap((each) => [...each])) };
    return this.run.networks.decoder({ z }).images.data;
  }

  /** Returns the parameters of q(z|x), and what a classifier predicts. */
  encode(pixels) {
    const { z_mean: mean, z_log_var: logVar, class_probabilities: classes } =
      this.run.networks.encoder({ images: this.tensorOf(pixels) });
    return { mean: mean.data, logVar: logVar?.data ?? null, classes: classes?.data ?? null };
  }

  /** Returns −log p(x|z), and the KL as the loss has it; null for an autoencoder. */
  terms(pixels, { mean, logVar }, z) {
    const vector = (data) => ({ shape: [1, this.latentDim], data: Float32Array.from(data) });
    const inputs = { images: this.tensorOf(pixels), z: vector(z) };
    if (logVar && this.run.num_levels === 1) Object.assign(inputs, { z_mean: vector(mean), z_log_var: vector(logVar) });
    const { reconstruction, kl } = this.run.networks.terms(inputs);
    return { reconstruction: reconstruction.data[0], kl: kl ? kl.data[0] : null };
  }

  tensorOf(pixels) {
    return { shape: [1, ...this.run.image_shape], data: Float32Array.from(pixels) };
  }
}

/** Returns the pixels of an image of the map, from 0 to 255. */
function imageOf(run, index) {
  return rowOf(run.arrays.images, index);
}

/** Returns what an array has at a position of its first axis. */
function rowOf({ shape, data }, index) {
  const size = shape.slice(1).reduce((product, each) => product * each, 1);
  return data.subarray(index * size, (index + 1) * size);
}

/** Draws pixels from 0 to 255 on a canvas of their size; CSS enlarges it. */
function paint(canvas, pixels, shape) {
  if (canvas.width !== shape[1]) canvas.width = shape[1];
  if (canvas.height !== shape[0]) canvas.height = shape[0];
  paintAt(canvas, pixels, shape, 0, 0);
}

function paintAt(canvas, pixels, [height, width, channels], left, top) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * pixel + channel] = pixels[pixel * channels + (channels === 3 ? channel : 0)];
    }
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, left, top);
}

/** A standard normal number (Box and Muller, 1958). */
function drawNormal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
