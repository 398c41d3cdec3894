(() => {
  // All steps of the chosen picture at once: what is decoded, what the probes read, what the estimator sees.
  const pictures = JSON.parse(document.getElementById("gallery-data").textContent);
  const table = document.getElementById("all-steps");
  let drawn = null;

  function row(words, sources, tokens) {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = words;
    line.append(head);
    sources.forEach((source, step) => {
      const cell = document.createElement("td");
      const image = new Image();
      image.src = source;
      image.alt = `${words}, step ${step + 1}`;
      if (tokens) image.className = "tokens";
      cell.append(image);
      line.append(cell);
    });
    return line;
  }

  document.addEventListener("gallery", (event) => {
    const { picture: current, frame } = event.detail, picture = pictures[current];
    if (drawn !== current) {
      drawn = current;
      const rows = [row("Decoded", picture.noisy), row("Clean prediction", picture.clean)];
      picture.maps.forEach((map) => {
        const name = map.name[0].toUpperCase() + map.name.slice(1);
        rows.push(row(`${name}, probe`, map.probe, true));
        if (map.estimator) rows.push(row(`${name}, estimator`, map.estimator));
        if (map.words) rows.push(row("Attention to the object's word", map.words, true));
      });
      table.querySelector("tbody").replaceChildren(...rows);
    }
    table.querySelectorAll("tr").forEach((line) => {
      [...line.cells].forEach((cell, k) => cell.classList.toggle("now", k === frame + 1));
    });
  });
})();
