// The list of imports: asks the API twice a second while something is going on, else less often, and moves rows in place.

import { drawCharts } from "./chart.js";
import { number } from "./format.js";
import { Row, countsSentence, isEnd, keyOf } from "./row.js";
import { ask, at, words } from "./server.js";
import { takeUploads } from "./upload.js";

const list = document.getElementById("imports");
const empty = document.getElementById("empty");
const notice = document.getElementById("notice");
const announcements = document.getElementById("announcements");
const pager = document.getElementById("pager");

const page = Math.max(1, Number.parseInt(new URLSearchParams(location.search).get("page") ?? "1", 10) || 1);
const rows = new Map();
const busyPause = 500;
const quietPause = 1500;
const hiddenPause = 5000;
/** Uploads whose imports are not on the list yet, and until when they are waited for. */
const expected = new Map();

function say(text) {
  notice.textContent = text;
  notice.hidden = text === "";
}

/** Puts rows into the API's order; a row that is in its place already is not moved. */
function arrange(items) {
  const present = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (!present.has(key)) {
      row.node.remove();
      rows.delete(key);
    }
  }
  items.forEach((progress, index) => {
    const key = keyOf(progress);
    const row = rows.get(key) ?? new Row();
    const before = row.progress;
    rows.set(key, row);
    row.update(progress);
    if (list.children[index] !== row.node) list.insertBefore(row.node, list.children[index] ?? null);
    if (before && !isEnd(before) && isEnd(progress)) announce(progress);
  });
}

function announce(progress) {
  announcements.textContent = progress.state === "completed"
    ? `${progress.file} is ${progress.dry_run ? "tried out" : "imported"}: ${countsSentence(progress)}.`
    : `${progress.file} ${progress.state === "failed" ? "failed" : "was cancelled"}: ${progress.error?.message ?? progress.message}`;
}

function turnPages(answer) {
  pager.hidden = answer.pages < 2;
  place(document.getElementById("newer"), answer.page - 1, answer.page > 1);
  place(document.getElementById("older"), answer.page + 1, answer.page < answer.pages);
  document.getElementById("place").textContent =
    `Page ${number(answer.page)} of ${number(answer.pages)}, ${number(answer.total)} imports`;
}

function place(link, target, exists) {
  if (exists) link.href = at(`?page=${target}`);
  else link.removeAttribute("href");
}

let charted = "";

async function refresh() {
  const answer = await ask(`api/imports?page=${page}`);
  arrange(answer.items);
  empty.hidden = answer.total > 0 || answer.degraded === true;
  turnPages(answer);
  const ended = answer.items.filter(isEnd).map((progress) => progress.id).join();
  if (page === 1 && ended !== charted && !answer.degraded) {
    charted = ended;
    drawCharts(document.getElementById("charts")).catch(() => { charted = ""; });
  }
  for (const [id, until] of expected) if (rows.has(id) || Date.now() > until) expected.delete(id);
  say(answer.degraded ? `${answer.reason} What you see comes from the outbox; new files wait until the database is back.` : "");
  return answer.items.every(isEnd) && expected.size === 0 ? quietPause : busyPause;
}

let timer;

async function poll() {
  clearTimeout(timer);
  let pause = quietPause;
  try {
    pause = await refresh();
  } catch (error) {
    say(words(error));
  }
  clearTimeout(timer);
  timer = setTimeout(poll, document.hidden ? hiddenPause : pause);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) rows.forEach((row) => row.updateTime());
});
takeUploads(({ job_id: id }) => {
  if (page === 1) expected.set(id, Date.now() + 10000);
  poll();
});
poll();
