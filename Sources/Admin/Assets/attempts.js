// Attempts in words and pictures, and the parts that the pages of webhooks share.

import { exact, number, relative } from "./format.js";
import { element } from "./row.js";

export const eventNames = [
  ["*", "All events", "everything but products.changed"],
  ["import.completed", "Import completed", "with its numbers"],
  ["import.failed", "Import failed or cancelled", "with the reason"],
  ["product.created", "Product created", "on the page or by the API"],
  ["product.updated", "Product updated", "on the page or by the API"],
  ["product.deleted", "Product deleted", "on the page or by the API"],
  ["products.cleared", "All products deleted", ""],
  ["products.changed", "Every change of an import", "old and new values, up to 500 products a message"],
];

const errors = {
  dns_error: "name not found", connect_refused: "connection refused", connect_timeout: "no connection in time",
  tls_error: "no secure connection", reset: "connection broken off", timeout: "no answer in time",
  blocked_address: "address not allowed", redirect: "redirect, not followed", bad_response: "answer not understood",
  interrupted: "interrupted on our side",
};

const statuses = {
  200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
  404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 410: "Gone", 413: "Too Large", 422: "Unprocessable",
  429: "Too Many Requests", 500: "Server Error", 502: "Bad Gateway", 503: "Unavailable", 504: "Gateway Timeout",
};

/** "200 OK", or the kind of failure in words. */
export function outcome({ status, error }) {
  if (status && !(error === "redirect")) return statuses[status] ? `${status} ${statuses[status]}` : `${status}`;
  return errors[error] ?? error ?? "";
}

export const latency = (milliseconds) => (milliseconds === null || milliseconds === undefined
  ? "" : milliseconds < 1 ? "under 1 ms" : `${number(milliseconds)} ms`);

export function timeElement(time, before = "") {
  const node = element("time", "moment", `${before}${relative(time)}`);
  node.dateTime = time;
  node.title = exact(time);
  return node;
}

/** In how long something comes. */
export function until(time) {
  const seconds = Math.round((new Date(time) - Date.now()) / 1000);
  if (seconds <= 1) return "now";
  if (seconds < 90) return `in ${seconds} s`;
  if (seconds < 5400) return `in ${Math.round(seconds / 60)} min`;
  return `in ${Math.round(seconds / 3600)} h`;
}

/** The last answer of a webhook, as a sentence. */
export function lastWords(webhook) {
  const node = element("span", "last");
  if (!webhook.last_attempt_at) {
    node.append("Nothing sent yet");
    return node;
  }
  const good = !webhook.last_error;
  node.dataset.result = good ? "good" : "bad";
  const parts = [outcome({ status: webhook.last_status, error: webhook.last_error }), latency(webhook.last_response_time_ms)];
  node.append(`${parts.filter(Boolean).join(", ")}, `, timeElement(webhook.last_attempt_at));
  return node;
}

const svg = (tag, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

/** A short time and a long one must both be seen, so heights grow with the logarithm: 1 ms to 30 s. */
const share = (milliseconds) => Math.min(1, Math.log10(Math.max(1, milliseconds)) / 4.5);

const describe = (attempt) => {
  const parts = [outcome(attempt), latency(attempt.response_time_ms)].filter(Boolean).join(", ");
  return `${exact(attempt.started_at)}: ${parts}${attempt.manual ? " (sent by hand)" : ""}`;
};

/**
 * The last attempts as dots: the higher, the slower; a round one went well, a square one on its corner did not.
 * A failure without an answer stands at the top.
 */
export function strip(attempts, { height = 28, step = 9 } = {}) {
  const shown = attempts.slice(-30);
  const width = Math.max(1, shown.length) * step;
  const failed = shown.filter((attempt) => attempt.error).length;
  const label = `The last ${number(shown.length)} attempts, oldest first: ${number(shown.length - failed)} accepted, ${number(failed)} failed.`;
  const picture = svg("svg", { class: "dots", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  shown.forEach((attempt, index) => {
    const x = index * step + step / 2;
    const y = height - 5 - share(attempt.response_time_ms ?? (attempt.error ? 30000 : 1)) * (height - 10);
    const dot = attempt.error
      ? svg("rect", { x: x - 3, y: y - 3, width: 6, height: 6, transform: `rotate(45 ${x} ${y})`, class: "dot-bad" })
      : svg("circle", { cx: x, cy: y, r: 3.2, class: "dot-good" });
    const title = svg("title", {});
    title.textContent = describe(attempt);
    dot.append(title);
    picture.append(dot);
  });
  return picture;
}

/** Latency of the last attempts as bars, with a scale; failures in the colour and shape of failures. */
export function chart(attempts) {
  const [width, height, left] = [720, 150, 64];
  const label = `Time to the answer of the last ${number(attempts.length)} attempts, oldest at the left`;
  const picture = svg("svg", { class: "latency", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const [milliseconds, text] of [[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1000, "1 s"], [10000, "10 s"]]) {
    const y = height - 12 - share(milliseconds) * (height - 28);
    const word = svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" });
    word.textContent = text;
    picture.append(svg("line", { x1: left, x2: width, y1: y, y2: y }), word);
  }
  const step = (width - left) / Math.max(attempts.length, 30);
  attempts.forEach((attempt, index) => {
    const size = Math.max(3, share(attempt.response_time_ms ?? (attempt.error ? 30000 : 1)) * (height - 28));
    const x = left + index * step + step * 0.15;
    const bar = svg("rect", { x, y: height - 12 - size, width: step * 0.7, height: size, class: attempt.error ? "bar-bad" : "bar-good" });
    const title = svg("title", {});
    title.textContent = describe(attempt);
    bar.append(title);
    picture.append(bar);
    if (attempt.error) {
      const mark = svg("text", { x: x + step * 0.35, y: height, "text-anchor": "middle", class: "mark-bad" });
      mark.textContent = "✕";
      picture.append(mark);
    }
  });
  return picture;
}

export function eventLabels(events) {
  const list = element("ul", "labels");
  list.append(...events.map((event) => element("li", "tag", event === "*" ? "all events" : event)));
  return list;
}

/** Check boxes of events in a fieldset. With "all", only the one that "all" leaves out can still be chosen. */
export class EventChoice {
  constructor(fieldset, chosen) {
    this.boxes = eventNames.map(([value, title, note]) => {
      const label = element("label", "check");
      const box = element("input");
      box.type = "checkbox";
      box.value = value;
      box.checked = chosen.includes(value);
      box.addEventListener("change", () => this.update());
      label.append(box, ` ${title}`, element("span", "note", note));
      fieldset.append(label);
      return box;
    });
    this.update();
  }

  update() {
    const all = this.boxes[0].checked;
    for (const box of this.boxes.slice(1)) box.disabled = all && box.value !== "products.changed";
  }

  set(chosen) {
    for (const box of this.boxes) box.checked = chosen.includes(box.value);
    this.update();
  }

  get events() { return this.boxes.filter((box) => box.checked && !box.disabled).map((box) => box.value); }
}

/** Shows a secret the one time that it can be seen. */
export function showSecret(secret) {
  const panel = document.getElementById("secret");
  const text = document.getElementById("secret-text");
  const copy = document.getElementById("secret-copy");
  text.textContent = secret;
  copy.textContent = "Copy";
  panel.hidden = false;
  panel.focus();
  panel.scrollIntoView({ block: "nearest" });
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      copy.textContent = "Selected: press Ctrl+C";
    }
  };
  document.getElementById("secret-done").onclick = () => {
    text.textContent = "";
    panel.hidden = true;
  };
}

/** Puts each field's error under it; true when all of them found their place. */
export function showErrors(fields) {
  for (const name of ["url", "events"]) {
    const line = document.getElementById(`${name}-error`);
    const found = fields.filter(({ field }) => field === name || (name === "events" && field === "event"));
    line.textContent = found.map(({ message }) => message).join(" ");
    line.hidden = found.length === 0;
  }
  const field = document.querySelector("input[name=url]");
  const wrong = fields.some((error) => error.field === "url");
  field.setAttribute("aria-invalid", wrong);
  if (wrong) field.focus();
  return fields.length > 0;
}

/** What a test came to, as a sentence. */
export function testWords({ delivered, status, response_time_ms: milliseconds, error, message }) {
  if (delivered) return `Accepted: ${outcome({ status })}, ${latency(milliseconds)}.`;
  return `Not accepted: ${message ?? outcome({ status, error })}`;
}
