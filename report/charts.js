/* Charts: loss curves and bars. */
"use strict";

function makeSvg(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Returns about `count` round numbers from low to high. */
function roundTicks(low, high, count) {
  const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(tick);
  return ticks;
}

/** Draws training and validation loss; the epoch under the pointer is written out. */
function showCurves(run, box, text) {
  const { epoch, loss, val_loss: validation } = run.history;
  const [width, height, left, bottom] = [760, 300, 64, 40];
  const values = [...loss, ...validation].filter(Number.isFinite);
  const low = Math.min(...values), high = Math.max(...values), last = epoch[epoch.length - 1];
  const x = (value) => left + (value - epoch[0]) / Math.max(1, last - epoch[0]) * (width - left - 110);
  const y = (value) => 10 + (high - value) / (high - low || 1) * (height - bottom - 10);
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", tabindex: 0,
    "aria-label": `Loss over ${epoch.length} epochs: training from ${format(loss[0])} to `
      + `${format(loss[loss.length - 1])}, validation to ${format(validation[validation.length - 1])} nats` });
  svg.style.maxWidth = `${width}px`;
  for (const tick of roundTicks(low, high, 5)) {
    svg.append(makeSvg("line", { x1: left, x2: width - 110, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
      makeSvg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick, high - low < 10 ? 1 : 0)));
  }
  for (const tick of roundTicks(epoch[0], last, 8).filter(Number.isInteger)) {
    svg.append(makeSvg("text", { x: x(tick), y: height - bottom + 18, "text-anchor": "middle" }, `${tick}`));
  }
  svg.append(makeSvg("text", { x: (left + width - 110) / 2, y: height - 4, "text-anchor": "middle" }, "epoch"));
  const lines = [["training", loss, "var(--faint)", "6 4"], ["validation", validation, "var(--mark)", ""]];
  const ends = lines.map(([, series]) => y(series[series.length - 1]));
  const isTraining = ends[0] <= ends[1] ? -1 : 1; // which label is the upper one
  const apart = Math.max(0, 16 - Math.abs(ends[0] - ends[1])) / 2;
  lines.forEach(([name, series, color, dash], index) => {
    const points = series.map((value, at) => (Number.isFinite(value) ? `${x(epoch[at])},${y(value)}` : "")).join(" ");
    svg.append(makeSvg("polyline", { points, fill: "none", stroke: color, "stroke-width": 2, "stroke-dasharray": dash }),
      ...(epoch.length === 1 ? [makeSvg("circle", { cx: x(last), cy: ends[index], r: 4, fill: color })] : []),
      makeSvg("text", { x: x(last) + 8, y: ends[index] + 4 + apart * (index === 0 ? isTraining : -isTraining) }, name));
  });
  const cursor = makeSvg("line", { y1: 10, y2: height - bottom, stroke: "var(--ink)", visibility: "hidden" });
  svg.append(cursor);
  const write = (at) => {
    cursor.setAttribute("x1", x(epoch[at]));
    cursor.setAttribute("x2", x(epoch[at]));
    cursor.setAttribute("visibility", "visible");
    text.textContent = `Epoch ${epoch[at]}: `
      + Object.entries(run.history).filter(([name]) => name !== "epoch")
        .map(([name, series]) => `${run.headings[name]} ${format(series[at])}`).join(", ");
  };
  let at = epoch.length - 1;
  svg.addEventListener("pointermove", (event) => {
    const place = (event.clientX - svg.getBoundingClientRect().left) * width / svg.clientWidth;
    const near = epoch.map((value) => Math.abs(x(value) - place));
    write(at = near.indexOf(Math.min(...near)));
  });
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    write(at = Math.min(epoch.length - 1, Math.max(0, at + move)));
  });
  box.append(svg);
  write(at);
}

/** Returns a chart of the KL by latent dimension, in the given order. */
function barChart(values, order) {
  const shown = order.slice(0, 40), row = 20, width = 560;
  const high = Math.max(...values, 1e-9);
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${shown.length * row}`, width: "100%", role: "img",
    "aria-label": shown.map((dimension) => `z${dimension + 1} ${format(values[dimension])}`).join(", ") });
  svg.style.maxWidth = `${width}px`;
  shown.forEach((dimension, index) => {
    const length = values[dimension] / high * (width - 130);
    svg.append(makeSvg("text", { x: 34, y: index * row + 14, "text-anchor": "end" }, `z${dimension + 1}`),
      makeSvg("rect", { x: 42, y: index * row + 4, width: Math.max(1, length), height: row - 8, fill: "var(--mark)" }),
      makeSvg("text", { x: 48 + length, y: index * row + 14 }, `${format(values[dimension])} nats`));
  });
  return svg;
}

/** Returns a chart of numbers with their spread: a dot and a line for each dimension. */
function spreadChart(mean, logVar, order) {
  const shown = order.slice(0, 20), row = shown.length > 8 ? 8 : 16, width = 120;
  const height = shown.length * row + 4;
  const x = (value) => width / 2 + Math.max(-1, Math.min(1, value / 4)) * (width / 2 - 4);
  const label = shown.map((dimension) => `z${dimension + 1} ${format(mean[dimension])}`
    + (logVar ? ` ± ${format(Math.exp(logVar[dimension] / 2))}` : "")).join(", ");
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  svg.append(makeSvg("title", {}, label),
    makeSvg("line", { x1: x(0), x2: x(0), y1: 0, y2: height, stroke: "var(--line)" }));
  shown.forEach((dimension, index) => {
    const y = index * row + row / 2 + 2;
    if (logVar) {
      const sigma = Math.exp(logVar[dimension] / 2);
      svg.append(makeSvg("line", { x1: x(mean[dimension] - sigma), x2: x(mean[dimension] + sigma), y1: y, y2: y,
        stroke: "var(--mark)", "stroke-width": 2 }));
    }
    svg.append(makeSvg("circle", { cx: x(mean[dimension]), cy: y, r: 3, fill: "var(--mark)" }));
  });
  return svg;
}
