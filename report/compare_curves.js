/* The loss curves of several runs in one chart. */
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

/** Draws one column of the runs' histories; the values under the pointer are written out.

  The first tenth of the epochs, in which losses fall fast, may lie above the axes.

  Args:
    runs: with label, history and headings.
    name: of the column.
    box, text: the elements to fill. */
function overlayCurves(runs, name, box, text) {
  const [width, height, left, right, top, bottom] = [widthOf(760), 320, 56, 36, 10, 40];
  const lines = runs.map(({ history }) => ({ epoch: history.epoch, series: history[name] ?? [] }));
  const lateValues = lines.flatMap(({ series }) =>
    series.slice(Math.floor(series.length / 10)).filter(Number.isFinite));
  const low = Math.min(...lateValues), high = Math.max(...lateValues);
  const last = Math.max(...lines.map(({ epoch }) => epoch[epoch.length - 1]));
  const x = (epoch) => left + (epoch - 1) / Math.max(1, last - 1) * (width - left - right);
  const y = (value) => top + (high - value) / (high - low || 1) * (height - bottom - top);
  const heading = runs.map(({ headings }) => headings[name]).find(Boolean);
  const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart curves", role: "img", tabindex: 0,
    "aria-label": `${heading} over ${last} epochs; the arrow keys read it epoch by epoch` });
  for (const tick of roundTicks(low, high, 5)) {
    svg.append(makeSvg("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
      makeSvg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick, high - low < 10 ? 1 : 0)));
  }
  for (const tick of roundTicks(1, last, width / 90).filter(Number.isInteger)) {
    svg.append(makeSvg("text", { x: x(tick), y: height - bottom + 18, "text-anchor": "middle" }, `${tick}`));
  }
  svg.append(makeSvg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "epoch"));
  const ends = []; // heights of the letters, 14 apart
  lines.forEach(({ epoch, series }, number) => {
    const { color, dash } = lookOf(number);
    const known = epoch.map((each, at) => [each, series[at]]).filter(([, value]) => Number.isFinite(value));
    if (!known.length) return;
    const [lastEpoch, value] = known[known.length - 1];
    let end = y(value) + 4;
    while (ends.some((each) => Math.abs(each - end) < 14)) end += 1;
    ends.push(end);
    svg.append(makeSvg("polyline", { points: known.map(([each, at]) => `${x(each)},${y(at)}`).join(" "), fill: "none",
      stroke: color, "stroke-width": 2.5, "stroke-dasharray": dash }),
    makeSvg("circle", { cx: x(lastEpoch), cy: y(value), r: 4, fill: color }),
    makeSvg("text", { x: x(lastEpoch) + 10, y: end, "font-weight": 700 }, letterOf(number)));
  });
  const cursor = makeSvg("line", { y1: top, y2: height - bottom, stroke: "var(--ink)" });
  svg.append(cursor);
  let chosen = last;
  const write = (epoch) => {
    chosen = Math.min(last, Math.max(1, epoch));
    cursor.setAttribute("x1", x(chosen));
    cursor.setAttribute("x2", x(chosen));
    const values = lines.map(({ epoch: epochs, series }, number) => {
      const value = series[epochs.indexOf(chosen)];
      return `${letterOf(number)} ${value === undefined ? "none" : format(value)}`;
    });
    text.textContent = `Epoch ${chosen}, ${heading}: ${values.join(", ")}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const place = (event.clientX - svg.getBoundingClientRect().left) * width / svg.clientWidth;
    write(Math.round(1 + (place - left) / (width - left - right) * (last - 1)));
  });
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    write(chosen + move);
  });
  box.replaceChildren(svg);
  write(last);
}
