// One webhook: its state, a picture of its last attempts, its deliveries, and what can be changed.

import { EventChoice, chart, eventLabels, lastWords, showErrors, showSecret, testWords } from "./attempts.js";
import { DeliveryList, countWords } from "./deliveries.js";
import { exact, number, plural, relative } from "./format.js";
import { Refusal, ask, at, words } from "./server.js";

const byID = (id) => document.getElementById(id);
const { id } = byID("webhook").dataset;
const path = `api/webhooks/${id}`;
const notice = byID("notice");
const edit = byID("edit");
const choice = new EventChoice(byID("events"), []);
const deliveries = new DeliveryList(byID("deliveries"), () => refresh());
let page = 1;
let webhook;

// MARK: What it is

function renderBanner() {
  const banner = byID("health-banner");
  let text = "";
  if (!webhook.enabled) {
    text = webhook.disabled_reason
      ? `This webhook was switched off: ${webhook.disabled_reason}` : "This webhook is off. Nothing is sent to it.";
  } else if (webhook.failures > 0) {
    const first = webhook.failing_since ? `, the first of them ${relative(webhook.failing_since)}` : "";
    text = `${plural(webhook.failures, "attempt")} failed in a row${first}. Messages are sent again; after five days without success the webhook is switched off.`;
  }
  banner.textContent = text;
  banner.hidden = text === "";
}

function renderPicture() {
  const attempts = webhook.recent_attempts;
  byID("picture").hidden = attempts.length === 0;
  if (attempts.length === 0) return;
  const good = attempts.filter((attempt) => !attempt.error);
  const times = attempts.map((attempt) => attempt.response_time_ms).filter((time) => time !== null).sort((a, b) => a - b);
  const median = times.length ? `, half of the answers within ${number(times[Math.floor((times.length - 1) / 2)])} ms` : "";
  byID("picture-words").textContent = `${number(good.length)} of ${number(attempts.length)} accepted${median}. Oldest at the left.`;
  byID("picture-chart").replaceChildren(chart(attempts));
}

function render(fresh) {
  const first = !webhook;
  const changed = JSON.stringify(fresh) !== JSON.stringify(webhook);
  webhook = fresh;
  byID("last").replaceWith(Object.assign(lastWords(webhook), { id: "last" }));
  renderBanner();
  if (!changed) return;
  byID("title").textContent = webhook.url;
  byID("enabled").checked = webhook.enabled;
  byID("enabled-word").textContent = webhook.enabled ? "On" : "Off";
  byID("labels").replaceWith(Object.assign(eventLabels(webhook.events), { id: "labels" }));
  if (webhook.previous_secret_until) {
    byID("secret-words").textContent = `Until ${exact(webhook.previous_secret_until)} messages are signed with the previous secret as well.`;
  }
  renderPicture();
  if (!first) return;
  edit.elements.url.value = webhook.url;
  choice.set(webhook.events);
}

// MARK: Its deliveries

function renderPage(answer) {
  const state = byID("state").value;
  deliveries.update(answer.items);
  const none = byID("no-deliveries");
  none.hidden = answer.total > 0;
  none.textContent = state ? "None of these." : "Nothing yet. Send a test, or wait for the next event.";
  byID("pager").hidden = answer.pages < 2;
  byID("place").textContent = `${number(answer.page)} of ${number(answer.pages)}, ${countWords(answer.total)}`;
  byID("newer").disabled = answer.page <= 1;
  byID("older").disabled = answer.page >= answer.pages;
}

async function refresh() {
  const state = byID("state").value;
  const query = `page=${page}&per_page=20${state ? `&state=${state}` : ""}`;
  const [fresh, log] = await Promise.all([ask(path), ask(`${path}/deliveries?${query}`)]);
  render(fresh);
  renderPage(log);
  notice.hidden = true;
}

function turn(to) {
  page = to;
  refresh().catch(fail);
}

function fail(error) {
  notice.textContent = words(error);
  notice.hidden = false;
}

byID("newer").addEventListener("click", () => turn(page - 1));
byID("older").addEventListener("click", () => turn(page + 1));
byID("state").addEventListener("change", () => turn(1));

// MARK: What can be done

byID("enabled").addEventListener("change", async (event) => {
  try {
    render(await ask(path, { method: "PUT", body: { enabled: event.target.checked } }));
    await refresh();
  } catch (error) {
    event.target.checked = !event.target.checked;
    fail(error);
  }
});

byID("test").addEventListener("click", async (event) => {
  const answer = byID("test-answer");
  event.target.disabled = true;
  answer.hidden = false;
  answer.dataset.result = "";
  answer.textContent = "Sending a test message …";
  try {
    const result = await ask(`${path}/test`, { method: "POST" });
    answer.textContent = testWords(result);
    answer.dataset.result = result.delivered ? "good" : "bad";
    await refresh();
  } catch (error) {
    answer.textContent = words(error);
    answer.dataset.result = "bad";
  }
  event.target.disabled = false;
});

edit.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = byID("edit-answer");
  answer.textContent = "";
  showErrors([]);
  try {
    render(await ask(path, { method: "PUT", body: { url: edit.elements.url.value, events: choice.events } }));
    choice.set(webhook.events);
    answer.textContent = "Saved.";
  } catch (error) {
    if (!(error instanceof Refusal && showErrors(error.fields))) fail(error);
  }
});

byID("rotate").addEventListener("click", async () => {
  try {
    const fresh = await ask(`${path}/secret`, { method: "POST" });
    showSecret(fresh.secret);
    await refresh();
  } catch (error) {
    fail(error);
  }
});

// Asked twice on the button itself: the second click within some seconds deletes.
byID("delete").addEventListener("click", async (event) => {
  const button = event.target;
  if (!button.dataset.sure) {
    button.dataset.sure = "yes";
    button.textContent = "Click once more to delete it";
    setTimeout(() => {
      delete button.dataset.sure;
      button.textContent = "Delete this webhook";
    }, 5000);
    return;
  }
  try {
    await ask(path, { method: "DELETE" });
    location.href = at("webhooks");
  } catch (error) {
    fail(error);
  }
});

/** A local time as its input wants it. */
const local = (date) => new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
byID("since").value = local(new Date(Date.now() - 86400000));

byID("resend").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = byID("resend-answer");
  try {
    const since = new Date(byID("since").value).toISOString();
    const { deliveries: count } = await ask(`${path}/resend`, { method: "POST", body: { since } });
    answer.textContent = count === 0 ? "None has failed since then." : `${countWords(count)} will be sent again.`;
    await refresh();
  } catch (error) {
    answer.textContent = error instanceof RangeError ? "Choose a date and a time." : words(error);
  }
});

async function poll() {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    fail(error);
  }
  setTimeout(poll, 3000);
}
poll();
