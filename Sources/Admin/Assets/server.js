// Talks to the API, wherever a proxy has put the server: every path is built from where this script came from.

const root = new URL("..", import.meta.url);

/** A path on this server, such as `api/products`, as a URL. */
export const at = (path) => new URL(path, root).href;

/** What the server said against a request: its words, its status, and the fields that are wrong. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.fields = problem.errors ?? [];
  }
}

/**
 * Asks the API and gives back the JSON it answers. A body is sent as JSON. Whoever is not signed in is led to the
 * log-in and back.
 */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["content-type"] = "application/json";
  const response = await fetch(at(path), {
    method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.status === 401) {
    location.href = at(`login?next=${encodeURIComponent(location.href.slice(root.href.length))}`);
    await new Promise(() => {});
  }
  const answer = await response.json();
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

/** An error in words for a person, where the page asks again by itself. */
export const words = (error) => (error instanceof Refusal
  ? error.message : "The server does not answer. What you see may be old; trying again.");

/** An error of what a person asked for, and may ask for again. */
export const refusalWords = (error) => (error instanceof Refusal
  ? error.message : "The server does not answer. Try again.");
