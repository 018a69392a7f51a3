// Buttons that send the file of an ended import into the inbox once more: again as it was, or a preview for real.

import { ask, at, refusalWords } from "./server.js";
import { element } from "./row.js";

const place = document.getElementById("repeat");
let shown = "";

function button(text, className, act) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      const { job_id: id } = await act();
      location.href = at(`imports/${id}`);
    } catch (error) {
      made.disabled = false;
      refuse(error);
    }
  });
  return made;
}

let offer = null;

/** Says why it was refused, and offers to go on where that is possible. */
function refuse(error) {
  const notice = place.querySelector(".notice") ?? element("p", "notice");
  notice.replaceChildren(refusalWords(error));
  notice.setAttribute("role", "alert");
  if (offer && error.fields?.some(({ field }) => field === "anyway")) notice.append(" ", offer());
  place.append(notice);
}

/** Shows the buttons that make sense for an import, once. */
export function offerRepeat(progress, isEnd) {
  const key = `${progress.id} ${isEnd} ${progress.files.source}`;
  if (key === shown) return;
  shown = key;
  place.hidden = !isEnd || !progress.files.source;
  if (place.hidden) return;
  const send = (action, body) => () => ask(`api/imports/${progress.id}/${action}`, { method: "POST", body });
  const buttons = [];
  if (progress.dry_run && progress.state === "completed") {
    offer = () => button("Import it all the same", "button", send("apply", { anyway: true }));
    buttons.push(button("Apply: import this file", "button primary", send("apply", {})));
    buttons.push(button("Preview again", "button", send("again", { dry_run: true })));
  } else {
    offer = null;
    buttons.push(button("Import again", "button", send("again", { dry_run: progress.dry_run })));
  }
  place.replaceChildren(...buttons);
}
