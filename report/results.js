/* The results of a run: its numbers as tables and charts, and its figures of images. */
"use strict";

/** The section of the results; `mark(loss)` shows where an image is among the others. */
class Results {
  constructor(page) {
    const { run, gallery } = page, describe = (index) => page.describe(index);
    element("results").append(make("p", {}, run.protocol), tableOfMetrics(run));
    const add = (title, text, ...shown) => element("figures").append(make("div", {},
      make("h3", {}, title), ...(text ? [make("p", { class: "note" }, text)] : []), ...shown));
    const distribution = histogram(run.arrays.loss.data, "nats");
    this.mark = distribution.mark;
    add("Loss of each test image", "How many images have which loss; the line is the chosen image.", distribution.svg);
    if (run.arrays.labels && run.class_names.length <= 30) {
      add("Loss by class", "Box: the middle half of the images, with the median; thin line: from 1 to 99 %.", lossByClass(run));
    }
    if (run.kl) {
      add("KL of each latent dimension", "How much each dimension says about an image. Near 0: it says nothing, and the decoder ignores it.",
        barChart(run.kl, run.order));
    }
    if (run.confusion) add("Confusion matrix", null, make("div", { class: "scroll" }, tableOfConfusions(run)));
    const grids = [gallery.reconstructions(describe), gallery.worst(page.worst(), describe)];
    if (run.arrays.samples) grids.push(gallery.samples());
    if (run.arrays.sample_classes) grids.push(gallery.samplesByClass());
    if (run.latent_dim > 1 && run.num_levels === 1) grids.push(gallery.manifold());
    element("figures").append(...grids);
  }
}

/** Draws training and validation loss over epochs. */
function showLosses({ history, headings }) {
  const curves = new Curves(element("curves"), element("curves-text"), (epoch) => `Epoch ${epoch}: `
    + Object.keys(headings).map((name) => `${headings[name]} ${format(history[name][epoch - 1])}`).join(", "));
  curves.draw([
    { name: "training", series: history.loss, color: "var(--faint)", dash: "6 4" },
    { name: "validation", series: history.val_loss, color: "var(--mark)", dash: "" },
  ], "loss, nats per image");
  return curves;
}

function tableOfMetrics(run) {
  const rows = run.metrics.map(({ heading, description, mean, error, digits, unit }) => make("tr", {},
    make("th", { scope: "row", title: description }, heading), make("td", {}, format(mean, digits)),
    make("td", {}, error === null ? "" : `± ${format(error, digits)}`), make("td", {}, unit)));
  const head = make("tr", {}, ...["metric", "mean", "standard error", "unit"]
    .map((text) => make("th", { scope: "col" }, text)));
  return make("div", { class: "scroll" }, make("table", {}, head, ...rows));
}

function lossByClass(run) {
  const { labels, loss } = run.arrays;
  const groups = run.class_names.map(() => []);
  loss.data.forEach((value, index) => groups[labels.data[index]].push(value));
  const rows = run.class_names.map((name, group) => [isolate(name), groups[group]])
    .filter(([, values]) => values.length)
    .map(([name, values]) => {
      const five = quantiles(values);
      return [name, five, `median ${format(five[2], 1)}`];
    });
  return boxChart(rows, "loss, nats");
}

/** Returns the table of true and predicted classes; the more images, the darker a cell. */
function tableOfConfusions(run) {
  const heads = run.class_names.map((name) => make("th", { scope: "col" }, make("bdi", {}, shorten(name, 14))));
  const rows = run.confusion.map((counts, label) => {
    const sum = counts.reduce((total, count) => total + count, 0);
    return make("tr", {}, make("th", { scope: "row" }, make("bdi", {}, shorten(run.class_names[label], 14))),
      ...counts.map((count, predicted) => {
        const cell = make("td", predicted === label ? { class: "right" } : {}, count ? format(count, 0) : "·");
        const part = Math.round(45 * count / Math.max(1, sum));
        cell.style.background = `color-mix(in srgb, var(--mark) ${part}%, transparent)`;
        return cell;
      }));
  });
  return make("table", { class: "confusion" },
    make("caption", {}, "Images of the map by true class (rows) and predicted class (columns)"),
    make("tr", {}, make("td"), ...heads), ...rows);
}
