/** The page: its state, its tabs, and which of them is drawn when. */

import { ask } from "./api.js";
import { bytes } from "./colours.js";
import { createDrag } from "./drag.js";
import { h, say, set } from "./dom.js";
import { createMakes, editOf } from "./makes.js";
import { createPrompt } from "./prompt.js";
import { createRewind } from "./rewind.js";
import { CHOICES, createStore, fromHash, isMoved, pictureKey, TABS, toHash, UNMOVED } from "./state.js";
import { createSeeds } from "./seeds.js";
import { createStudy } from "./study.js";
import { createSurface } from "./surface.js";
import { createWatch } from "./watch.js";

const MUG = { prompt: "a blue mug on a wooden floor", seed: 7 }; // painted on a first visit to the still life
const FIRST = 5; // of the gallery, on one to another model
const MADE = { watch: createWatch, drag: createDrag, relief: createSurface, seeds: createSeeds, study: createStudy };
const main = document.getElementById("main");

/** A state of choices, with what the page must know of the study. */
function complete(choices, about) {
  const shown = about.gallery[FIRST] ?? about.gallery[0] ?? { prompt: about.suggestions.prompts[0] ?? "", seed: 0 };
  const first = about.model === "stilllife" ? MUG : shown;
  const own = choices.prompt ? {} : { prompt: first.prompt, seed: first.seed };
  const property = about.properties.some((of) => of.name === choices.property)
    ? choices.property
    : about.properties[0].name;
  const layer = about.layers.some((of) => of.name === choices.layer) ? choices.layer : null;
  const kind = about.edits.kinds.includes(choices.kind) ? choices.kind : null;
  const after = Math.min(choices.after, about.steps);
  return { ...choices, ...own, property, layer, kind, after };
}

async function start() {
  let about;
  try {
    about = await ask("/api/about");
  } catch (error) {
    main.replaceChildren(h("p.notice", { role: "alert" }, error.message));
    if (error.again) setTimeout(start, error.again * 1000);
    return;
  }
  const choices = complete(fromHash(location.hash), about);
  const store = createStore({
    ...CHOICES,
    ...choices,
    about,
    ramps: new Map(about.properties.map((of) => [of.name, bytes(of.ramp)])),
    film: null,
    edits: new Map(),
    wanted: null,
    estimates: null,
    estimating: false,
    scores: "study",
    relief: null,
    wall: null,
    painted: new Map(),
    touched: false,
    history: { list: [editOf(choices)], at: 0 },
  });
  open(store, createMakes(store));
}

function open(store, makes) {
  const { about } = store.get(),
    views = {};
  const tabs = TABS.map((tab) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${tab}`,
        "aria-controls": `view-${tab}`,
        onclick: () => store.set({ tab }),
      },
      tab[0].toUpperCase() + tab.slice(1),
    ),
  );
  const panels = TABS.map((tab) =>
    h("div.view", { id: `view-${tab}`, role: "tabpanel", "aria-labelledby": `tab-${tab}`, hidden: true }),
  );
  const list = h("div.tabs", { role: "tablist", "aria-label": "views", onkeydown: turn }, ...tabs);
  const prompt = createPrompt(store, makes);
  document
    .getElementById("bar")
    .replaceChildren(
      h("div.inner", {}, h("h1", {}, "underpainting"), list, h("p.what", {}, `${about.model} · ${about.scheduler}`)),
    );
  document
    .getElementById("foot")
    .replaceChildren(
      h(
        "p",
        {},
        `underpainting ${about.version}. Everything is made and shown on the machine that serves this page. `,
        h("a", { href: "/api/openapi.json" }, "API"),
      ),
    );
  main.replaceChildren(prompt.element, ...panels);

  function turn(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const next = (TABS.indexOf(store.get().tab) + by + TABS.length) % TABS.length;
    store.set({ tab: TABS[next] });
    tabs[next].focus();
    event.preventDefault();
  }

  let planned = 0,
    writing = null,
    written = null;

  /** The link follows the state; another picture is a step that the browser goes back over. */
  function write() {
    const now = store.get(),
      key = pictureKey(now),
      isOther = written !== null && written !== key;
    written = key;
    if (toHash(now) !== location.hash) history[isOther ? "pushState" : "replaceState"](null, "", toHash(now));
  }

  function render() {
    planned = 0;
    const state = store.get();
    TABS.forEach((tab, k) => {
      const chosen = tab === state.tab;
      set(tabs[k], "aria-selected", String(chosen));
      tabs[k].tabIndex = chosen ? 0 : -1;
      if (chosen && !views[tab]) {
        views[tab] = MADE[tab](store, makes);
        panels[k].append(views[tab].element);
      }
      set(panels[k], "hidden", !chosen);
    });
    set(prompt.element, "hidden", state.tab === "study");
    prompt.render(state);
    views[state.tab].render(state);
  }

  store.subscribe((state, before) => {
    planned ||= requestAnimationFrame(render);
    if (state.tab !== before.tab) {
      views[before.tab]?.leave?.();
      enter(state);
    }
    if (state.film?.finished && !before.film?.finished && state.tab === "drag") makes.edit();
    if (Object.keys(CHOICES).some((key) => state[key] !== before[key])) {
      clearTimeout(writing);
      writing = setTimeout(write, 200);
    }
    if (state.prompt !== before.prompt)
      say(document.querySelector("title"), state.prompt ? `${state.prompt} · underpainting` : "underpainting");
  });
  createRewind(store);
  addEventListener("hashchange", () => {
    store.set(complete(fromHash(location.hash), about));
    written = pictureKey(store.get());
    enter(store.get(), true);
  });
  addEventListener("resize", () => {
    planned ||= requestAnimationFrame(render);
  });
  document.addEventListener("keydown", (event) => step(store, event));

  /** What a tab needs made when it is opened. */
  function enter(state, linked = false) {
    if (["seeds", "study"].includes(state.tab)) return;
    if (state.tab === "drag" && (state.steps !== null || state.guidance !== null))
      store.set({ steps: null, guidance: null });
    if (state.tab === "drag" && !linked) store.set({ step: null });
    if (linked) {
      const list = [editOf({ ...state, ...UNMOVED }), ...(isMoved(state) ? [editOf(state)] : [])];
      store.set({ history: { list, at: list.length - 1 }, touched: state.step !== null });
    }
    if (store.get().film?.key !== pictureKey(store.get())) makes.paint();
    else if (state.tab === "drag" && store.get().film.finished) makes.edit();
  }

  render();
  enter(store.get(), true);
  writing = setTimeout(write, 200);
}

/** Left and right go through the steps wherever nothing else takes them. */
function step(store, event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
  const state = store.get(),
    film = state.tab === "drag" ? state.edits.get(state.wanted) : state.film,
    made = film?.steps.length;
  if (made) store.set({ step: Math.max(1, Math.min(made, (state.step ?? made) + by)), touched: true });
}

start();
