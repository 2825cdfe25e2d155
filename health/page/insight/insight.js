// The insight page: asks for the report and shows it. What is in it is others' text, and is only ever set as text.
import { fill, span } from "../elements.js";
import { amount, change, count, moment, seconds } from "./figures.js";

const TITLES = { time: "Time", io: "Reading and writing", wal: "WAL", temp: "Temporary files", rows: "Rows" };
const MARKS = { bad: "hurts", warn: "costs", note: "suspicion" };
const HEADS = { seconds: "time", bytes: "bytes", rows: "rows" };
const DEEPEST = 3;
const find = (id) => document.getElementById(id);
let asked = 0;

function chosen() {
  const given = new URLSearchParams(location.search);
  return { since: given.get("since") || "1h", database: given.get("database") || "" };
}

function choose(values) {
  const query = new URLSearchParams({ ...chosen(), ...values });
  history.replaceState(null, "", `?${query}`);
  refresh();
}

async function refresh() {
  const mine = ++asked;
  const { since, database } = chosen();
  const query = new URLSearchParams({ since, database });
  for (const button of find("spans").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === since));
  }
  if (![...find("database").options].some((each) => each.value === database)) {
    find("database").append(span("option", { value: database }, database));
  }
  find("database").value = database;
  find("json").href = `insight/report?${query}`;
  document.body.dataset.busy = "";
  const found = await report(query);
  if (mine !== asked) return;
  delete document.body.dataset.busy;
  if (found.problem) refuse(found.problem);
  else show(found);
}

async function report(query) {
  try {
    const response = await fetch(`insight/report?${query}`, { cache: "no-store" });
    const body = await response.json();
    return response.ok ? body : { problem: body.detail || `the service answers with ${response.status}` };
  } catch {
    return { problem: "the health service does not answer" };
  }
}

function refuse(problem) {
  document.body.dataset.status = "silent";
  find("headline").textContent = problem;
}

function show(report) {
  const hurts = report.findings.some((each) => each.severity === "bad");
  document.body.dataset.status = hurts ? "degraded" : Object.keys(report.unread).length ? "silent" : "well";
  find("headline").textContent = report.headline;
  find("age").textContent = `as of ${moment(report.until)}`;
  const compared = report.compared_since === null ? "" : ", compared with as much time before";
  find("span").textContent = `Statements of ${seconds(report.until - report.since)}, since ${moment(report.since)}${compared}`;
  const unread = Object.entries(report.unread).map(([name, why]) => `${name} could not be read: ${why}`);
  fill(find("notes"), [...report.notes, ...unread].map((each) => span("li", {}, each)));
  fill(find("findings"), report.findings.map(finding));
  list("waits", report.waits.map(wait));
  list("blocking", report.blocking.map(blocked));
  fill(find("statements"), report.statements.flatMap(table));
}

function list(id, items) {
  find(id).hidden = !items.length;
  fill(find(id).querySelector("ul"), items);
}

function finding(each) {
  const where = [each.database, each.node].filter(Boolean).join(", ");
  const subject = each.problem.includes(each.subject) ? "" : `${each.subject}: `;
  const title = span("h3", {}, span("span", {}, subject + each.problem), span("span", { class: "tag" }, where || "cluster"));
  const parts = [title, span("p", { class: "evidence" }, each.evidence)];
  if (each.remedy) parts.push(span("div", { class: "run" }, span("pre", {}, each.remedy), copier(each.remedy)));
  const more = [["risk", each.risk], ["undo", each.undo]].filter(([, text]) => text);
  if (more.length) parts.push(span("dl", {}, ...more.flatMap(([head, text]) => [span("dt", {}, head), span("dd", {}, text)])));
  return span("article", { class: "card finding", "data-severity": each.severity, "aria-label": MARKS[each.severity] }, ...parts);
}

function copier(text) {
  const button = span("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text, button)) ? "Copied" : "Select it";
  });
  return button;
}

// Over plain HTTP from another host browsers keep the clipboard to themselves; a selection works everywhere.
async function copied(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
    return document.execCommand("copy");
  }
}

function wait(each) {
  const where = [each.node, each.database].filter(Boolean).join(", ");
  const sessions = each.sessions === 1 ? "1 session" : `${count(each.sessions)} sessions`;
  return span("li", {}, span("b", {}, each.event), ` ${sessions}, longest ${seconds(each.longest_seconds)} (${where})`);
}

function blocked(each) {
  const lock = each.depth && each.lock ? `, waits for ${each.lock}` : "";
  const who = `${each.pid} ${each.role}@${each.database} ${each.state} ${seconds(each.seconds)}${lock} (${each.node}) `;
  return span("li", { "data-depth": Math.min(each.depth, DEEPEST) }, who, span("code", {}, each.query));
}

function table(each) {
  const heads = ["share", HEADS[each.unit], "calls", "each", "change", "nodes", "statement"];
  const head = span("div", { class: "heads", "aria-hidden": "true" }, ...heads.map((name) => span("span", {}, name)));
  const rows = each.rows.map((row) => statement(row, each.unit));
  return [span("h2", {}, TITLES[each.measure]), span("div", { class: "card statements", "data-measure": each.measure }, head, ...rows)];
}

function statement(row, unit) {
  const nodes = Object.entries(row.nodes).filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const bar = span("i", {});
  bar.style.width = `${Math.max(row.share * 100, 1)}%`;
  const text = row.text || "(the server has dropped its text)";
  const summary = span(
    "summary",
    {},
    span("span", { class: "share" }, span("b", {}, row.share < 0.005 ? "<1%" : `${Math.round(row.share * 100)}%`), span("span", { class: "bar" }, bar)),
    span("span", { "data-head": HEADS[unit] }, amount(row.value, unit)),
    span("span", { "data-head": "calls" }, count(row.calls)),
    span("span", { "data-head": "each" }, amount(row.value / Math.max(row.calls, 1), unit)),
    span("span", { "data-head": "change", "data-change": row.change }, change(row) || "–"),
    span("span", { "data-head": "nodes" }, nodes.join(", ")),
    span("span", { class: "text" }, text.slice(0, 300)),
  );
  const details = span("details", { class: "statement" }, summary);
  details.addEventListener("toggle", () => details.childElementCount === 1 && details.append(whole(row, unit, text)), { once: true });
  return details;
}

function whole(row, unit, text) {
  const parts = Object.entries(row.nodes).map(([name, value]) => `${name} ${amount(value, unit)}`).join(", ");
  const facts = `${row.role || "–"}@${row.database || "–"} · queryid ${row.id} · ${count(row.rows)} rows · mean ${seconds(row.mean_seconds)} · ${parts}`;
  return span("div", { class: "whole" }, span("p", {}, facts), span("pre", {}, text));
}

find("spans").addEventListener("click", (event) => event.target.value && choose({ since: event.target.value }));
find("database").addEventListener("change", (event) => choose({ database: event.target.value }));
find("refresh").addEventListener("click", refresh);
find("choices").addEventListener("submit", (event) => event.preventDefault());
refresh();
