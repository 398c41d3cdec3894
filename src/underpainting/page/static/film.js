/** A film: all that was told of one job so far, as data. `told` gives the next film from an event. */

/**
 * The film of a job that was asked for.
 * @param {string} key what was asked for
 * @param {Object} asked the body of the request
 */
export const newFilm = (key, asked) => ({
  key,
  asked,
  state: "asked",
  place: 0,
  begun: null,
  phase: null,
  lost: false,
  error: null,
  again: null,
  target: null,
  steps: [],
  seeds: [],
  frames: { clean: [], noisy: [] },
  classes: { clean: [], noisy: [] },
  estimates: { clean: [], noisy: [] },
  finished: null,
  whole: false,
});

/**
 * A film after an event. Steps count from 1, so step k is `steps[k - 1]`.
 * @param {Object} film
 * @param {string} kind
 * @param {Object} data
 * @returns {Object}
 */
export function told(film, kind, data) {
  switch (kind) {
    case "queued":
      return { ...film, state: "waiting", place: data.place, error: null };
    case "begun":
      return { ...film, state: "working", begun: data, error: null };
    case "phase":
      return { ...film, phase: data.name };
    case "target":
      return { ...film, target: data.maps, phase: null };
    case "step":
      return { ...film, phase: null, steps: placed(film.steps, data.step - 1, [data]) };
    case "seed":
      return { ...film, phase: null, seeds: placed(film.seeds, data.seed, [data]) };
    case "finished":
      return { ...film, state: "finished", phase: null, finished: data };
    case "frames":
      return framed(film, data);
    case "estimates":
      return {
        ...film,
        estimates: { ...film.estimates, [data.look]: placed(film.estimates[data.look], data.step - 1, [data.maps]) },
      };
    case "end":
      return { ...film, whole: true };
    case "lost":
      return { ...film, lost: true };
    case "back":
      return { ...film, lost: false };
    case "refused":
      return { ...film, state: "refused", error: data.error, again: data.again };
    case "failed":
      return { ...film, state: "failed", error: data.error, again: data.again };
    case "cancelled":
      return { ...film, state: "cancelled", error: "It was stopped.", again: true };
    default:
      return film;
  }
}

function framed(film, { look, first, pictures, classes }) {
  const frames = { ...film.frames, [look]: placed(film.frames[look], first - 1, pictures) };
  const seen = classes ? { ...film.classes, [look]: placed(film.classes[look], first - 1, classes) } : film.classes;
  return { ...film, frames, classes: seen };
}

function placed(list, at, values) {
  const longer = list.slice();
  values.forEach((value, k) => {
    longer[at + k] = value;
  });
  return longer;
}

/** How many steps the film has when it is done; null before it has begun. */
export const stepCount = (film) => film?.begun?.steps ?? null;

/** Whether something is still being made that was asked for. */
export const isPending = (film) => Boolean(film) && ["asked", "waiting", "working"].includes(film.state);

/**
 * The step that is shown: the chosen one as far as it is made, else the newest; 0 before the first.
 * @param {?Object} film
 * @param {?number} chosen
 * @returns {number}
 */
export const shownStep = (film, chosen) => Math.min(chosen ?? Infinity, film?.steps.length ?? 0);

/**
 * Of a step's readings the one of a layer.
 * @param {?Object} film
 * @param {number} step
 * @param {string} property
 * @param {string} layer
 * @returns {?{data: string, low: number, high: number}}
 */
export const reading = (film, step, property, layer) => film?.steps[step - 1]?.maps[property]?.[layer] ?? null;

/**
 * A step's score against what the estimator sees in the finished picture; null where there is none.
 * @param {?Object} film
 * @param {string} property
 * @param {string} layer
 * @param {number} step
 * @returns {?number}
 */
export const score = (film, property, layer, step) => film?.finished?.scores?.[property]?.[layer]?.[step - 1] ?? null;
