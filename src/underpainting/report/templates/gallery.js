(() => {
  const pictures = JSON.parse(document.getElementById("gallery-data").textContent);
  const viewer = document.getElementById("viewer");
  const find = (query) => viewer.querySelector(query);
  const slider = find("input[type=range]");
  const play = find(".play");
  const thumbs = [...viewer.querySelectorAll(".thumbs button")];
  const total = find("output").textContent.split(" of ")[1];
  let current = 0;
  let timer = null;

  const image = (part, map) =>
    find(`[data-part=${part}]${map === undefined ? "" : `[data-map="${map}"]`} img`);

  function show() {
    const picture = pictures[current];
    slider.max = picture.steps.length;
    const frame = Number(slider.value) - 1;
    image("noisy").src = picture.noisy[frame];
    image("clean").src = picture.clean[frame];
    image("final").src = picture.final;
    picture.maps.forEach((map, k) => {
      image("probe", k).src = map.probe[frame];
      image("label", k).src = map.label;
    });
    viewer.querySelectorAll(".about dd").forEach((cell, k) => { cell.textContent = picture.maps[k].scores[frame]; });
    find(".prompt").textContent = picture.prompt;
    find(".seed").textContent = picture.seed === null ? "" : `seed ${picture.seed}`;
    const words = `step ${picture.steps[frame]} of ${total}`;
    find("output").textContent = words;
    slider.setAttribute("aria-valuetext", words);
    thumbs.forEach((thumb, k) => thumb.setAttribute("aria-pressed", String(k === current)));
    document.dispatchEvent(new CustomEvent("gallery", { detail: { picture: current, frame } }));
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-label", "Play the steps");
  }

  function toggle() {
    if (timer !== null) { stop(); return; }
    if (slider.value === slider.max) slider.value = 1;
    show();
    play.textContent = "Pause";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (slider.value === slider.max) stop();
    }, 600);
  }

  function choose(k) {
    current = (k + pictures.length) % pictures.length;
    show();
  }

  slider.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", toggle);
  thumbs.forEach((thumb, k) => thumb.addEventListener("click", () => choose(k)));
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    const picks = { ArrowUp: -1, ArrowDown: 1 };
    if (event.key in moves) {
      stop();
      slider.value = Number(slider.value) + moves[event.key];
      show();
    } else if (event.key in picks) {
      choose(current + picks[event.key]);
    } else if (event.key === " " && event.target.tagName !== "BUTTON") {
      toggle();
    } else {
      return;
    }
    event.preventDefault();
  });
  document.querySelectorAll(".strip").forEach((strip) => {
    pictures[strip.dataset.picture][strip.dataset.look].forEach((source, step) => {
      const frame = new Image();
      frame.src = source;
      frame.alt = `Step ${step + 1}`;
      strip.append(frame);
    });
  });
  viewer.querySelectorAll("[hidden]").forEach((part) => { part.hidden = false; });
  show();
})();
