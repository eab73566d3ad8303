/* The page of several runs: the same image, the same moves and the same noise in every run. */
"use strict";

/** Each run's color and dashes; after the last, they repeat. */
const lookOf = (number) => ({ color: `var(--run-${number % 5})`, dash: ["", "8 4", "2 3", "10 3 2 3", "4 4"][number % 5] });

/** Returns A, B, … Z, A2, … */
const letterOf = (number) => String.fromCharCode(65 + number % 26) + (number < 26 ? "" : Math.floor(number / 26) + 1);

/** Returns the letter of a run in its color. */
function badge(number) {
  const made = make("b", { class: "badge" }, letterOf(number));
  made.style.background = lookOf(number).color;
  return made;
}

/** One run in the page: its networks, the z that it shows, and where. */
class ComparedRun {
  constructor(page, described, number) {
    const prefix = `${number}/`;
    const own = (all) => Object.fromEntries(Object.entries(all)
      .filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]));
    this.run = { ...described, label: isolate(described.label), image_shape: page.image_shape, arrays: own(page.arrays), networks: own(page.networks) };
    this.number = number;
    this.model = new Model(this.run);
  }

  /** Shows the image decoded from the base z, moved by the sliders in standard deviations. */
  decode(moves) {
    const { order, scale } = this.run;
    this.z = Array.from(this.base);
    order.forEach((dimension, rank) => { this.z[dimension] += moves[rank] * scale[dimension]; });
    paint(this.canvas, this.model.decode(this.z), this.run.image_shape);
  }
}

/** Builds the page, and connects what is chosen and moved. */
class ComparePage {
  constructor(page) {
    this.page = page;
    this.runs = page.runs.map((each, number) => new ComparedRun(page, each, number));
    this.num = page.arrays.images.shape[0];
    this.moves = new Array(Math.max(...page.runs.map((each) => each.latent_dim))).fill(0);
    this.areComparable = page.nats.length === 1;
    this.showHeader();
    this.makeCards();
    this.makeSliders();
    this.makeSwitch();
    this.showTable();
    this.makeCurves();
    this.connect();
    this.showStrip([...Array(this.num).keys()]);
    this.choose(0);
    this.showSamples(0);
  }

  // ---------------------------------------------------------------------- what is known

  showHeader() {
    element("title").textContent = this.page.name;
    element("subtitle").textContent = this.page.subtitle;
    for (const { run, number } of this.runs) {
      element("runs").append(make("li", {}, badge(number), ` ${run.label}`,
        ...(run.label === isolate(run.name) ? [] : [make("span", { class: "note" }, ` run ${isolate(run.name)}`)])));
      element("commands").append(make("p", {}, badge(number), ` ${run.label}`), make("pre", {}, run.command));
    }
  }

  showTable() {
    const { columns, rows } = this.page.table, table = element("results");
    const head = make("tr", {}, ...[["run", ""], ...columns].map(([heading, unit]) =>
      make("th", { scope: "col" }, heading, ...(unit ? [make("small", {}, unit)] : []))));
    const body = rows.map((cells, number) => make("tr", {},
      make("th", { scope: "row" }, badge(number), ` ${this.runs[number].run.label}`),
      ...cells.map(([text, value]) => make("td", value === null ? {} : { "data-value": value }, text))));
    table.append(make("thead", {}, head), make("tbody", {}, ...body));
    makeSortable(table);
    element("protocol").textContent = `${this.page.runs[0].protocol.replace(/, likelihood [^,]+/, "")} `
      + "Settings are listed if they differ. Click a heading to sort."
      + (this.areComparable ? "" : ` These likelihoods give nats of different kinds (${this.page.nats.join("; ")}), `
        + "which cannot be compared: compare such runs by the squared error.");
    for (const { run, number } of this.runs.filter((each) => each.run.kl)) {
      element("kl").append(make("div", {}, make("h3", {}, badge(number), ` KL of each dimension, ${run.label}`),
        barChart(run.kl, run.order)));
    }
  }

  makeCurves() {
    const headings = Object.assign({}, ...this.page.runs.map((run) => run.headings)), select = element("series");
    for (const name of Object.keys(headings)) select.append(make("option", { value: name }, headings[name]));
    select.value = "val_loss";
    const valueOf = (run, epoch) => {
      const value = run.history[select.value]?.[epoch - 1];
      return value === undefined ? "none" : format(value);
    };
    const curves = new Curves(element("curves"), element("curves-text"), (epoch) => `Epoch ${epoch}, ${headings[select.value]}: `
      + this.page.runs.map((run, number) => `${letterOf(number)} ${valueOf(run, epoch)}`).join(", "));
    const draw = () => curves.draw(this.page.runs.map(({ history }, number) =>
      ({ name: letterOf(number), series: history[select.value] ?? [], ...lookOf(number) })), headings[select.value]);
    select.addEventListener("change", draw);
    draw();
  }

  // ---------------------------------------------------------------------- what is chosen

  makeCards() {
    this.original = make("canvas", { role: "img", "aria-label": "The chosen image" });
    const card = (canvas, caption, ...others) => make("div", { class: "card" },
      make("figure", {}, make("figcaption", {}, ...caption), canvas), ...others);
    element("cards").append(card(this.original, ["test image"]));
    if (this.runs.length < 4) element("cards").classList.add("few"); // so that they can stay in sight
    for (const run of this.runs) {
      run.canvas = make("canvas", { role: "img", "aria-label": `Decoded by ${letterOf(run.number)}, ${run.run.label}` });
      run.loss = make("p", { class: "parts" });
      run.bar = make("div", { class: "bar", "aria-hidden": "true" });
      element("cards").append(card(run.canvas, [badge(run.number), ` ${run.run.label}`], run.loss, run.bar));
    }
  }

  choose(index) {
    this.chosen = index;
    this.pixels = imageOf(this.page, index);
    element("index").value = index + 1;
    paint(this.original, this.pixels, this.page.image_shape);
    for (const each of this.runs) {
      each.posterior = each.model.encode(this.pixels);
      each.base = each.posterior.mean;
      const { reconstruction, kl } = each.model.terms(this.pixels, each.posterior, each.base);
      each.parts = { reconstruction, kl: kl === null ? null : each.run.beta * kl, total: reconstruction + each.run.beta * (kl ?? 0) };
    }
    this.showLosses();
    this.move(`${this.describe(index)}, decoded from the mean of q(z|x), or an autoencoder's code. Loss in nats, for this z.`);
    this.explain(null);
  }

  /** Writes each run's loss; its bar has the scale of the highest one. */
  showLosses() {
    const highest = Math.max(...this.runs.map(({ parts }) => parts.total));
    for (const { loss, bar, parts, run } of this.runs) {
      const beta = run.beta === 1 ? "" : `${run.beta} · `;
      loss.replaceChildren(make("strong", {}, `loss ${format(parts.total, 1)}`), parts.kl === null
        ? " = reconstruction, without KL"
        : ` = reconstruction ${format(parts.reconstruction, 1)} + ${beta}KL ${format(parts.kl, 1)}`);
      bar.hidden = !this.areComparable || Math.min(...this.runs.map((each) => each.parts.reconstruction)) < 0;
      bar.replaceChildren(...["reconstruction", "kl"].map((name) => {
        const part = make("i", { class: name });
        part.style.width = `${100 * Math.max(0, parts[name] ?? 0) / highest}%`;
        return part;
      }));
    }
  }

  describe(index) {
    const { arrays, class_names: names } = this.page;
    return `Image ${index + 1} of ${this.num}${arrays.labels ? `, class ${isolate(names[arrays.labels.data[index]])}` : ""}`;
  }

  /** Shows the first images of a list as buttons. */
  showStrip(indices) {
    const buttons = indices.slice(0, 20).map((index) => {
      const canvas = make("canvas");
      paint(canvas, imageOf(this.page, index), this.page.image_shape);
      return make("button", { type: "button", class: "tile", "aria-label": this.describe(index), title: this.describe(index),
        onclick: () => this.choose(index) }, canvas);
    });
    element("strip").replaceChildren(...buttons);
  }

  /** Returns the images, those first whose reconstructions differ most between the runs. */
  sortedByDifference() {
    const losses = this.runs.map(({ run }) => run.arrays.reconstruction.data);
    const differences = Array.from({ length: this.num }, (_, index) => {
      const values = losses.map((each) => each[index]);
      return Math.max(...values) - Math.min(...values);
    });
    return differences.map((_, index) => index).sort((one, other) => differences[other] - differences[one]);
  }

  // ---------------------------------------------------------------------- what is moved

  makeSliders() {
    this.sliders = this.moves.map((_, rank) => {
      const input = make("input", { type: "range", min: -3, max: 3, step: 0.05 });
      const output = make("output"), places = make("span", { class: "places" });
      input.addEventListener("input", () => {
        this.moves[rank] = Number(input.value);
        this.decode();
        element("chosen").textContent = `${this.source}, moved by the sliders. The losses are still those of the chosen image.`;
      });
      element("sliders").append(make("label", {}, make("span", {}, `${rank + 1}`), input, output, places));
      return { input, output, places };
    });
    const smaller = this.runs.filter(({ run }) => run.latent_dim < this.moves.length);
    element("linked").textContent = "Slider 1 moves the dimension with the highest KL in each run (in an autoencoder, "
      + "the one whose codes vary most), slider 2 the next one, and so on. They are linked by this rank because z1 of "
      + "one run has nothing to do with z1 of another: training may find the dimensions in any order, and with either "
      + "sign. The unit is one standard deviation of the dimension over the test images, from the image's own z."
      + smaller.map(({ run, number }) => ` ${letterOf(number)} has ${run.latent_dim} dimension${run.latent_dim === 1 ? "" : "s"}: `
        + `sliders after ${run.latent_dim} do not move it.`).join("");
  }

  /** Decodes the base z of every run, with the sliders in the middle. */
  move(text) {
    this.moves.fill(0);
    [this.source] = text.split(",");
    element("chosen").textContent = text;
    this.decode();
  }

  decode() {
    for (const each of this.runs) each.decode(this.moves);
    this.sliders.forEach(({ input, output, places }, rank) => {
      input.value = this.moves[rank];
      output.textContent = `${this.moves[rank] < 0 ? "" : "+"}${format(this.moves[rank])} σ`;
      places.textContent = this.runs.filter(({ run }) => rank < run.latent_dim).map(({ run, number, z }) => {
        const dimension = run.order[rank];
        return `${letterOf(number)}: ${nameOf(dimension)} = ${format(z[dimension])}`;
      }).join("   ");
    });
  }

  connect() {
    const on = (id, action, event = "click") => element(id).addEventListener(event, action);
    connectTheme();
    element("index").max = this.num;
    on("index", () => {
      const number = Math.round(Number(element("index").value));
      if (number >= 1 && number <= this.num) this.choose(number - 1);
    }, "change");
    on("first", () => this.showStrip([...Array(this.num).keys()]));
    element("different").hidden = !this.areComparable;
    on("different", () => this.showStrip(this.sortedByDifference()));
    on("reset", () => this.choose(this.chosen));
    on("at-mean", () => this.explain(null));
    on("again", () => this.explain(Array.from({ length: this.moves.length }, drawNormal)));
    let row = 0, first = 0;
    const count = this.runs[0].run.arrays.samples.shape[0];
    on("random", () => {
      for (const each of this.runs) each.base = rowOf(each.run.arrays.samples, row % count);
      row++;
      this.move(`Sample ${row}, decoded from the prior of each run, or N(0, I) for an autoencoder. `
        + "The losses are still those of the chosen image.");
    });
    on("more", () => this.showSamples(first = (first + 10) % count));
  }

  // ---------------------------------------------------------------------- how it is computed

  makeSwitch() {
    for (const { run, number } of this.runs) {
      const input = make("input", { type: "radio", name: "explained", value: number });
      input.addEventListener("change", () => this.explain(null, number));
      element("switch").append(make("label", {}, input, badge(number), ` ${run.label}`));
    }
    this.explained = Math.max(0, this.runs.findIndex(({ run }) => run.is_variational));
    element("switch").querySelectorAll("input")[this.explained].checked = true;
  }

  /** Shows the steps from the image to the loss in one run, with noise or z at the mean. */
  explain(noise, number = this.explained) {
    this.explained = number;
    const { run, model, posterior } = this.runs[number];
    element("noise").hidden = !run.is_variational;
    element("steps").replaceChildren(...explainLoss(model, this.pixels, posterior, noise).steps);
    element("story").textContent = run.is_variational
      ? "A variational autoencoder. The encoder gives a Gaussian instead of a point, training decodes a sample of it, "
        + "and the KL keeps it near the prior. So the z of all images together fill the prior, and any z from it decodes."
      : "An autoencoder. The encoder gives one code and the loss is the reconstruction alone: there is no noise that "
        + "makes nearby codes decode alike, and no KL and prior that say where codes lie.";
  }

  /** Decodes the same noise in every run. */
  showSamples(first) {
    element("samples").replaceChildren(...this.runs.map(({ run, model, number }) => make("div", { class: "samples" },
      make("span", {}, badge(number), ` ${run.label}`),
      make("div", { role: "img", "aria-label": `Ten random z decoded by ${run.label}` },
        ...Array.from({ length: 10 }, (_, row) => {
          const canvas = make("canvas");
          paint(canvas, model.decode(rowOf(run.arrays.samples, first + row)), run.image_shape);
          return canvas;
        })))));
    const plain = this.runs.filter(({ run }) => !run.is_variational);
    const learned = this.runs.filter(({ run }) => run.is_variational && !run.draws_standard_normal);
    element("prior-text").textContent = "Each column has the same noise from N(0, I) in all runs."
      + learned.map(({ number, run }) => ` ${letterOf(number)} has a learned prior (${run.num_levels > 1 ? `${run.num_levels} levels` : run.prior}) and its own samples.`).join("")
      + plain.map(({ number, run }) => ` ${letterOf(number)} is an autoencoder: it was never trained to decode N(0, I). `
        + `Its codes spread by ${format(run.scale.reduce((sum, each) => sum + each, 0) / run.scale.length)} per dimension, `
        + "the noise by 1, so the noise falls between codes and decodes to what no image looks like.").join("");
  }
}

readRun().then((run) => {
  element("content").hidden = false;
  window.page = new ComparePage(run);
});
