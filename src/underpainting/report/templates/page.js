(() => {
  // What scrolls sideways says so while there is more to its right or left; narrow screens start with folded parts.
  function cue(box) {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more-right", left > 2);
    box.classList.toggle("more-left", box.scrollLeft > 2);
  }
  const watch = new ResizeObserver((seen) => seen.forEach(({ target }) => cue(target.closest(".scroll, .deck"))));
  document.querySelectorAll(".scroll, .deck").forEach((box) => {
    box.addEventListener("scroll", () => cue(box), { passive: true });
    watch.observe(box);
    [...box.children].forEach((part) => watch.observe(part));
  });
  if (window.matchMedia("(max-width: 720px)").matches) {
    document.querySelectorAll("details.fold").forEach((part) => { part.open = false; });
  }
})();
