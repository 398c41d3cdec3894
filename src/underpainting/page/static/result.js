/** What came of an edit: Dice with the target, whether the class was kept, and what to do where it did not follow. */

import { h, say, set } from "./dom.js";
import { maskOf, ofProperty, sentence } from "./words.js";

/**
 * @param {Object} store
 * @param {function(): void} retry asks for the edit again
 */
export function createResult(store, retry) {
  const { about } = store.get();
  const metric = h("dt"),
    value = h("dd.big"),
    from = h("p.from");
  const bar = h("div.meter", { "aria-hidden": "true" }, h("span.was"), h("span.is"));
  const kept = h("dd"),
    background = h("dd"),
    how = h("dd"),
    advice = h("ul.advice");
  const rows = h(
    "dl.pairs",
    {},
    h("div", {}, h("dt", {}, "Class"), kept),
    h("div", {}, h("dt", {}, "Background"), background),
    h("div", {}, h("dt", {}, "Edit"), how),
  );
  const zip = h("a.tool", { download: "edit.zip" }, "Export");
  const again = h("button.tool", { type: "button", onclick: retry }, "Try again");
  const link = h("button.tool", { type: "button", onclick: copy }, "Copy link");
  const element = h(
    "section.result",
    { "aria-label": "What came of it" },
    h("dl.headline", {}, h("div", {}, metric, value)),
    bar,
    from,
    rows,
    advice,
    h("div.tools", {}, again, zip, link),
  );

  function copy() {
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject(new Error("not a safe place"));
    copied.then(
      () => said("Copied"),
      () => said("Copy the address"),
    );
  }

  function said(words) {
    say(link, words);
    setTimeout(() => say(link, "Copy link"), 1600);
  }

  /** Show a state's edit. */
  function render(state, film) {
    const property = maskOf(about) ?? ofProperty(about, state.property),
      done = film?.finished,
      own = done?.agreement[property.name];
    set(element, "data-empty", !own);
    say(metric, `${property.metric} with the target`);
    say(value, own ? (own.after?.toFixed(2) ?? "none") : "–");
    bar.firstChild.style.width = `${100 * (own?.before ?? 0)}%`;
    bar.lastChild.style.width = `${100 * (own?.after ?? 0)}%`;
    say(
      from,
      own
        ? `Unedited, it is ${own.before?.toFixed(2) ?? "undefined"}.`
        : "How far the object the estimator then sees covers the target.",
    );
    say(kept, !done ? "–" : classWords(done));
    set(kept, "data-lost", done?.class_kept === false);
    say(
      background,
      (done?.background_change ?? null) === null ? "–" : `changed by ${(done.background_change * 100).toFixed(1)} %`,
    );
    say(how, film?.begun ? film.begun.edit : "–");
    const lines = film?.error ? [film.error] : (done?.advice ?? []);
    if (advice.dataset.lines !== lines.join("\n")) {
      advice.dataset.lines = lines.join("\n");
      advice.replaceChildren(...lines.map((line) => h("li", {}, sentence(line))));
    }
    set(again, "hidden", !film?.error);
    set(zip, "href", done ? done.export : null);
    set(zip, "aria-disabled", done ? null : "true");
  }

  return { element, render };
}

function classWords({ classes, before, class_kept: kept }) {
  if (kept === null || !classes) return "no classifier";
  return kept ? `kept: ${classes[0][0]}` : `lost: ${before.classes[0][0]} became ${classes[0][0]}`;
}
