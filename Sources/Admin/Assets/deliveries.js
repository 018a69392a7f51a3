// Deliveries as rows: what was sent, how that went, when it is tried again; open one to see all of its attempts.

import { latency, outcome, timeElement, until } from "./attempts.js";
import { exact, number, plural } from "./format.js";
import { element } from "./row.js";
import { ask, at, words } from "./server.js";

const states = { pending: "To be sent", delivered: "Delivered", failed: "Failed" };
const pills = { pending: "waiting", delivered: "completed", failed: "failed" };

/** One line of words for where a delivery stands. */
function standing(delivery) {
  if (delivery.sending) return "being sent";
  const parts = [];
  if (delivery.attempt === 0 && delivery.state === "failed") return "not sent: the webhook was switched off";
  if (delivery.attempt > 0) {
    parts.push(outcome(delivery), latency(delivery.response_time_ms), `attempt ${number(delivery.attempt)}`);
  }
  if (delivery.state === "pending") parts.push(delivery.attempt === 0 ? "waits for its first attempt" : `next try ${until(delivery.next_attempt_at)}`);
  return parts.filter(Boolean).join(" · ");
}

export class DeliveryRow {
  /** `changed` is called after something was sent again. */
  constructor(id, changed, { showsURL = false } = {}) {
    this.id = id;
    this.changed = changed;
    this.showsURL = showsURL;
    this.node = element("li", "delivery");
    this.details = element("details");
    const summary = element("summary");
    this.pill = element("span", "pill");
    this.event = element("span", "event");
    this.words = element("span", "standing");
    this.time = element("span", "when");
    summary.append(this.pill, this.event, this.words, this.time);
    this.inside = element("div", "inside");
    this.details.append(summary, this.inside);
    this.details.addEventListener("toggle", () => this.details.open && this.load());
    this.node.append(this.details);
  }

  update(delivery) {
    this.pill.textContent = states[delivery.state] ?? delivery.state;
    this.pill.dataset.state = delivery.sending ? "running" : pills[delivery.state];
    this.event.textContent = this.showsURL ? `${delivery.event} to ${delivery.url}` : delivery.event;
    this.words.textContent = standing(delivery);
    this.time.replaceChildren(timeElement(delivery.created_at));
    const key = JSON.stringify([delivery.state, delivery.attempt, delivery.sending]);
    if (key !== this.shown && this.details.open) this.load();
    this.shown = key;
  }

  async load() {
    try {
      this.render(await ask(`api/deliveries/${this.id}`));
    } catch (error) {
      this.inside.replaceChildren(element("p", "message", words(error)));
    }
  }

  render(delivery) {
    const again = element("button", "", delivery.state === "pending" ? "Send now" : "Send again");
    again.type = "button";
    again.disabled = delivery.sending;
    const answer = element("span", "answer");
    answer.setAttribute("role", "status");
    again.addEventListener("click", async () => {
      again.disabled = true;
      try {
        await ask(`api/deliveries/${this.id}/resend`, { method: "POST" });
        answer.textContent = "It will be sent in a moment.";
        this.changed();
      } catch (error) {
        answer.textContent = words(error);
        again.disabled = false;
      }
    });
    const bar = element("p", "actions");
    bar.append(again, answer, element("span", "note", `webhook-id ${delivery.message_id}`));
    if (delivery.import_id) {
      const link = element("a", "", "Its import");
      link.href = at(`imports/${delivery.import_id}`);
      bar.append(link);
    }
    const attempts = element("ol", "attempts");
    attempts.append(...delivery.attempts.toReversed().map(attemptNode));
    const message = element("details", "body");
    message.append(element("summary", "", "The message"), element("pre", "", pretty(delivery.body)));
    this.inside.replaceChildren(bar, attempts, message);
  }
}

function attemptNode(attempt) {
  const node = element("li", "attempt");
  node.dataset.result = attempt.error ? "bad" : "good";
  const line = element("p", "attempt-line");
  const title = [`Attempt ${number(attempt.attempt)}`, outcome(attempt), latency(attempt.response_time_ms), attempt.manual ? "sent by hand" : ""];
  line.append(element("b", "", title.filter(Boolean).join(" · ")), element("span", "when", exact(attempt.started_at)));
  node.append(line);
  if (attempt.message) node.append(element("p", "note", attempt.message));
  const answer = [attempt.response_head, attempt.response_body].filter(Boolean).join("\n\n");
  if (answer) {
    const details = element("details", "body");
    details.append(element("summary", "", "The answer"), element("pre", "", answer));
    node.append(details);
  }
  return node;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** A list of deliveries that keeps its rows. */
export class DeliveryList {
  constructor(node, changed, options) {
    this.node = node;
    this.changed = changed;
    this.options = options;
    this.rows = new Map();
  }

  update(items) {
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.node.remove();
      this.rows.delete(id);
    }
    items.forEach((item, index) => {
      let row = this.rows.get(item.id);
      if (!row) {
        row = new DeliveryRow(item.id, this.changed, this.options);
        this.rows.set(item.id, row);
      }
      row.update(item);
      if (this.node.children[index] !== row.node) this.node.insertBefore(row.node, this.node.children[index] ?? null);
    });
  }
}

export const countWords = (total) => plural(total, "delivery", "deliveries");
