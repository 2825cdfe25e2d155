// What fires. Rows are made anew only when they change: whoever has a button in focus, or text selected, keeps it.
import { fill, span } from "./elements.js";

const COPIED_FOR = 2000;
const find = (id) => document.getElementById(id);
let shown = "";

export function showAlerts(text) {
  find("alerts").hidden = !text;
  const wanted = JSON.stringify(text);
  if (wanted === shown || !text) return;
  shown = wanted;
  const focused = document.activeElement?.dataset?.alert;
  const heads = [...find("alert-rows").tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  fill(find("alert-rows").tBodies[0], text.rows.map((alert) => row(alert, heads)));
  find("alerts-note").textContent = text.note;
  if (focused) [...document.querySelectorAll("button[data-alert]")].find((each) => each.dataset.alert === focused)?.focus();
}

function row({ cells: [head, ...rest], command, runbook, mood, quiet }, heads) {
  const name = runbook ? span("a", { href: runbook, rel: "noreferrer" }, head) : head;
  const values = [...rest.map((cell) => [cell]), command ? toCopy(command, [head, ...rest.slice(0, 3)].join(" ")) : []];
  const cells = values.map((value, index) => span("td", { "data-head": heads[index] }, ...value));
  const made = span("tr", quiet ? { class: "quiet" } : {}, span("th", { scope: "row" }, name), ...cells);
  made.dataset.mood = mood;
  return made;
}

function toCopy(command, alert) {
  const code = span("code", {}, command);
  const button = span("button", { type: "button", class: "copy", "aria-label": `Copy: ${command}` }, "copy");
  button.dataset.alert = alert;
  button.addEventListener("click", () => copy(code, button));
  return [code, " ", button];
}

// Browsers lend the clipboard to pages of this host and over TLS; elsewhere to what is selected.
async function copy(code, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(code.textContent);
    done = true;
  } catch {
    getSelection().selectAllChildren(code);
    done = document.execCommand("copy");
  }
  button.textContent = done ? "copied" : "selected";
  setTimeout(() => { button.textContent = "copy"; }, COPIED_FOR);
}
