/* Moving over the map, and moving and enlarging it, by mouse, finger, pen and keyboard. */
"use strict";

/** Connects a map with what a person does on it.

  Args:
    map: the map.
    onChoose: receives the image that is clicked.
    onMove: receives the image under the pointer, or null, and the place in the plane.
    followsDrag: whether a drag moves over the plane; otherwise it moves the map. */
class MapControls {
  constructor(map, onChoose, onMove, followsDrag) {
    Object.assign(this, { map, onChoose, onMove, followsDrag });
    this.pointers = new Map();
    const { canvas } = map;
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onPointer(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.onUp(event));
    }
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  placeOf(event) {
    const box = this.map.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  onWheel(event) {
    event.preventDefault();
    this.map.zoom(Math.exp(event.deltaY * 0.0015), ...this.placeOf(event));
  }

  onDown(event) {
    this.map.canvas.setPointerCapture(event.pointerId);
    if (!this.pointers.size) this.travel = 0;
    this.pointers.set(event.pointerId, this.placeOf(event));
    if (this.pointers.size > 1) this.travel = Infinity; // two fingers choose nothing
  }

  onPointer(event) {
    const at = this.placeOf(event), before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.onMove(this.map.nearest(...at, 12), this.map.toPlane(...at));
      return;
    }
    const move = [at[0] - before[0], at[1] - before[1]];
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.travel += Math.abs(move[0]) + Math.abs(move[1]);
    if (other) {
      const distance = (place) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
      this.map.zoom(distance(before) / distance(at), ...other);
      this.map.pan(move[0] / 2, move[1] / 2);
    } else if (this.followsDrag) {
      this.onMove(null, this.map.toPlane(...at));
    } else {
      this.map.pan(...move);
    }
    this.pointers.set(event.pointerId, at);
  }

  onUp(event) {
    if (this.pointers.delete(event.pointerId) && event.type === "pointerup" && this.travel < 5) {
      const index = this.map.nearest(...this.placeOf(event), 30);
      if (index !== null) this.onChoose(index);
    }
  }

  onKey(event) {
    const { map } = this, step = map.size() / 10, middle = map.size() / 2;
    const actions = {
      ArrowLeft: () => map.pan(step, 0),
      ArrowRight: () => map.pan(-step, 0),
      ArrowUp: () => map.pan(0, step),
      ArrowDown: () => map.pan(0, -step),
      "+": () => map.zoom(0.8, middle, middle),
      "-": () => map.zoom(1.25, middle, middle),
      n: () => this.onChoose((map.chosen + 1) % map.count),
      p: () => this.onChoose((map.chosen + map.count - 1) % map.count),
    };
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (action && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      action();
    }
  }
}
