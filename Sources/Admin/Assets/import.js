// One import: its row, kept up to date until it has ended, and the facts that the list has no room for.

import { duration, exact, number, size } from "./format.js";
import { Row, countsSentence, element, isEnd } from "./row.js";
import { ask, words } from "./server.js";

const list = document.getElementById("import");
const facts = document.getElementById("facts");
const notice = document.getElementById("notice");
const row = new Row();
list.append(row.node);

const delimiters = { ",": "comma", ";": "semicolon", "|": "bar" };

function table(title, pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (shown.length === 0) return [];
  const section = element("section");
  const values = element("dl");
  for (const [name, value] of shown) values.append(element("dt", "", name), element("dd", "", value));
  section.append(element("h2", "", title), values);
  return [section];
}

function render(progress) {
  const { format, plan, bytes, rows } = progress;
  const time = (value) => (value ? exact(value) : null);
  facts.replaceChildren(
    ...table("File", [
      ["Size", bytes.total > 0 ? `${size(bytes.total)} (${number(bytes.total)} bytes)` : null],
      ["Encoding", format?.encoding], ["Separator", delimiters[format?.delimiter] ?? format?.delimiter],
      ["Columns", format ? Object.entries(format.columns).map(([known, as]) => (known === as ? known : `${as} as ${known}`)).join(", ") : null],
      ["Ignored columns", format?.ignored_columns.join(", ")], ["SHA-256", progress.sha256],
    ]),
    ...table("Time", [
      ["Received", time(progress.received_at)], ["Started", time(progress.started_at)], ["Finished", time(progress.finished_at)],
      ...["parse", "dedupe", "load", "finish"].map((stage) => [
        { parse: "Reading", dedupe: "Finding duplicates", load: "Loading", finish: "Finishing" }[stage],
        plan?.seconds?.[stage] === undefined ? null : duration(plan.seconds[stage]),
      ]),
    ]),
    ...table("Import", [
      ["ID", progress.id], ["Rows read", number(rows.read)], ["How it was loaded", plan?.reason],
    ]),
  );
}

async function refresh() {
  const answer = await ask(`api/imports/${list.dataset.id}`);
  const before = row.progress;
  row.update(answer);
  render(answer);
  notice.hidden = true;
  if (before && !isEnd(before) && isEnd(answer)) {
    document.getElementById("announcements").textContent = `The import has ended: ${countsSentence(answer)}.`;
  }
  return answer;
}

async function poll() {
  try {
    // What has ended stays; only its relative time goes on.
    if (isEnd(await refresh())) return setInterval(() => row.updateTime(), 10000);
  } catch (error) {
    notice.textContent = words(error);
    notice.hidden = false;
  }
  setTimeout(poll, 1000);
}
poll();
