/* How a model computes the loss of an image, step by step. */
"use strict";

/** Returns pixels → q(z|x) → z → pixels → loss as items of a list, and the loss.

  Args:
    model: of the run.
    pixels: from 0 to 255.
    posterior: as the model encodes them.
    isSampled: whether z is sampled from q(z|x), or its mean. */
function explainLoss(model, pixels, posterior, isSampled) {
  const { run } = model, { mean, logVar } = posterior;
  const z = Array.from(mean, (value, index) =>
    (logVar && isSampled ? value + Math.exp(logVar[index] / 2) * drawNormal() : value));
  const { reconstruction, kl } = model.terms(pixels, posterior, z);
  const loss = kl === null ? reconstruction : reconstruction + run.beta * kl;
  const picture = (values, label) => {
    const canvas = make("canvas", { role: "img", "aria-label": label });
    paint(canvas, values, run.image_shape);
    return canvas;
  };
  const step = (title, text, ...shown) => make("li", {}, make("h3", {}, title), ...shown, make("p", {}, text));
  const z_text = isSampled ? "Sampled: z = μ + σ · ε, with ε from N(0, I)." : "Here the mean, z = μ.";
  const beta = run.beta === 1 ? "" : ` · ${run.beta}`;
  const steps = [
    step("x", `The image: ${run.image_shape.join(" × ")} pixels.`, picture(pixels, "the image")),
    step(logVar ? "q(z|x)" : "z", logVar
      ? "The encoder's Gaussian: μ (dot) and σ (line) of each dimension. Kingma and Welling, equation 9."
      : "The encoder's code.", spreadChart(mean, logVar, run.order)),
    ...(logVar ? [step("z", z_text, spreadChart(z, null, run.order))] : []),
    step("E[x|z]", "The decoder's mean of p(x|z).", picture(model.decode(z), "the image decoded from z")),
    kl === null
      ? step("Loss", `−log p(x|z) = ${format(reconstruction)} nats: how unlikely x is, given z.`)
      : step("Loss", `−log p(x|z) + KL${beta} = ${format(reconstruction)} + ${format(kl)}${beta} = `
        + `${format(loss)} nats: how unlikely x is, given z, and how far q(z|x) is from the prior. `
        + `Equation 3, with the opposite sign.${run.adds_loss ? " The classifier adds its own loss." : ""}`),
  ];
  return { steps, loss };
}
