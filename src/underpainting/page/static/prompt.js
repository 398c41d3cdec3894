/** The bar of the prompt: what is to be painted, suggestions, and how it stands. */

import { h, say, set, whenever } from "./dom.js";
import { isPending, stepCount } from "./film.js";
import { pictureKey } from "./state.js";
import { standing } from "./words.js";

const CHIPS = 7;

/**
 * @param {Object} store
 * @param {Object} makes
 */
export function createPrompt(store, makes) {
  const { about } = store.get();
  const words = [...new Set(about.suggestions.prompts)];
  const prompt = h("input", {
    id: "prompt",
    type: "text",
    maxlength: about.limits.prompt,
    autocomplete: "off",
    spellcheck: "false",
    list: "prompts",
    required: true,
  });
  const seed = h("input", { id: "seed", type: "number", min: 0, max: about.limits.seed, step: 1, required: true });
  const steps = h("input", {
    id: "steps",
    type: "number",
    min: 1,
    max: about.limits.steps,
    step: 1,
    placeholder: about.steps,
  });
  const guidance = h("input", {
    id: "guidance",
    type: "number",
    min: 0,
    max: about.limits.guidance_scale,
    step: 0.1,
    placeholder: about.guidance_scale,
  });
  const dice = h(
    "button.quiet.dice",
    {
      type: "button",
      "aria-label": "another seed",
      title: "another seed",
      onclick: () => {
        seed.value = Math.floor(Math.random() * 10000);
        paint();
      },
    },
    die(),
  );
  const seedField = h("div.field", {}, h("label", { for: "seed" }, "Seed"), h("div.with", {}, seed, dice));
  const button = h("button.play", { type: "submit" }, "Paint");
  const more = h(
    "details.more",
    {},
    h("summary", {}, "more"),
    h(
      "div.fields",
      {},
      field("Steps", steps),
      field("Guidance", guidance),
      h(
        "p.note",
        {},
        `The probes were fitted at ${about.steps} steps and guidance ${about.guidance_scale}; ` +
          "elsewhere they may read worse. Edits are made with these.",
      ),
    ),
  );
  const chips = h(
    "div.chips",
    { role: "group", "aria-label": "suggestions" },
    ...suggestions(words).map((text) =>
      h(
        "button.chip",
        {
          type: "button",
          onclick: () => {
            prompt.value = text;
            paint();
          },
        },
        text,
      ),
    ),
  );
  const line = h("p.standing"),
    live = h("p.hidden", { role: "status" });
  const element = h(
    "form.ask",
    {
      onsubmit: (event) => {
        event.preventDefault();
        paint();
      },
    },
    h(
      "div.fields.first",
      {},
      h("div.field.long", {}, h("label", { for: "prompt" }, "Prompt"), prompt),
      seedField,
      button,
    ),
    h("div.beside", {}, chips, more),
    line,
    live,
    h("datalist", { id: "prompts" }, ...words.map((value) => h("option", { value }))),
  );

  function paint() {
    const number = (input) => (input.value === "" ? null : Number(input.value));
    makes.paintOther({
      prompt: prompt.value.trim(),
      seed: number(seed) ?? 0,
      steps: number(steps),
      guidance: number(guidance),
    });
  }

  more.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      more.open = false;
      more.firstChild.focus();
    }
  });
  const fill = whenever(([text, number, count, scale]) => {
    prompt.value = text;
    seed.value = number;
    steps.value = count ?? "";
    guidance.value = scale ?? "";
    if (count !== null || scale !== null) more.open = true;
  });
  const announce = whenever((text) => say(live, text));

  /** Show a state. */
  function render(state) {
    const isWall = state.tab === "seeds",
      film = isWall ? state.wall : state.film,
      edited = state.tab === "drag" && state.wanted ? state.edits.get(state.wanted) : null;
    fill([state.prompt, state.seed, state.steps, state.guidance]);
    const isEdit = edited && (isPending(edited) || edited.error);
    const stands = isEdit ? standing(edited, "edit") : standing(film, isWall ? "wall" : "picture");
    [seedField, more].forEach((part) => set(part, "hidden", isWall));
    say(line, stands.text);
    set(line, "data-kind", stands.kind);
    const error = film?.error && (isWall || film.key === pictureKey(state));
    say(button, error ? "Try again" : isWall ? "Begin" : "Paint");
    if (stands.kind === "error" || stands.kind === "wait") announce(stands.text);
    else if (edited?.finished) announce("The edited picture is painted.");
    else if (isWall) announce(film?.finished ? "The seeds are read." : "The seeds are read in batches.");
    else if (film?.finished) announce(`The picture is painted, in ${stepCount(film)} steps.`);
    else announce("The picture is painted step by step.");
  }

  return { element, render };
}

const field = (label, input) => h("div.field", {}, h("label", { for: input.id }, label), input);

/** A few prompts that differ: short ones first, spread over all. */
function suggestions(prompts) {
  const short = prompts.filter((text) => text.length <= 34),
    from = short.length >= CHIPS ? short : prompts;
  return Array.from(
    { length: Math.min(CHIPS, from.length) },
    (_, k) => from[Math.floor((k * from.length) / CHIPS)] ?? from[k],
  );
}

function die() {
  const dots = [
    [8, 8],
    [16, 8],
    [12, 12],
    [8, 16],
    [16, 16],
  ].map(([cx, cy]) => h("svg:circle", { cx, cy, r: 1.7 }));
  return h(
    "svg:svg",
    { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true" },
    h("svg:rect", { x: 3, y: 3, width: 18, height: 18, rx: 4 }),
    ...dots,
  );
}
