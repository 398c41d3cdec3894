/** Study: the gallery of the study that is served, whose pictures can be taken to Watch and Drag, and its report. */

import { h } from "./dom.js";

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createStudy(store, makes) {
  const { about } = store.get();
  const take = (tab, { prompt, seed }) => {
    store.set({ tab });
    makes.paintOther({ prompt, seed, steps: null, guidance: null });
    window.scrollTo({ top: 0 });
  };
  const cards = about.gallery.map((of) =>
    h(
      "li.card",
      {},
      h("img", {
        src: `/api/gallery/${of.number}.png`,
        alt: "",
        loading: "lazy",
        width: about.size[1],
        height: about.size[0],
      }),
      h("p.prompt", {}, of.prompt),
      h("p.seed", {}, `seed ${of.seed}`),
      h(
        "div.tools",
        {},
        ...["watch", "drag"].map((tab) =>
          h(
            "button.tool",
            { type: "button", onclick: () => take(tab, of), "aria-label": `${of.prompt}: ${tab}` },
            tab[0].toUpperCase() + tab.slice(1),
          ),
        ),
      ),
    ),
  );
  const report = about.report
    ? h(
        "section",
        {},
        h("h2", {}, "Report"),
        h(
          "p.intro",
          {},
          "Every score with its controls. ",
          h("a", { href: "/api/report", target: "_blank", rel: "noopener" }, "Open it by itself"),
        ),
        h("iframe", { src: "/api/report", title: "the study’s report", loading: "lazy", sandbox: "allow-scripts" }),
      )
    : null;
  const element = h(
    "div.study",
    {},
    h(
      "section",
      {},
      h("h2", {}, "Gallery"),
      h("p.intro", {}, "Test pictures: no probe was fitted to them."),
      h("ul.cards", {}, ...cards),
    ),
    ...(report ? [report] : []),
  );
  return { element, render: () => {} };
}
