/* An area to draw on, whose drawing becomes an image like those of the dataset. */
"use strict";

class Pad {
  /** onDraw receives the pixels, from 0 to 255, at most once per frame of the screen. */
  constructor(canvas, run, onDraw) {
    Object.assign(this, { canvas, run, onDraw });
    canvas.width = canvas.height = this.size = 280;
    const values = run.arrays.images.data; // the ink contrasts with most pixels of the images
    const isDark = values.reduce((sum, value) => sum + value, 0) < 127.5 * values.length;
    [this.paper, this.ink] = isDark ? ["#000", "#fff"] : ["#fff", "#000"];
    canvas.style.background = this.paper;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
    canvas.addEventListener("pointerdown", (event) => {
      if (this.pointer !== undefined) return; // a second finger does not draw
      canvas.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.last = this.place(event);
      this.draw(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (event.pointerId === this.pointer) this.draw(event); });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => { if (event.pointerId === this.pointer) this.pointer = undefined; });
    }
  }

  clear() {
    this.context.fillStyle = this.paper;
    this.context.fillRect(0, 0, this.size, this.size);
    cancelAnimationFrame(this.pending);
    this.pending = null;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this.size / box.width, (event.clientY - box.top) * this.size / box.height];
  }

  draw(event) {
    const at = this.place(event);
    Object.assign(this.context, { strokeStyle: this.ink, lineWidth: this.size / 13, lineCap: "round", lineJoin: "round" });
    this.context.beginPath();
    this.context.moveTo(...this.last);
    this.context.lineTo(at[0] + 0.01, at[1]);
    this.context.stroke();
    this.last = at;
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.onDraw(this.pixels());
    });
  }

  /** Returns the drawing as MNIST's images were made: its longer side takes 20 of 28 pixels, and
  its center of mass is in the middle. Other sizes use the same proportion. */
  pixels() {
    const { data } = this.context.getImageData(0, 0, this.size, this.size);
    let [left, right, top, bottom] = [this.size, 0, this.size, 0];
    let [mass, massX, massY] = [0, 0, 0];
    for (let y = 0; y < this.size; y++) {
      for (let x = 0; x < this.size; x++) {
        const value = Math.abs(data[4 * (y * this.size + x)] - (this.paper === "#000" ? 0 : 255));
        if (!value) continue;
        [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
        mass += value;
        massX += value * (x + 0.5);
        massY += value * (y + 0.5);
      }
    }
    const [height, width] = this.run.image_shape;
    const scale = Math.min(height, width) * 20 / 28 / Math.max(right - left, bottom - top);
    const small = document.createElement("canvas");
    [small.width, small.height] = [width, height];
    const context = small.getContext("2d");
    context.fillStyle = this.paper;
    context.fillRect(0, 0, width, height);
    // Halve the drawing while it stays at least as large: browsers average four pixels only.
    let source = this.canvas, size = this.size;
    while (size / 2 >= this.size * scale) {
      const half = document.createElement("canvas");
      half.width = half.height = Math.round(size / 2);
      half.getContext("2d").drawImage(source, 0, 0, half.width, half.height);
      [source, size] = [half, half.width];
    }
    const side = this.size * scale;
    context.imageSmoothingQuality = "high";
    context.drawImage(source, width / 2 - massX / mass * scale, height / 2 - massY / mass * scale, side, side);
    const result = context.getImageData(0, 0, width, height).data;
    return Uint8Array.from({ length: width * height }, (_, index) => result[4 * index]);
  }
}
