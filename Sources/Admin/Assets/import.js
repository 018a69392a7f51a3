// One import: its row, kept up to date until it has ended, the facts that the list has no room for, and its rejects.

import { duration, exact, number, plural, size } from "./format.js";
import { readRejects } from "./rejects.js";
import { offerRepeat } from "./repeat.js";
import { Row, countsSentence, element, isEnd, outboxLink } from "./row.js";
import { ask, at, words } from "./server.js";

const find = (id) => document.getElementById(id);
const list = find("import");
const { id } = list.dataset;
const row = new Row();
list.append(row.node);

const delimiters = { ",": "comma", ";": "semicolon", "|": "bar", "\t": "tab" };
const plans = {
  copy: "Into an empty catalogue", scan: "Compared with the whole catalogue", probe: "Compared with these products only",
};
const effects = {
  false: ["What it changed", "Created", "Updated", "Unchanged"],
  true: ["What an import would do", "Would be created", "Would be updated", "Would stay as they are"],
};
const stages = { parse: "Reading", dedupe: "Finding duplicates", load: "Loading", finish: "Finishing" };

function table(title, pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (shown.length === 0) return [];
  const section = element("section");
  const values = element("dl");
  for (const [name, value] of shown) values.append(element("dt", "", name), element("dd", "", value));
  section.append(element("h2", "", title), values);
  return [section];
}

/** Each stage's share of the time, as bars with their numbers beside them. */
function stageTimes(progress) {
  const seconds = progress.plan?.seconds;
  const shown = Object.keys(stages).filter((stage) => seconds?.[stage] !== undefined);
  if (shown.length === 0) return [];
  const longest = Math.max(...shown.map((stage) => seconds[stage]), 0.001);
  const section = element("section");
  const chart = element("dl", "times");
  for (const stage of shown) {
    const value = element("dd");
    const bar = element("span", "time-bar");
    bar.style.width = `${Math.max(1, 60 * seconds[stage] / longest)}%`;
    value.append(bar, element("span", "", duration(seconds[stage])));
    chart.append(element("dt", "", stages[stage]), value);
  }
  section.append(element("h2", "", "Time by stage"), chart);
  return [section];
}

function renderFacts(progress) {
  const { format, plan, bytes, rows } = progress;
  const time = (value) => (value ? exact(value) : null);
  const [effect, created, updated, unchanged] = effects[progress.dry_run];
  const said = progress.sentence ?? "";
  find("sentence").textContent = said;
  find("sentence").hidden = said === "";
  find("facts").replaceChildren(
    ...table("How it was read", [
      ["Size", bytes.total >= 1000 ? `${size(bytes.total)} (${number(bytes.total)} bytes)` : size(bytes.total)],
      ["Encoding", format?.encoding], ["Separator", delimiters[format?.delimiter] ?? format?.delimiter],
      ["Columns", format ? Object.entries(format.columns).map(([known, as]) => (known === as ? known : `${as} as ${known}`)).join(", ") : null],
      ["Ignored columns", format?.ignored_columns.join(", ")], ["Rows", number(rows.read)], ["SHA-256", progress.sha256],
    ]),
    ...table(effect, isEnd(progress) ? [
      [created, number(rows.created)], [updated, number(rows.updated)], [unchanged, number(rows.unchanged)],
      ["Duplicates", number(rows.duplicates)], ["Rejected", number(rows.rejected)], ["How", plans[plan?.name]],
    ] : []),
    ...stageTimes(progress),
    ...table("Import", [
      ["ID", progress.id], ["Received", time(progress.received_at)], ["Started", time(progress.started_at)],
      ["Finished", time(progress.finished_at)],
    ]),
  );
}

/** What looks like damage, with the first lines. */
function renderWarnings(progress) {
  const warnings = progress.warnings ?? [];
  const isNew = find("warnings").hidden && warnings.length > 0;
  find("warnings").hidden = warnings.length === 0;
  if (isNew && location.hash === "#warnings") find("warnings").scrollIntoView();
  find("warning-list").replaceChildren(...warnings.map(({ message, count, lines }) => {
    const item = element("li", "notice", message);
    if (lines.length > 0) {
      const rest = count > lines.length ? ` and ${number(count - lines.length)} more` : "";
      item.append(element("span", "lead", ` ${lines.length === 1 && !rest ? "Line" : "Lines"} ${lines.map(number).join(", ")}${rest}.`));
    }
    return item;
  }));
}

/** Mended rejects and the import that rejected them lead to each other. */
function renderRepair(progress) {
  const { repairs, repaired_by: repairedBy = [], open_rejects: open } = progress;
  const link = (to, text) => {
    const made = element("a", "", text);
    made.href = at(`imports/${to}`);
    return made;
  };
  const said = [];
  if (repairs) said.push(["This file repairs rejected rows of ", link(repairs, "an earlier import"), "."]);
  if (repairedBy.length > 0) {
    const links = repairedBy.flatMap(({ id: by, file }, index) => [index > 0 ? ", " : "", link(by, file)]);
    const rest = open === 0 ? "Nothing is open." : `${plural(open, "row")} of ${number(progress.rows.rejected)} still open.`;
    said.push(["Rejected rows came back in ", ...links, `. ${rest}`]);
  }
  find("repair").hidden = said.length === 0;
  find("repair").replaceChildren(...said.map((words) => {
    const line = element("p");
    line.append(...words);
    return line;
  }));
}

/** What to do with the rejected rows as a whole. */
function rejectsAdvice(progress) {
  if (progress.open_rejects === 0) return "They have been repaired since.";
  if (progress.state === "failed") return "Mend the whole file and drop that again: none of its rows was applied.";
  return progress.dry_run
    ? "Nothing of this file has been imported yet. Mend these rows in the file itself, or import it first and then mend the rejects of that import."
    : "";
}

/**
 * A value is empty only where a cell is: what is wrong with a whole row has no value but the row's beginning. What has
 * been repaired needs no advice.
 */
function rejectedCells({ line, column, code, message, value }, isRepaired) {
  const text = code === "field_count" ? plural(Number(value), "cell") : value || (column ? "empty" : "–");
  return [
    ["Line", number(Number(line)), "number"], ["Column", column || "The whole row", ""],
    ["Value", text, value ? "file" : "lead"], ...(isRepaired ? [] : [["What to do", message, ""]]),
  ];
}

let hasRejects = false;

async function renderRejects(progress) {
  if (hasRejects || !progress.files.errors) return;
  hasRejects = true;
  const { rows, isWhole } = await readRejects(outboxLink(progress.files.errors));
  if (rows.length === 0) return;
  const isRepaired = progress.open_rejects === 0;
  find("reject-to-do").hidden = isRepaired;
  find("reject-rows").replaceChildren(...rows.map((row) => {
    const made = element("tr");
    for (const [label, text, className] of rejectedCells(row, isRepaired)) {
      const cell = element("td", className, text);
      cell.dataset.label = label;
      made.append(cell);
    }
    return made;
  }));
  find("reject-count").textContent = isWhole ? plural(rows.length, "row")
    : `The first ${number(rows.length)} of ${number(progress.rows.rejected)}`;
  find("reject-advice").textContent = rejectsAdvice(progress);
  find("reject-download").href = outboxLink(progress.files.rejects ?? progress.files.errors);
  find("rejects").hidden = false;
}

function show(progress) {
  const before = row.progress;
  row.update(progress);
  renderFacts(progress);
  renderWarnings(progress);
  renderRepair(progress);
  offerRepeat(progress, isEnd(progress));
  renderRejects(progress).catch(() => { hasRejects = false; });
  say("");
  if (before && !isEnd(before) && isEnd(progress)) {
    find("announcements").textContent = `The import has ended: ${countsSentence(progress)}.`;
  }
}

function say(text) {
  find("notice").textContent = text;
  find("notice").hidden = text === "";
}

function follow() {
  const source = new EventSource(at(`api/imports/${id}/events`));
  source.onmessage = (event) => {
    const progress = JSON.parse(event.data);
    if (!isEnd(progress)) return show(progress);
    source.close();
    begin();
  };
  source.onerror = () => {
    say("The server does not answer. What you see may be old; trying again.");
    // The browser tries again by itself unless the server refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(begin, 2000);
  };
}

async function begin() {
  try {
    const progress = await ask(`api/imports/${id}`);
    show(progress);
    if (!isEnd(progress)) follow();
  } catch (error) {
    say(words(error));
    setTimeout(begin, 2000);
  }
}

setInterval(() => { if (row.progress) row.updateTime(); }, 10000);
begin();
