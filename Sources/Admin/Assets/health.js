// The dot at the right of the header: whether the database and the folders are well, and since when not.

import { exact, relative } from "./format.js";
import { element } from "./row.js";
import { at } from "./server.js";

const health = document.getElementById("health");
const word = health.querySelector(".health-word");
const parts = health.querySelector(".health-parts");
const names = { database: "Database", inbox: "Inbox", outbox: "Outbox" };

function part(name, check) {
  const item = element("li");
  item.dataset.status = check.status;
  item.append(element("b", "", names[name] ?? name), check.status === "ok" ? " is well." : `: ${check.reason}`);
  if (check.since) {
    const since = element("time", "when", ` Since ${relative(check.since)}.`);
    since.title = exact(check.since);
    item.append(since);
  }
  return item;
}

function show(status, text, items) {
  health.hidden = false;
  health.dataset.status = status;
  word.textContent = text;
  parts.replaceChildren(...items);
}

async function look() {
  try {
    const response = await fetch(at("ready"), { headers: { accept: "application/json" } });
    // Whoever is not signed in is told nothing, and not led away from what the page says.
    if (response.status === 401) {
      health.hidden = true;
      return;
    }
    const { checks } = await response.json();
    const failed = Object.keys(checks).filter((name) => checks[name].status !== "ok");
    const text = failed.length === 0 ? "All well"
      : failed.length === 1 ? `${names[failed[0]] ?? failed[0]} unwell` : `${failed.length} parts unwell`;
    show(failed.length === 0 ? "ok" : "failed", text, Object.entries(checks).map(([name, check]) => part(name, check)));
  } catch {
    show("failed", "No answer", [element("li", "", "The server does not answer.")]);
  }
}

async function poll() {
  await look();
  setTimeout(poll, 10000);
}
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !health.open) return;
  if (health.contains(document.activeElement)) health.querySelector("summary").focus();
  health.open = false;
});
// Before the log-in nothing is told.
if (!document.querySelector("form.login")) poll();
