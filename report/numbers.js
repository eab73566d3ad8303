/* Functions of one or a few numbers, under the names of Keras' operations. */
"use strict";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** The error function: its series near zero, a continued fraction farther away. */
function erf(x) {
  const size = Math.abs(x);
  if (size < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction);
}

/** The nearest integer; of two equally near, the even one, as in NumPy. */
function round(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

const ACTIVATIONS = {
  linear: (x) => x,
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  gelu: (x) => x / 2 * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
};

const ELEMENTWISE = {
  Absolute: Math.abs,
  Add: (x, y) => x + y,
  Cast: (x) => x,
  Exp: Math.exp,
  Expm1: Math.expm1,
  Greater: (x, y) => +(x > y),
  Less: (x, y) => +(x < y),
  Log: Math.log,
  LogicalOr: (x, y) => +(x || y),
  Maximum: Math.max,
  Minimum: Math.min,
  Multiply: (x, y) => x * y,
  Negative: (x) => -x,
  Round: round,
  Sigmoid: sigmoid,
  Sign: Math.sign,
  Relu: ACTIVATIONS.relu,
  Softplus: softplus,
  Square: (x) => x * x,
  Subtract: (x, y) => x - y,
  Tanh: Math.tanh,
  TrueDivide: (x, y) => x / y,
  Where: (condition, x, y) => (condition ? x : y),
};
