/* How a model computes the loss of an image, step by step. */
"use strict";

const MOST_ROWS = 12; // of a table or chart of dimensions

/** Returns pixels → q(z|x) → z → pixels → loss as items of a list, and the loss.

  Args:
    model: of the run.
    pixels: from 0 to 255.
    posterior: as the model encodes them.
    epsilon: the noise of each dimension; null for z at the mean of q(z|x).
    decoded: the pixels decoded from z, where they are known. */
function explainLoss(model, pixels, posterior, epsilon = null, decoded = null) {
  const { run } = model, { mean, logVar } = posterior;
  const z = sampleZ(posterior, epsilon);
  const { reconstruction, kl } = model.terms(pixels, posterior, z);
  const loss = kl === null ? reconstruction : reconstruction + run.beta * kl;
  const step = (kind, title, shown, text, cited) => make("li", { class: `step ${kind}` },
    make("h3", {}, title), ...shown, make("p", {}, text), ...(cited ? [cited] : []));
  const [height, width, channels] = run.image_shape;
  const steps = [
    step("image", "1. The image x", [pictureOf(pixels, run.image_shape, "The image x")],
      `${height} × ${width} pixels${channels === 3 ? " in three colors" : ""}, `
      + `${format(pixels.filter((value) => value > 0).length, 0)} of the ${format(pixels.length, 0)} values are above 0.`),
    logVar
      ? step("posterior", "2. The encoder gives μ and σ", [spreadChart(mean, logVar, run.order, run.spread)],
        "For each dimension of z: the mean μ (dot) and the standard deviation σ (line). "
        + "Gray: where the means of two thirds of the test images are."
        + (run.num_levels > 1 ? ` z has ${run.num_levels} levels: μ and σ of each are those at the means of the levels above.` : ""),
        citeEquation("log q(z|x) = log 𝒩(z; μ, σ^2 I)", "equation 9", "models/distributions.py"))
      : step("posterior", "2. The encoder gives z", [spreadChart(mean, null, run.order, run.spread)],
        "One number for each dimension, without any noise: an autoencoder's code. "
        + "Gray: where the codes of two thirds of the test images are."),
    ...(logVar ? [step("sample", "3. One z is sampled", [tableOfZ(posterior, epsilon, z, run.order)],
      epsilon ? "The noise ε was drawn from a standard normal distribution. Sample again: z moves by about σ."
        : "Here ε is 0, so that z is the mean. Sample z to see what the noise changes.",
      citeEquation("z = μ + σ ⊙ ε, ε ∼ 𝒩(0, I)", "equation 10", "models/sampling.py"))] : []),
    step("image", `${logVar ? 4 : 3}. The decoded image`,
      [pictureOf(decoded ?? model.decode(z), run.image_shape, "The image decoded from z")],
      "The decoder gives p(x|z), a distribution for each pixel. Shown: its mean."),
    explainSum(run, reconstruction, kl, loss, logVar ? 5 : 4),
  ];
  return { steps, loss };
}

/** Returns the last step: reconstruction and KL, adding up to the loss. */
function explainSum(run, reconstruction, kl, loss, number) {
  const beta = run.beta === 1 ? "" : `${run.beta} · `, likelihood = `models/likelihoods/${run.likelihood}.py`;
  const parts = kl === null ? [] : [[`${beta}KL`, run.beta * kl]];
  const text = kl === null
    ? `−log p(x|z) = ${format(reconstruction)} nats: how improbable the pixels of x are, given z. `
      + "An autoencoder's loss has no other part, so nothing keeps its codes near those of other images."
    : `−log p(x|z) + ${beta}KL = ${format(reconstruction)} + ${beta}${format(kl)} = ${format(loss)} nats. `
      + "The reconstruction says how improbable the pixels of x are, given z; the KL, how far q(z|x) is "
      + `from the prior p(z).${run.adds_loss ? " In training, the classifier adds its own loss." : ""}`;
  const cited = run.likelihood === "bernoulli"
    ? [citeEquation("log p(x|z) = ∑_i x_i log y_i + (1 − x_i) log (1 − y_i)", "appendix C.1; y is the decoded image", likelihood)]
    : [make("div", { class: "equation" }, `log p(x|z): likelihood ${run.likelihood}`, make("p", { class: "note" }, make("code", {}, likelihood)))];
  if (kl !== null) {
    cited.unshift(citeEquation(`loss = − log p(x|z) + ${beta ? "β · " : ""}KL(q(z|x) ‖ p(z))`,
      "equation 3, with the opposite sign", "models/vae.py"));
    const source = run.num_levels > 1 ? "models/hierarchical_vae.py" : `models/priors/${run.prior}.py`;
    cited.push(run.draws_standard_normal
      ? citeEquation("KL = − ½ ∑_k (1 + log σ_k^2 − μ_k^2 − σ_k^2)", "appendix B", "models/priors/standard_normal.py")
      : citeEquation("KL ≈ log q(z|x) − log p(z)", "equation 2, at this z", source));
  }
  return make("li", { class: "step loss" },
    make("div", {}, make("h3", {}, `${number}. The loss adds up`),
      sumChart([["reconstruction", reconstruction], ...parts, ["loss", loss]]), make("p", {}, text)),
    make("div", {}, ...cited));
}

/** Returns z = μ + σ · ε; the mean without noise. */
function sampleZ({ mean, logVar }, epsilon) {
  return Array.from(mean, (value, index) =>
    (logVar && epsilon ? value + Math.exp(logVar[index] / 2) * epsilon[index] : value));
}

function pictureOf(pixels, shape, label) {
  const canvas = make("canvas", { role: "img", "aria-label": label });
  paint(canvas, pixels, shape);
  return canvas;
}

/** Returns a table of μ, σ, ε and z, a row for each dimension. */
function tableOfZ({ mean, logVar }, epsilon, z, order) {
  const heads = ["", "μ", "σ", "ε", "z"].map((text) => make("th", { scope: "col" }, text));
  heads[0] = make("td");
  const rows = order.slice(0, MOST_ROWS).map((dimension) => make("tr", {},
    make("th", { scope: "row" }, nameOf(dimension)),
    ...[mean[dimension], Math.exp(logVar[dimension] / 2), epsilon?.[dimension] ?? 0, z[dimension]]
      .map((value) => make("td", {}, format(value)))));
  const table = make("table", { class: "numbers" }, make("tr", {}, ...heads), ...rows);
  if (order.length > MOST_ROWS) table.append(make("caption", {}, `and ${order.length - MOST_ROWS} more dimensions`));
  return table;
}
