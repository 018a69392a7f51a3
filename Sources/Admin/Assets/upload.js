// Uploads: the whole page takes a drop, the button a choice. Each file shows how much of it has been sent; then its
// import's row takes over.

import { size } from "./format.js";
import { element } from "./row.js";
import { at } from "./server.js";

const area = document.getElementById("drop");
const input = document.getElementById("file");
const dryRun = document.getElementById("dry-run");
const list = document.getElementById("uploads");

function line(file) {
  const node = element("li", "upload");
  const name = element("span", "file", file.name);
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.ariaLabel = `Sending ${file.name}`;
  const state = element("span", "upload-state", `Sending ${size(file.size)}`);
  const cancel = element("button", "quiet-button", "Cancel");
  cancel.type = "button";
  node.append(name, bar, state, cancel);
  list.append(node);
  return { node, bar, state, cancel };
}

/** fetch cannot tell how much has been sent; XMLHttpRequest can. */
function send(file, { bar, state, cancel }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("dry_run", dryRun.checked ? "true" : "false");
    form.append("file", file);
    request.upload.onprogress = ({ loaded, total }) => {
      bar.value = total > 0 ? loaded / total : 0;
      state.textContent = loaded < total ? `${size(loaded)} of ${size(total)}` : "Storing";
    };
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 202) resolve(answer);
      else reject(new Error(answer.detail ?? `The server answered ${request.status}.`));
    };
    request.onerror = () => reject(new Error("The connection broke off. Send the file again."));
    request.onabort = () => resolve(null);
    cancel.addEventListener("click", () => request.abort());
    request.open("POST", at("upload"));
    request.setRequestHeader("accept", "application/json");
    request.send(form);
  });
}

async function upload(file, accepted) {
  const shown = line(file);
  try {
    const answer = await send(file, shown);
    shown.node.remove();
    if (answer) accepted(answer);
  } catch (error) {
    shown.bar.remove();
    shown.node.classList.add("failed");
    shown.state.textContent = error.message;
    shown.state.setAttribute("role", "alert");
    const close = element("button", "quiet-button", "Close");
    close.type = "button";
    close.addEventListener("click", () => shown.node.remove());
    shown.cancel.replaceWith(close);
  }
}

/** - accepted: called for each upload that the server has taken, with its answer. */
export function takeUploads(accepted) {
  // One after the other: they are imported one after the other, too, in this order.
  let queue = Promise.resolve();
  const take = (files) => {
    for (const file of files) queue = queue.then(() => upload(file, accepted));
  };
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  const hasFiles = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  let depth = 0;
  const shade = (change) => {
    depth = Math.max(0, depth + change);
    area.classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", (event) => { if (hasFiles(event)) shade(1); });
  addEventListener("dragleave", (event) => { if (hasFiles(event)) shade(-1); });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    shade(0);
    take([...event.dataTransfer.files]);
  });
}
