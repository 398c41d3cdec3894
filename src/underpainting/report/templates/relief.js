(() => {
  // Depth as a surface under the picture: drawn far to near, turned by dragging or keys.
  const pictures = JSON.parse(document.getElementById("gallery-data")?.textContent ?? "[]");
  const stage = document.getElementById("relief");
  const canvas = stage.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const STEPS = 48;
  let turn = -0.5, tilt = 0.55, heights = null, colours = null, shown = null;

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  function sample(values, [rows, columns], y, x) {
    const r = Math.max(0, Math.min(rows - 1, y * rows - 0.5)), c = Math.max(0, Math.min(columns - 1, x * columns - 0.5));
    const r0 = Math.floor(r), c0 = Math.floor(c), r1 = Math.min(rows - 1, r0 + 1), c1 = Math.min(columns - 1, c0 + 1);
    const at = (i, j) => values[i * columns + j];
    const top = at(r0, c0) * (1 - c + c0) + at(r0, c1) * (c - c0);
    return top * (1 - r + r0) + (at(r1, c0) * (1 - c + c0) + at(r1, c1) * (c - c0)) * (r - r0);
  }

  function draw() {
    if (!heights || !colours) return;
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth * ratio, height = canvas.clientHeight * ratio;
    canvas.width = width;
    canvas.height = height;
    const size = Math.min(width * 0.66, height * 0.74), [st, ct, sl, cl] = [Math.sin(turn), Math.cos(turn), Math.sin(tilt), Math.cos(tilt)];
    const point = (i, j) => {
      const x = j / STEPS - 0.5, y = i / STEPS - 0.5, z = heights[i * (STEPS + 1) + j] * 0.42;
      const across = x * ct + z * st, deep = z * ct - x * st;
      return [width / 2 + across * size, height * 0.5 + (y * cl + deep * sl) * size, deep * cl - y * sl];
    };
    const corners = [];
    for (let i = 0; i <= STEPS; i += 1) for (let j = 0; j <= STEPS; j += 1) corners.push(point(i, j));
    const cells = [];
    for (let i = 0; i < STEPS; i += 1) for (let j = 0; j < STEPS; j += 1) {
      const four = [corners[i * (STEPS + 1) + j], corners[i * (STEPS + 1) + j + 1], corners[(i + 1) * (STEPS + 1) + j + 1], corners[(i + 1) * (STEPS + 1) + j]];
      cells.push([four[0][2] + four[1][2] + four[2][2] + four[3][2], four, i * STEPS + j]);
    }
    cells.sort((a, b) => a[0] - b[0]);
    for (const [, four, k] of cells) {
      pen.fillStyle = pen.strokeStyle = colours[k];
      pen.beginPath();
      four.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
  }

  function show(current, frame, picture = pictures[current]) {
    if (!picture.relief) { stage.hidden = true; return; }
    stage.hidden = false;
    const key = `${current}/${frame}`;
    if (key === shown) return;
    shown = key;
    const values = bytes(picture.relief.steps[frame]);
    heights = new Float32Array((STEPS + 1) ** 2);
    for (let i = 0; i <= STEPS; i += 1) for (let j = 0; j <= STEPS; j += 1) {
      heights[i * (STEPS + 1) + j] = sample(values, picture.relief.grid, i / STEPS, j / STEPS) / 255 - 0.5;
    }
    const image = new Image();
    image.onload = () => {
      const small = document.createElement("canvas");
      small.width = small.height = STEPS;
      const brush = small.getContext("2d", { willReadFrequently: true });
      brush.drawImage(image, 0, 0, STEPS, STEPS);
      const data = brush.getImageData(0, 0, STEPS, STEPS).data;
      colours = Array.from({ length: STEPS ** 2 }, (_, k) => `rgb(${data[4 * k]},${data[4 * k + 1]},${data[4 * k + 2]})`);
      if (shown === key) draw();
    };
    image.src = picture.clean[frame];
  }

  function move(across, down) {
    turn = Math.max(-1.3, Math.min(1.3, turn + across));
    tilt = Math.max(0, Math.min(1.3, tilt + down));
    draw();
  }

  let from = null;
  canvas.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    move((event.clientX - from[0]) / 180, (event.clientY - from[1]) / 180);
    from = [event.clientX, event.clientY];
  });
  canvas.addEventListener("pointerup", () => { from = null; });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] };
    if (!(event.key in moves)) return;
    move(...moves[event.key]);
    event.preventDefault();
    event.stopPropagation();
  });
  new ResizeObserver(draw).observe(canvas);
  document.addEventListener("gallery", (event) => show(event.detail.picture, event.detail.frame, event.detail.surface));
})();
