/* Runs the networks of a trained model: functional Keras models, one operation after another.

A tensor is {shape, data}; its first axis is the batch, and images are (batch, height, width,
channels). A network is the configuration that Keras saves for a functional model, with its weights.
Each operation is prepared once for the shapes that it receives: a preparation returns the shape of
the result and a function from data to data. Arithmetic is in double precision, and results are
stored in single precision. */
"use strict";

const engine = (() => {
  const count = (shape) => shape.reduce((product, size) => product * size, 1);
  const strides = (shape) => shape.map((_, axis) => count(shape.slice(axis + 1)));
  const axisOf = (axis, shape) => (axis < 0 ? axis + shape.length : axis);

  // ------------------------------------------------------------------ one number at a time

  /** Prepares f, applied to the numbers at each position; axes of size 1 are repeated. */
  function elementwise(f, shapes) {
    const rank = Math.max(...shapes.map((shape) => shape.length));
    const padded = shapes.map((shape) => [...new Array(rank - shape.length).fill(1), ...shape]);
    const shape = padded[0].map((_, axis) => padded.find((each) => each[axis] !== 1)?.[axis] ?? 1);
    const places = padded.map((each) => {
      if (count(each) === count(shape)) return null; // the same positions
      const steps = strides(each).map((step, axis) => (each[axis] === 1 ? 0 : step));
      return placesOf(shape, (at) => at.reduce((sum, index, axis) => sum + index * steps[axis], 0));
    });
    const [first, second, third] = places;
    const at = (place, index) => (place ? place[index] : index);
    return [shape, ([x, y, z]) => {
      const out = new Float32Array(count(shape));
      for (let index = 0; index < out.length; index++) {
        const a = x[at(first, index)];
        if (!y) out[index] = f(a);
        else if (!z) out[index] = f(a, y[at(second, index)]);
        else out[index] = f(a, y[at(second, index)], z[at(third, index)]);
      }
      return out;
    }];
  }

  // ------------------------------------------------------------------------ moving numbers

  /** Returns place(position) for every position in a tensor of this shape, in order. */
  function placesOf(shape, place) {
    const places = new Int32Array(count(shape));
    const at = shape.map(() => 0);
    for (let index = 0; index < places.length; index++) {
      places[index] = place(at);
      for (let axis = shape.length - 1; axis >= 0 && ++at[axis] === shape[axis]; axis--) at[axis] = 0;
    }
    return places;
  }

  /** Prepares a result whose number at each position is x's at `move(position)`; null: zero. */
  function moved(shape, xShape, move) {
    const steps = strides(xShape);
    const places = placesOf(shape, (at) => {
      const from = move(at);
      return from ? from.reduce((sum, index, axis) => sum + index * steps[axis], 0) : -1;
    });
    return [shape, ([x]) => Float32Array.from(places, (place) => (place < 0 ? 0 : x[place]))];
  }

  const reshaped = (shape) => [shape, ([x]) => x];

  function pad(xShape, widths) {
    const shape = xShape.map((size, axis) => size + widths[axis][0] + widths[axis][1]);
    return moved(shape, xShape, (at) => {
      const from = at.map((index, axis) => index - widths[axis][0]);
      return from.every((index, axis) => index >= 0 && index < xShape[axis]) ? from : null;
    });
  }

  /** Prepares x[key]: numbers, slices with start and stop, an ellipsis and new axes. */
  function getItem(xShape, key) {
    const items = Array.isArray(key) ? key : [key];
    const isAxis = (item) => item !== null && item.class_name !== "__ellipsis__";
    const rest = xShape.length - items.filter(isAxis).length;
    const has = items.some((item) => item?.class_name === "__ellipsis__");
    const all = { class_name: "__slice__", config: {} };
    const full = (has ? items : [...items, { class_name: "__ellipsis__" }]).flatMap((item) =>
      item?.class_name === "__ellipsis__" ? new Array(rest).fill(all) : [item]);
    const shape = [], sources = []; // of each axis of x: a fixed index, or [axis of out, start]
    for (const item of full) {
      if (item === null) {
        shape.push(1);
      } else if (typeof item === "number") {
        sources.push(axisOf(item, { length: xShape[sources.length] }));
      } else {
        const size = xShape[sources.length];
        const end = (value, other) => Math.min(size, value == null ? other : axisOf(value, { length: size }));
        const start = end(item.config.start, 0);
        sources.push([shape.length, start]);
        shape.push(Math.max(0, end(item.config.stop, size) - start));
      }
    }
    return moved(shape, xShape, (at) =>
      sources.map((source) => (Array.isArray(source) ? at[source[0]] + source[1] : source)));
  }

  function concatenate(shapes, axis) {
    axis = axisOf(axis, shapes[0]);
    const shape = shapes[0].slice();
    shape[axis] = shapes.reduce((sum, each) => sum + each[axis], 0);
    const outer = count(shape.slice(0, axis));
    const widths = shapes.map((each) => count(each.slice(axis)));
    return [shape, (data) => {
      const out = new Float32Array(count(shape));
      let to = 0;
      for (let row = 0; row < outer; row++) {
        data.forEach((x, which) => {
          out.set(x.subarray(row * widths[which], (row + 1) * widths[which]), to);
          to += widths[which];
        });
      }
      return out;
    }];
  }

  // ------------------------------------------------------------------------ along an axis

  /** Prepares f(line), which changes a line of numbers along an axis in place. */
  function along(xShape, axis, f) {
    axis = axisOf(axis, xShape);
    const size = xShape[axis], stride = count(xShape.slice(axis + 1));
    return [xShape, ([x]) => {
      const out = new Float32Array(x.length), line = new Float64Array(size);
      for (let block = 0; block < x.length; block += size * stride) {
        for (let first = block; first < block + stride; first++) {
          for (let index = 0; index < size; index++) line[index] = x[first + index * stride];
          f(line);
          for (let index = 0; index < size; index++) out[first + index * stride] = line[index];
        }
      }
      return out;
    }];
  }

  /** Prepares f(line) → number over the given axes, all if null. */
  function reduced(xShape, axes, keepdims, f) {
    const given = axes === null || axes === undefined ? xShape.map((_, axis) => axis) : [axes].flat();
    const list = given.map((axis) => axisOf(axis, xShape));
    const kept = xShape.map((_, axis) => axis).filter((axis) => !list.includes(axis));
    const steps = strides(xShape);
    const offset = (axes) => placesOf(axes.map((axis) => xShape[axis]), (at) =>
      at.reduce((sum, index, place) => sum + index * steps[axes[place]], 0));
    const starts = offset(kept), within = offset(list);
    const shape = xShape.map((size, axis) => (list.includes(axis) ? 1 : size));
    return [keepdims ? shape : kept.map((axis) => xShape[axis]), ([x]) =>
      Float32Array.from(starts, (start) => f(Float64Array.from(within, (place) => x[start + place])))];
  }

  const sum = (line) => line.reduce((total, value) => total + value, 0);

  function logSumExp(line) {
    const highest = line.reduce((one, other) => Math.max(one, other), -Infinity);
    if (!Number.isFinite(highest)) return highest;
    return highest + Math.log(line.reduce((total, value) => total + Math.exp(value - highest), 0));
  }

  // ---------------------------------------------------------------------------- layers

  /** Prepares the product of two matrices, plus a row if there is one. */
  function matmul([batch, width], [, units]) {
    return [[batch, units], ([x, kernel, bias]) => {
      const out = new Float32Array(batch * units), row = new Float64Array(units);
      for (let image = 0; image < batch; image++) {
        for (let unit = 0; unit < units; unit++) row[unit] = bias ? bias[unit] : 0;
        for (let index = 0; index < width; index++) {
          const value = x[image * width + index];
          if (value === 0) continue; // many pixels are black
          for (let unit = 0, at = index * units; unit < units; unit++, at++) {
            row[unit] += value * kernel[at];
          }
        }
        out.set(row, image * units);
      }
      return out;
    }];
  }

  /** Size of a convolution's outputs, and the zeros before its inputs, as in TensorFlow. */
  function convolved(size, kernel, stride, padding) {
    if (padding === "valid") return [Math.floor((size - kernel) / stride) + 1, 0];
    const outputs = Math.ceil(size / stride);
    return [outputs, Math.max(0, (outputs - 1) * stride + kernel - size) >> 1];
  }

  /** Calls f(x pixel, y pixel, position in the kernel) for each product of a convolution. */
  function eachProduct([height, width], [rows, columns], [kernelRows, kernelColumns], [down, right],
    [top, left], f) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let i = 0; i < kernelRows; i++) {
          const y = row * down + i - top;
          if (y < 0 || y >= height) continue;
          for (let j = 0; j < kernelColumns; j++) {
            const x = column * right + j - left;
            if (x >= 0 && x < width) f(y * width + x, row * columns + column, i * kernelColumns + j);
          }
        }
      }
    }
  }

  /** Prepares a convolution, or its transpose, from its pairs of input and output pixels. */
  function convolution(xShape, { kernel_size: kernel, strides: steps, padding }, [weights, bias],
    isTransposed) {
    const [batch, height, width, channels] = xShape;
    const filters = bias.shape[0];
    let sizes, tops;
    if (isTransposed) {
      const size = (input, axis) => padding === "same" ? input * steps[axis]
        : input * steps[axis] + Math.max(kernel[axis] - steps[axis], 0);
      sizes = [size(height, 0), size(width, 1)];
      tops = sizes.map((each, axis) => convolved(each, kernel[axis], steps[axis], padding)[1]);
    } else {
      const both = [height, width].map((size, axis) => convolved(size, kernel[axis], steps[axis], padding));
      sizes = both.map((each) => each[0]);
      tops = both.map((each) => each[1]);
    }
    const pairs = []; // triples: input pixel, output pixel, place in the kernel
    if (isTransposed) {
      eachProduct(sizes, [height, width], kernel, steps, tops, (to, from, at) => pairs.push(from, to, at));
    } else {
      eachProduct([height, width], sizes, kernel, steps, tops, (from, to, at) => pairs.push(from, to, at));
    }
    const products = Int32Array.from(pairs);
    let values = weights.data;
    if (isTransposed) { // (rows, columns, filters, channels) → (rows, columns, channels, filters)
      const shape = [kernel[0], kernel[1], channels, filters];
      values = moved(shape, weights.shape, ([i, j, c, f]) => [i, j, f, c])[1]([weights.data]);
    }
    const pixels = sizes[0] * sizes[1];
    return [[batch, ...sizes, filters], ([x]) => {
      const out = new Float32Array(batch * pixels * filters);
      for (let image = 0; image < batch; image++) {
        const ins = image * height * width * channels, outs = image * pixels * filters;
        for (let at = 0; at < pixels * filters; at++) out[outs + at] = bias.data[at % filters];
        for (let index = 0; index < products.length; index += 3) {
          const from = ins + products[index] * channels, to = outs + products[index + 1] * filters;
          const first = products[index + 2] * channels * filters;
          for (let channel = 0; channel < channels; channel++) {
            const value = x[from + channel];
            if (value === 0) continue;
            for (let filter = 0, w = first + channel * filters; filter < filters; filter++, w++) {
              out[to + filter] += value * values[w];
            }
          }
        }
      }
      return out;
    }];
  }

  function groupNormalization(xShape, { groups, epsilon }, [gamma, beta]) {
    const batch = xShape[0], channels = xShape[xShape.length - 1];
    const pixels = count(xShape) / batch / channels, width = channels / groups;
    return [xShape, ([x]) => {
      const out = new Float32Array(x.length);
      for (let image = 0; image < batch; image++) {
        for (let group = 0; group < groups; group++) {
          const visit = (f) => {
            for (let pixel = 0; pixel < pixels; pixel++) {
              for (let channel = group * width; channel < (group + 1) * width; channel++) {
                f((image * pixels + pixel) * channels + channel, channel);
              }
            }
          };
          let total = 0, squares = 0;
          visit((at) => { total += x[at]; });
          const mean = total / pixels / width;
          visit((at) => { squares += (x[at] - mean) ** 2; });
          const scale = 1 / Math.sqrt(squares / pixels / width + epsilon);
          visit((at, channel) => {
            out[at] = (x[at] - mean) * scale * gamma.data[channel] + beta.data[channel];
          });
        }
      }
      return out;
    }];
  }

  const activation = (name, shape) => elementwise(ACTIVATIONS[name], [shape]);

  /** Appends a preparation to another one. */
  const then = ([shape, run], next) => {
    const [last, f] = next(shape);
    return [last, (data) => f([run(data)])];
  };

  // ------------------------------------------------------------------ Keras' operations

  /** Class → preparation, from the shapes, the configuration, the other arguments, the weights. */
  const OPERATIONS = {
    ...Object.fromEntries(Object.entries(ELEMENTWISE).map(([name, f]) =>
      [name, ({ shapes }) => elementwise(f, shapes)])),
    Activation: ({ shapes: [shape], config }) => activation(config.activation, shape),
    Clip: ({ shapes: [shape], config }) =>
      elementwise((x) => Math.min(Math.max(x, config.x_min), config.x_max), [shape]),
    Concatenate: ({ shapes, config }) => concatenate(shapes, config.axis),
    Conv2D: ({ shapes: [shape], config, weights }) => convolution(shape, config, weights, false),
    Conv2DTranspose: ({ shapes: [shape], config, weights }) =>
      convolution(shape, config, weights, true),
    Dense: ({ shapes: [shape], config, weights: [kernel, bias] }) => {
      const [out, run] = matmul(shape, kernel.shape);
      const product = [out, ([x]) => run([x, kernel.data, bias.data])];
      return then(product, (units) => activation(config.activation, units));
    },
    Flatten: ({ shapes: [shape] }) => reshaped([shape[0], count(shape.slice(1))]),
    GetItem: ({ shapes: [shape], config }) => getItem(shape, config.key),
    GroupNormalization: ({ shapes: [shape], config, weights }) =>
      groupNormalization(shape, config, weights),
    LeakyReLU: ({ shapes: [shape], config }) =>
      elementwise((x) => (x < 0 ? x * config.negative_slope : x), [shape]),
    LogSoftmax: ({ shapes: [shape], config }) => along(shape, config.axis, (line) => {
      const total = logSumExp(line);
      line.forEach((value, index) => { line[index] = value - total; });
    }),
    Logsumexp: ({ shapes: [shape], config }) =>
      reduced(shape, config.axis, config.keepdims, logSumExp),
    Matmul: ({ shapes: [first, second] }) => matmul(first, second),
    PReLU: ({ shapes: [shape], weights: [alpha] }) => {
      const [out, run] = elementwise((x, slope) => (x < 0 ? x * slope : x), [shape, alpha.shape]);
      return [out, ([x]) => run([x, alpha.data])];
    },
    Pad: ({ shapes: [shape], config }) => pad(shape, config.pad_width),
    Repeat: ({ shapes: [shape], config }) => {
      const axis = axisOf(config.axis, shape);
      const longer = shape.map((size, index) => (index === axis ? size * config.repeats : size));
      return moved(longer, shape, (at) => at.map((index, place) =>
        (place === axis ? Math.floor(index / config.repeats) : index)));
    },
    Reshape: ({ shapes: [shape], config }) => {
      // A layer's target_shape is without the batch; an operation's newshape has it.
      const target = config.target_shape ? [shape[0], ...config.target_shape] : config.newshape.slice();
      const free = target.findIndex((size) => size === -1 || size === null);
      if (free >= 0) target[free] = count(shape) / count(target.filter((_, axis) => axis !== free));
      return reshaped(target);
    },
    Softmax: ({ shapes: [shape], config }) => along(shape, config.axis, (line) => {
      const total = logSumExp(line);
      line.forEach((value, index) => { line[index] = Math.exp(value - total); });
    }),
    Split: ({ shapes: [shape], config }) => {
      const axis = axisOf(config.axis, shape);
      const size = shape[axis] / config.indices_or_sections;
      const part = shape.map((whole, index) => (index === axis ? size : whole));
      return moved(part, shape, (at) =>
        at.map((index, place) => (place === axis ? index + config.part * size : index)));
    },
    Sum: ({ shapes: [shape], config }) => reduced(shape, config.axis, config.keepdims, sum),
  };

  // -------------------------------------------------------------------------- networks

  /** Returns a function from the inputs to the outputs, by name, for inputs of these shapes. */
  function prepare(graph, inputShapes) {
    const slots = new Map(); // tensor → {slot, shape}
    const steps = [], constants = [];
    let numSlots = 0;
    for (const [name, source] of Object.entries(graph.inputs)) {
      slots.set(source, { slot: numSlots++, shape: inputShapes[name] });
    }

    function find(source) {
      if (typeof source !== "string") { // a number or an array
        const { shape, data } = source.data ? source : { shape: [], data: Float32Array.of(source) };
        constants.push([numSlots, data]);
        return { slot: numSlots++, shape };
      }
      if (!slots.has(source)) {
        const node = graph.nodes[source];
        if (!OPERATIONS[node.operation]) throw new Error(`no operation ${node.operation}`);
        const inputs = node.inputs.map(find);
        const shapes = inputs.map((input) => input.shape);
        const [shape, run] = OPERATIONS[node.operation]({ ...node, shapes });
        steps.push([numSlots, run, inputs.map((input) => input.slot)]);
        slots.set(source, { slot: numSlots++, shape });
      }
      return slots.get(source);
    }

    const outputs = Object.entries(graph.outputs).map(([name, source]) => [name, find(source)]);
    return (inputs) => {
      const data = Object.keys(graph.inputs).map((name) => inputs[name].data);
      for (const [slot, value] of constants) data[slot] = value;
      for (const [slot, run, from] of steps) data[slot] = run(from.map((input) => data[input]));
      return Object.fromEntries(outputs.map(([name, { slot, shape }]) =>
        [name, { shape, data: data[slot] }]));
    };
  }

  /** Returns a function that runs a network: tensors in, tensors out, both by name.

  Args:
    graph: {inputs, outputs, nodes}; the weights of a node are tensors. */
  function network(graph) {
    const prepared = new Map(); // by the shapes of the inputs
    return (inputs) => {
      const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
      const key = JSON.stringify(shapes);
      if (!prepared.has(key)) prepared.set(key, prepare(graph, shapes));
      return prepared.get(key)(inputs);
    };
  }

  return { network };
})();
