/* Charts: bars, spreads, sums and distributions. */
"use strict";

const nameOf = (dimension) => `z${subscript(dimension + 1)}`;
const subscript = (number) => [...`${number}`].map((digit) => String.fromCharCode(0x2080 + Number(digit))).join("");

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
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Math.round(tick / step) * step || 0);
  return ticks;
}

/** Returns the width of a chart's text, in pixels. */
function measureText(text) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = "13px system-ui, sans-serif";
  return context.measureText(text).width;
}

/** Returns a text, shortened to a width in pixels. */
function fitText(text, width) {
  let length = [...text].length;
  while (length > 2 && measureText(shorten(text, length)) > width) length--;
  return shorten(text, length);
}

/** Returns the width of a chart: as wide as the window, so that its text stays readable on a phone. */
const widthOf = (most) => Math.min(most, Math.max(300, document.documentElement.clientWidth - 24));

/** Returns a chart of the KL by latent dimension, in the given order. */
function barChart(values, order) {
  const shown = order.slice(0, 40), row = 20, width = widthOf(560);
  const high = Math.max(...values, 1e-9);
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${shown.length * row}`, width: "100%", role: "img",
    "aria-label": shown.map((dimension) => `${nameOf(dimension)} ${format(values[dimension])}`).join(", ") });
  svg.style.maxWidth = `${width}px`;
  shown.forEach((dimension, index) => {
    const length = values[dimension] / high * (width - 130);
    svg.append(makeSvg("text", { x: 34, y: index * row + 14, "text-anchor": "end" }, nameOf(dimension)),
      makeSvg("rect", { x: 42, y: index * row + 4, width: Math.max(1, length), height: row - 8, fill: "var(--mark)" }),
      makeSvg("text", { x: 48 + length, y: index * row + 14 }, `${format(values[dimension])} nats`));
  });
  return svg;
}

/** Returns a chart of μ (dot) and σ (line) of each dimension, in front of what is usual (gray band).

  Args:
    mean: of each dimension.
    logVar: of each dimension; null for numbers without a spread.
    order: the dimensions, the first ones at the top.
    spread: the mean and standard deviation of each dimension over the test images.
    z: a sample (diamond), if there is one. */
function spreadChart(mean, logVar, order, spread, z = null) {
  const shown = order.slice(0, MOST_ROWS), row = 20, [width, left, right] = [300, 30, 104];
  const height = shown.length * row + 22;
  const sigma = (dimension) => (logVar ? Math.exp(logVar[dimension] / 2) : 0);
  const reach = Math.max(...shown.map((dimension) => Math.max(
    Math.abs(mean[dimension]) + sigma(dimension), Math.abs(z?.[dimension] ?? 0),
    Math.abs(spread[dimension][0]) + 2 * spread[dimension][1])));
  const x = (value) => left + (value / reach + 1) / 2 * (width - left - right);
  const numbers = (dimension) => format(mean[dimension]) + (logVar ? ` ± ${format(sigma(dimension))}` : "");
  const label = shown.map((dimension) => `${nameOf(dimension)} ${numbers(dimension)}`).join(", ");
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart spread", role: "img", "aria-label": label });
  const bottom = height - 18;
  for (const tick of roundTicks(-reach, reach, 4)) {
    svg.append(makeSvg("line", { x1: x(tick), x2: x(tick), y1: 2, y2: bottom, stroke: "var(--line)" }),
      makeSvg("text", { x: x(tick), y: height - 4, "text-anchor": "middle", class: "faint" }, format(tick, tick % 1 ? 1 : 0)));
  }
  shown.forEach((dimension, index) => {
    const y = index * row + row / 2 + 2, [center, usual] = spread[dimension];
    svg.append(makeSvg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, nameOf(dimension)),
      makeSvg("rect", { x: x(center - usual), width: x(center + usual) - x(center - usual), y: y - 6, height: 12, fill: "var(--line)" }));
    if (logVar) {
      svg.append(makeSvg("line", { x1: x(mean[dimension] - sigma(dimension)), x2: x(mean[dimension] + sigma(dimension)),
        y1: y, y2: y, stroke: "var(--mark)", "stroke-width": 3 }));
    }
    svg.append(makeSvg("circle", { cx: x(mean[dimension]), cy: y, r: 4, fill: "var(--mark)" }));
    if (z) {
      const at = x(z[dimension]);
      svg.append(makeSvg("path", { d: `M${at} ${y - 7}l5 7l-5 7l-5 -7z`, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5 }));
    }
    svg.append(makeSvg("text", { x: width - right + 10, y: y + 4 }, numbers(dimension)));
  });
  return svg;
}

/** Returns bars that begin where the one above ends; the last is the sum of the others. */
function sumChart(parts) {
  const row = 30, [width, left, right] = [widthOf(560), 110, 98], height = parts.length * row;
  const ends = parts.map((_, index) => parts.slice(0, index + 1).reduce((sum, [, value]) => sum + value, 0));
  const spans = parts.map(([, value], index) => (index === parts.length - 1 ? [0, value] : [ends[index] - value, ends[index]]));
  const low = Math.min(0, ...spans.flat()), high = Math.max(1e-9, ...spans.flat());
  const x = (value) => left + (value - low) / (high - low) * (width - left - right);
  const label = parts.map(([name, value]) => `${name} ${format(value)} nats`).join(", ");
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart sum", role: "img", "aria-label": label });
  const colors = ["var(--mark)", "var(--second)"];
  parts.forEach(([name, value], index) => {
    const [from, to] = spans[index].map(x), y = index * row, isSum = index === parts.length - 1;
    const bar = (start, end, fill) => makeSvg("rect", { x: Math.min(start, end), y: y + 5,
      width: Math.max(1.5, Math.abs(end - start)), height: row - 10, fill });
    svg.append(makeSvg("text", { x: left - 10, y: y + 20, "text-anchor": "end" }, name));
    if (isSum) spans.slice(0, -1).forEach((span, part) => svg.append(bar(...span.map(x), colors[part])));
    else svg.append(bar(from, to, colors[index]));
    svg.append(makeSvg("text", { x: Math.max(from, to) + 8, y: y + 20, "font-weight": isSum ? 700 : 400 }, `${format(value)} nats`));
    if (!isSum) svg.append(makeSvg("line", { x1: to, x2: to, y1: y + 5, y2: y + row + 5, stroke: "var(--faint)", "stroke-dasharray": "3 3" }));
  });
  return svg;
}

/** Returns a chart of a distribution; `mark(value)` shows where one value is in it. */
function histogram(values, unit) {
  const [width, height, bottom, left, top] = [widthOf(560), 190, 40, 8, 24];
  const sorted = Float64Array.from(values).sort();
  const low = sorted[0], high = sorted[Math.floor(0.995 * (sorted.length - 1))];
  const bins = Math.min(60, Math.max(8, Math.round(Math.sqrt(values.length)))), step = (high - low) / bins || 1;
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - low) / step))]++;
  const x = (value) => left + Math.min(1, (value - low) / (bins * step)) * (width - 2 * left);
  const y = (count) => height - bottom - count / Math.max(...counts) * (height - bottom - top);
  const middle = sorted[sorted.length >> 1];
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img",
    "aria-label": `Distribution of ${format(values.length, 0)} losses: lowest ${format(low)}, median ${format(middle)}, `
      + `highest ${format(sorted[sorted.length - 1])} ${unit}` });
  counts.forEach((count, bin) => svg.append(makeSvg("rect", { x: x(low + bin * step), y: y(count),
    width: (width - 2 * left) / bins - 1, height: height - bottom - y(count), fill: "var(--faint)", "fill-opacity": 0.6 })));
  svg.append(makeSvg("line", { x1: left, x2: width - left, y1: height - bottom, y2: height - bottom, stroke: "var(--faint)" }));
  for (const tick of roundTicks(low, high, width / 90)) {
    svg.append(makeSvg("text", { x: x(tick), y: height - bottom + 18, "text-anchor": "middle", class: "faint" }, format(tick, step < 0.2 ? 1 : 0)));
  }
  svg.append(makeSvg("text", { x: width / 2, y: height - 4, "text-anchor": "middle" }, `loss, ${unit}; the last bar: all above`));
  const line = makeSvg("line", { y1: top - 6, y2: height - bottom, stroke: "var(--mark)", "stroke-width": 2 });
  const text = makeSvg("text", { y: 13 });
  svg.append(line, text);
  const mark = (value) => {
    const at = x(Math.max(low, value)), isRight = at > width / 2;
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    text.setAttribute("x", at + (isRight ? -4 : 4));
    text.setAttribute("text-anchor", isRight ? "end" : "start");
    text.textContent = `this image: ${format(value)}`;
  };
  return { svg, mark };
}

/** Returns the numbers below which 1, 25, 50, 75 and 99 % of the values are. */
function quantiles(values) {
  const sorted = Float64Array.from(values).sort();
  return [0.01, 0.25, 0.5, 0.75, 0.99].map((part) => sorted[Math.round(part * (sorted.length - 1))]);
}

/** Returns a row for each group: quartiles (box), median (line), and 1 to 99 % (thin line).

  Args:
    rows: [name, the five numbers of `quantiles`, note at the end].
    unit: of the axis. */
function boxChart(rows, unit) {
  const row = 24, width = widthOf(560), right = 108, height = rows.length * row + 40;
  const names = rows.map(([name]) => fitText(name, 0.3 * width));
  const left = 16 + Math.max(...names.map(measureText));
  const all = rows.flatMap(([, each]) => each), low = Math.min(...all), high = Math.max(...all);
  const x = (value) => left + (value - low) / (high - low || 1) * (width - left - right);
  const label = rows.map(([name, five, note]) => `${name}: median ${format(five[2])}${note ? `, ${note}` : ""}`).join("; ");
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  const bottom = rows.length * row + 4;
  for (const tick of roundTicks(low, high, width / 100)) {
    svg.append(makeSvg("line", { x1: x(tick), x2: x(tick), y1: 0, y2: bottom, stroke: "var(--line)" }),
      makeSvg("text", { x: x(tick), y: bottom + 16, "text-anchor": "middle", class: "faint" }, format(tick, high - low < 10 ? 1 : 0)));
  }
  svg.append(makeSvg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, unit));
  rows.forEach(([, [first, lower, median, upper, last], note], index) => {
    const y = index * row + row / 2;
    svg.append(makeSvg("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, names[index]),
      makeSvg("line", { x1: x(first), x2: x(last), y1: y, y2: y, stroke: "var(--mark)", "stroke-width": 1.5 }),
      makeSvg("rect", { x: x(lower), y: y - 6, width: Math.max(2, x(upper) - x(lower)), height: 12, fill: "var(--mark)" }),
      makeSvg("line", { x1: x(median), x2: x(median), y1: y - 8, y2: y + 8, stroke: "var(--ink)", "stroke-width": 2 }),
      makeSvg("text", { x: width - right + 12, y: y + 4 }, note));
  });
  return svg;
}
