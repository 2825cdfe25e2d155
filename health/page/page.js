// The page, live: one stream of events in, tables and picture out. Texts come with the event (health/page_text.py) and are
// set as text, never as HTML.
import { showAlerts } from "./alerts.js";
import { elapsed, fill, span } from "./elements.js";
import { drawPicture } from "./picture.js";
import { showPools } from "./pools.js";

const SILENT_AFTER = 5000;
const HISTORY = 300;
const find = (id) => document.getElementById(id);
let latest = null;
let received = performance.now();
let points = [];

function announce(status, headline) {
  document.body.dataset.status = status;
  if (find("headline").textContent !== headline) find("headline").textContent = headline;
  document.title = `${find("project").textContent}: ${status}`;
}

function list(id, lines) {
  fill(find(id), lines.map(({ problem, remedy }) => span("li", {}, problem, ...(remedy ? [span("span", { class: "remedy" }, remedy)] : []))));
}

function rows(id, items) {
  const heads = [...find(id).tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  fill(find(id).tBodies[0], items.map(({ cells: [head, ...rest], mood }) => {
    const row = span("tr", {}, span("th", { scope: "row" }, head), ...rest.map((cell, index) => span("td", { "data-head": heads[index] }, cell)));
    row.dataset.mood = mood;
    return row;
  }));
}

function backup(text) {
  find("backup").hidden = !text;
  if (text) fill(find("backup"), [span("b", {}, "Last backup "), text]);
}

function since(text) {
  fill(find("since"), text ? [span("b", {}, "Primary"), ` ${text}`] : []);
}

function remember({ point, rate }) {
  if (points.length && points[points.length - 1].taken === point.taken) return;
  points = [...points, { ...point, rate }].slice(-HISTORY);
}

function show(overview) {
  latest = overview;
  const text = overview.page;
  find("project").textContent = overview.project;
  announce(overview.status, text.headline);
  list("reasons", text.reasons);
  list("notes", text.notes);
  for (const id of ["nodes", "slots"]) rows(id, text[id]);
  showPools(text.pooler, rows);
  showAlerts(text.alerts);
  since(text.primary);
  backup(text.backup);
  find("picture").hidden = false;
  drawPicture(overview, points);
}

function clock() {
  const silence = performance.now() - received;
  if (silence > SILENT_AFTER) announce("silent", `No news for ${elapsed(silence / 1000)}`);
  if (latest) find("age").textContent = `looked ${elapsed(latest.age + silence / 1000)} ago`;
}

function listen() {
  const stream = new EventSource("events");
  stream.addEventListener("history", (event) => {
    const history = JSON.parse(event.data);
    points = history.points.map((point, index) => ({ ...point, rate: history.rates[index] }));
  });
  stream.addEventListener("overview", (event) => {
    received = performance.now();
    const overview = JSON.parse(event.data);
    remember(overview.page);
    show(overview);
  });
  stream.addEventListener("trouble", (event) => {
    received = performance.now();
    announce("silent", "Nothing is known");
    list("reasons", [{ problem: JSON.parse(event.data).detail, remedy: "" }]);
  });
  // a browser gives up for good when it is refused (too many listen, a secret changed)
  stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000); });
}

setInterval(clock, 500);
addEventListener("resize", () => { if (latest) drawPicture(latest, points); });
listen();
