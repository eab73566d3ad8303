/* The classes of a run: buttons that show them, hide them, and decode samples of them. */
"use strict";

/** Fills the buttons of the classes, where the run has any. */
function makeClassButtons(page) {
  const { run, map } = page;
  if (!run.arrays.labels) return;
  element("classes-row").hidden = false;
  run.class_names.forEach((name, group) => {
    const dot = make("i");
    dot.style.background = run.colors[group % run.colors.length];
    const button = make("button", { type: "button", "aria-pressed": "true", onclick: () => {
      const isShown = map.hidden.delete(group) || !map.hidden.add(group);
      button.setAttribute("aria-pressed", `${isShown}`);
      map.highlight(isShown ? group : null);
    } }, dot, make("bdi", {}, name));
    for (const [event, highlighted] of [["pointerenter", group], ["focus", group], ["pointerleave", null], ["blur", null]]) {
      button.addEventListener(event, () => map.highlight(map.hidden.has(group) ? null : highlighted));
    }
    element("classes").append(button);
  });
  const { samples, sample_classes: classes } = run.arrays;
  if (!classes) return;
  element("class-samples").hidden = false;
  run.class_names.forEach((name, group) => {
    const members = [...classes.data.keys()].filter((row) => classes.data[row] === group);
    let next = 0;
    const button = make("button", { type: "button", onclick: () => page.setZ(rowOf(samples, members[next++ % members.length]),
      `decoded from a sample classified as ${isolate(name)}`) }, make("bdi", {}, name));
    button.disabled = !members.length;
    if (!members.length) button.title = `The classifier assigns none of ${format(samples.shape[0], 0)} samples to this class`;
    element("class-buttons").append(button);
  });
}
