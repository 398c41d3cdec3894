/** The server, as docs/page.md states it: what it tells about itself, jobs, and their events. */

const KINDS = [
  "queued",
  "begun",
  "phase",
  "target",
  "step",
  "seed",
  "finished",
  "frames",
  "estimates",
  "end",
  "failed",
  "cancelled",
];

/** A request that was answered with an error of one line. */
export class Refused extends Error {
  /**
   * @param {string} line
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {?number} again seconds after which to ask again
   */
  constructor(line, status, again = null) {
    super(line);
    Object.assign(this, { status, again });
  }
}

/**
 * Ask for JSON.
 * @param {string} path
 * @param {?Object} [body] sent by POST
 * @returns {Promise<Object>}
 * @throws {Refused}
 */
export async function ask(path, body = null) {
  const how =
    body === null
      ? {}
      : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, how);
  } catch {
    throw new Refused("The server does not answer. Is `underpainting serve` still running?", 0, 3);
  }
  const said = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
  if (answer.ok) return said;
  throw new Refused(
    said.error ?? `The server answered ${answer.status}.`,
    answer.status,
    Number(answer.headers.get("Retry-After")) || null,
  );
}

/**
 * Ask for a job and follow it to its end. Where the queue is full or nobody answers, it is asked again.
 * @param {string} path
 * @param {Object} body
 * @param {function(string, Object): void} tell told each event; also `refused` {error, again} and `lost`, `back`
 * @returns {{stop: function(): void}} stops the job and tells nothing more
 */
export function follow(path, body, tell) {
  let events = null,
    address = null,
    stopped = false,
    timer = null;

  async function begin() {
    try {
      const job = await ask(path, body);
      address = `/api/jobs/${job.job}`;
      if (stopped) cancel();
      else listen(job.events);
    } catch (error) {
      if (stopped) return;
      tell("refused", { error: error.message, again: error.again });
      if (error.again) timer = setTimeout(begin, error.again * 1000);
    }
  }

  function listen(path_) {
    events = new EventSource(path_);
    let lost = false;
    events.onopen = () => {
      if (lost) tell("back", {});
      lost = false;
    };
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED)
        tell("failed", { error: "This picture is no longer kept by the server.", again: true });
      else if (!lost) {
        lost = true;
        tell("lost", {});
      }
    };
    KINDS.forEach((kind) =>
      events.addEventListener(kind, ({ data }) => {
        if (["end", "failed", "cancelled"].includes(kind)) {
          events.close();
          address = null;
        }
        if (!stopped) tell(kind, JSON.parse(data));
      }),
    );
  }

  function cancel() {
    if (address) fetch(address, { method: "DELETE", keepalive: true }).catch(() => {});
    address = null;
  }

  begin();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      events?.close();
      cancel();
    },
  };
}
