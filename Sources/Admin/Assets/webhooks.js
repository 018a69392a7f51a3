// The list of webhooks. Rows are made once and updated in place.

import { EventChoice, eventLabels, lastWords, showErrors, showSecret, strip, testWords } from "./attempts.js";
import { element } from "./row.js";
import { Refusal, ask, at, words } from "./server.js";

const list = document.getElementById("webhooks");
const empty = document.getElementById("empty");
const notice = document.getElementById("notice");
const announcements = document.getElementById("announcements");
const form = document.getElementById("add");
const choice = new EventChoice(document.getElementById("events"), ["*"]);
const rows = new Map();

class WebhookRow {
  constructor(id) {
    this.id = id;
    this.node = element("li", "webhook");
    this.line = element("div", "webhook-line");
    this.enabled = element("input");
    this.enabled.type = "checkbox";
    this.enabled.setAttribute("role", "switch");
    this.enabled.addEventListener("change", () => this.toggle());
    const label = element("label", "switch");
    this.word = element("span");
    label.append(this.enabled, " ", this.word);
    this.link = element("a", "file");
    this.link.href = at(`webhooks/${id}`);
    this.test = element("button", "", "Test");
    this.test.type = "button";
    this.test.addEventListener("click", () => this.sendTest());
    this.labels = element("span");
    this.dots = element("span", "dots-place");
    this.last = element("span");
    this.line.append(label, this.link, this.test);
    this.facts = element("div", "webhook-facts");
    this.facts.append(this.labels, this.dots, this.last);
    this.reason = element("p", "message");
    this.answer = element("p", "answer");
    this.answer.setAttribute("role", "status");
    this.answer.hidden = true;
    this.node.append(this.line, this.facts, this.reason, this.answer);
  }

  update(webhook) {
    const key = JSON.stringify(webhook);
    if (key !== this.shown) {
      this.shown = key;
      this.url = webhook.url;
      this.link.textContent = webhook.url;
      this.link.title = webhook.url;
      this.node.dataset.enabled = webhook.enabled;
      this.enabled.checked = webhook.enabled;
      this.enabled.setAttribute("aria-label", `Send to ${webhook.url}`);
      this.test.setAttribute("aria-label", `Test ${webhook.url}`);
      this.word.textContent = webhook.enabled ? "On" : "Off";
      this.labels.replaceChildren(eventLabels(webhook.events));
      this.dots.replaceChildren(strip(webhook.recent_attempts));
      this.dots.hidden = webhook.recent_attempts.length === 0;
      this.reason.textContent = webhook.disabled_reason && !webhook.enabled ? `Switched off: ${webhook.disabled_reason}` : "";
      this.reason.hidden = this.reason.textContent === "";
    }
    this.last.replaceChildren(lastWords(webhook));
  }

  async toggle() {
    try {
      this.update(await ask(`api/webhooks/${this.id}`, { method: "PUT", body: { enabled: this.enabled.checked } }));
      announcements.textContent = `${this.url} is ${this.enabled.checked ? "on" : "off"}.`;
    } catch (error) {
      this.enabled.checked = !this.enabled.checked;
      this.say(words(error), "bad");
    }
  }

  async sendTest() {
    this.test.disabled = true;
    this.say("Sending a test message …");
    try {
      const answer = await ask(`api/webhooks/${this.id}/test`, { method: "POST" });
      this.say(testWords(answer), answer.delivered ? "good" : "bad");
      await refresh();
    } catch (error) {
      this.say(words(error), "bad");
    }
    this.test.disabled = false;
  }

  say(text, result = "") {
    this.answer.textContent = text;
    this.answer.dataset.result = result;
    this.answer.hidden = false;
  }
}

async function refresh() {
  const webhooks = await ask("api/webhooks");
  empty.hidden = webhooks.length > 0;
  for (const [id, row] of rows) {
    if (webhooks.some((webhook) => webhook.id === id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  webhooks.forEach((webhook, index) => {
    let row = rows.get(webhook.id);
    if (!row) {
      row = new WebhookRow(webhook.id);
      rows.set(webhook.id, row);
    }
    row.update(webhook);
    if (list.children[index] !== row.node) list.insertBefore(row.node, list.children[index] ?? null);
  });
  notice.hidden = true;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  showErrors([]);
  try {
    const made = await ask("api/webhooks", { method: "POST", body: { url: form.elements.url.value, events: choice.events } });
    form.reset();
    choice.set(["*"]);
    await refresh();
    showSecret(made.secret);
  } catch (error) {
    if (!(error instanceof Refusal && showErrors(error.fields))) {
      notice.textContent = words(error);
      notice.hidden = false;
    }
  }
  button.disabled = false;
});

async function poll() {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    notice.textContent = words(error);
    notice.hidden = false;
  }
  setTimeout(poll, 3000);
}
poll();
