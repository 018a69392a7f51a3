// One import as a row. A row is made once and then updated in place: only what changed is touched, so that nothing
// jumps, and focus and selection stay.

import { duration, exact, number, plural, rate, relative, size } from "./format.js";
import { ask, at, refusalWords } from "./server.js";

const words = {
  waiting: "Waiting", queued: "Queued", running: "Running",
  completed: "Completed", failed: "Failed", cancelled: "Cancelled",
};
const stages = { parse: "Reading", dedupe: "Finding duplicates", load: "Loading", finish: "Finishing" };
const parts = ["created", "updated", "unchanged", "duplicates", "rejected"];

export const isEnd = (progress) => ["completed", "failed", "cancelled"].includes(progress.state);

/** What is not claimed yet has no id; its name is its own while it waits. */
export const keyOf = (progress) => progress.id ?? `waiting ${progress.dry_run} ${progress.file}`;

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** A path relative to the outbox as a link; file names may hold anything. */
export const outboxLink = (path) => at(`outbox/${path.split("/").map(encodeURIComponent).join("/")}`);

export function countsSentence(progress) {
  const { rows } = progress;
  const counted = parts.filter((part) => rows[part] > 0).map((part) => `${number(rows[part])} ${part}`);
  return counted.length ? counted.join(", ") : "no rows";
}

export class Row {
  constructor() {
    this.node = element("li", "import");
    const head = element("div", "import-head");
    this.file = element("a", "file");
    this.pill = element("span", "pill");
    this.preview = element("span", "tag", "Preview");
    this.preview.title = "Nothing in the catalogue was changed";
    this.warnings = element("a", "tag attention");
    this.time = element("time", "when");
    this.cancel = element("button", "quiet-button", "Cancel");
    this.cancel.type = "button";
    this.cancel.addEventListener("click", () => this.requestCancel());
    head.append(this.file, this.pill, this.preview, this.warnings, this.time, this.cancel);

    this.message = element("p", "message");
    /** Why the last try to cancel did not succeed. */
    this.refusal = "";
    this.bar = makeBar();
    this.strip = element("div", "strip");
    this.strip.setAttribute("role", "img");
    this.facts = element("p", "import-facts");
    this.counts = element("ul", "counts");
    this.links = element("p", "links");
    const foot = element("div", "import-foot");
    foot.append(this.facts, this.links);
    this.node.append(head, this.message, this.bar.node, this.strip, this.counts, foot);
  }

  update(progress) {
    this.progress = progress;
    this.node.dataset.state = progress.state;
    setText(this.file, progress.file);
    this.file.title = progress.file;
    if (progress.id) this.file.href = at(`imports/${progress.id}`);
    setText(this.pill, words[progress.state] ?? progress.state);
    this.pill.dataset.state = progress.state;
    show(this.preview, progress.dry_run);
    this.updateWarnings();
    show(this.cancel, progress.id !== null && ["queued", "running"].includes(progress.state));
    this.cancel.ariaLabel = `Cancel ${progress.file}`;
    this.updateTime();
    this.updateMessage();
    this.updateBar();
    this.updateCounts();
    setText(this.facts, this.factsText());
    show(this.facts, this.facts.textContent !== "");
    this.updateLinks();
  }

  /** The import ends by itself within a second; until then the button says that it was heard. */
  async requestCancel() {
    this.cancel.disabled = true;
    this.cancel.textContent = "Cancelling";
    this.refusal = "";
    this.updateMessage();
    try {
      await ask(`api/imports/${this.progress.id}/cancel`, { method: "POST" });
    } catch (error) {
      this.cancel.disabled = false;
      this.cancel.textContent = "Cancel";
      this.refusal = `This was not cancelled. ${refusalWords(error)}`;
      this.updateMessage();
    }
  }

  updateTime() {
    const at = this.progress.finished_at ?? this.progress.received_at;
    this.time.dateTime = at;
    setText(this.time, relative(at));
    this.time.title = exact(at);
  }

  /** What looks like damage is no part of the state: the import went well, and somebody should look all the same. */
  updateWarnings() {
    const { id, warnings = [] } = this.progress;
    show(this.warnings, warnings.length > 0);
    setText(this.warnings, plural(warnings.length, "warning"));
    if (id) this.warnings.href = at(`imports/${id}#warnings`);
  }

  /** The reason why it waits or failed, or could not be cancelled; what runs or went well says it in bar and counts. */
  updateMessage() {
    const { state, error, message } = this.progress;
    if (isEnd(this.progress)) this.refusal = "";
    const reason = state === "failed" ? error?.message ?? message
      : ["waiting", "queued", "cancelled"].includes(state) ? message : "";
    const text = this.refusal || reason;
    this.message.role = this.refusal ? "alert" : null;
    setText(this.message, text);
    show(this.message, text !== "");
  }

  updateBar() {
    const { state, stage, percent, message } = this.progress;
    show(this.bar.node, state === "running");
    if (state !== "running") return;
    this.bar.fill.style.width = `${percent}%`;
    setText(this.bar.label, `${stages[stage] ?? stage} · ${percent} %`);
    setText(this.bar.inverse, this.bar.label.textContent);
    this.bar.inverse.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
    this.bar.node.setAttribute("aria-valuenow", percent);
    this.bar.node.setAttribute("aria-valuetext", `${percent} %: ${message}`);
    this.bar.node.title = message;
  }

  /** The strip's parts and the counts below it are the same numbers, and add up to the rows read. */
  updateCounts() {
    const { rows, state } = this.progress;
    const counted = JSON.stringify([state, rows]);
    if (counted === this.counted) return;
    this.counted = counted;
    const shown = parts.filter((part) => rows[part] > 0);
    const total = shown.reduce((sum, part) => sum + rows[part], 0);
    const ended = state === "completed" && total > 0;
    show(this.strip, ended);
    if (ended) {
      this.strip.setAttribute("aria-label", `${plural(rows.read, "row")}: ${countsSentence(this.progress)}`);
      this.strip.replaceChildren(...shown.map((part) => {
        const piece = element("span", "piece");
        piece.dataset.part = part;
        piece.style.flexGrow = rows[part];
        piece.title = `${number(rows[part])} ${part} (${(100 * rows[part] / total).toFixed(1)} %)`;
        return piece;
      }));
    }
    show(this.counts, shown.length > 0);
    this.counts.replaceChildren(...shown.map((part) => {
      const item = element("li");
      item.dataset.part = part;
      item.append(element("b", "", number(rows[part])), ` ${part}`);
      return item;
    }));
  }

  /** Rate and time left while it runs; what there was and how long it took afterwards. */
  factsText() {
    const { state, stage, rows, bytes, percent } = this.progress;
    const { started_at: started, updated_at: updated, finished_at: finished } = this.progress;
    if (state === "running") {
      const seconds = started ? (new Date(updated) - new Date(started)) / 1000 : 0;
      const facts = [];
      if (rows.read > 0) facts.push(`${plural(rows.read, "row")}${bytes.done < bytes.total ? " so far" : ""}`);
      if (seconds > 0.5) {
        facts.push(stage === "parse" ? `${size(bytes.done / seconds)}/s` : rate(rows.read * percent / 100 / seconds, "rows"));
      }
      const left = this.progress.seconds_remaining;
      if (left !== null && left !== undefined) facts.push(`${duration(Math.max(left, 1))} left`);
      return facts.join(" · ");
    }
    if (!isEnd(this.progress) || !finished) return bytes.total > 0 ? size(bytes.total) : "";
    const facts = [];
    if (rows.read > 0) facts.push(`${plural(rows.read, "row")} read`);
    else if (state === "completed") facts.push("A header and no rows");
    if (bytes.total > 0) facts.push(size(bytes.total));
    if (started && state === "completed") facts.push(`in ${duration((new Date(finished) - new Date(started)) / 1000)}`);
    return facts.join(" · ");
  }

  updateLinks() {
    const { id, files } = this.progress;
    const wanted = [
      ["Report", files.report], ["Rejected rows", files.rejects], ["What is wrong with them", files.errors],
      ["Dropped file", files.source], ["progress.json", id && isEnd(this.progress) ? `${id}/progress.json` : null],
    ].filter(([, path]) => path);
    const key = JSON.stringify(wanted);
    if (key === this.linked) return;
    this.linked = key;
    show(this.links, wanted.length > 0);
    this.links.replaceChildren(...wanted.map(([text, path]) => {
      const link = element("a", "", text);
      link.href = outboxLink(path);
      return link;
    }));
  }
}

function makeBar() {
  const node = element("div", "bar");
  node.setAttribute("role", "progressbar");
  node.setAttribute("aria-valuemin", "0");
  node.setAttribute("aria-valuemax", "100");
  node.setAttribute("aria-label", "Progress");
  const fill = element("span", "bar-fill");
  const ticks = Object.keys(stages).map((stage) => {
    const tick = element("span", "bar-tick");
    tick.dataset.stage = stage;
    return tick;
  });
  const label = element("span", "bar-label");
  // The same words once more in the colour that reads on the fill, cut off where the fill ends.
  const inverse = element("span", "bar-label bar-inverse");
  inverse.setAttribute("aria-hidden", "true");
  node.append(fill, ...ticks, label, inverse);
  return { node, fill, label, inverse };
}
