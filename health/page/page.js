// The page, live: one stream of events in, tables and picture out. Everything that is told is set as text, never as HTML.
import { drawPicture } from "./picture.js";
import { fill, humanSeconds, humanSize, mood, span } from "./words.js";

const SILENT_AFTER = 5000;
const HISTORY = 300;
const find = (id) => document.getElementById(id);
let latest = null;
let heard = performance.now();
let points = [];

function tell(status, headline) {
  document.body.dataset.status = status;
  if (find("headline").textContent !== headline) find("headline").textContent = headline;
  document.title = `${find("project").textContent}: ${status}`;
}

function headline(overview) {
  const count = overview.reasons.length;
  if (!count) return "All is well";
  return `${count} thing${count > 1 ? "s" : ""} to look at`;
}

function listed(id, texts) {
  fill(find(id), texts.map((text) => span("li", {}, text)));
}

function rows(id, items, cells) {
  const body = find(id).tBodies[0];
  fill(body, items.map((item) => {
    const [head, ...rest] = cells(item).map((cell) => (cell === null || cell === undefined ? "–" : String(cell)));
    const row = span("tr", {}, span("th", { scope: "row" }, head), ...rest.map((cell) => span("td", {}, cell)));
    if (item.state) row.dataset.mood = mood(item);
    return row;
  }));
}

function tables(overview) {
  rows("nodes", overview.nodes, (n) => [n.name, n.role, n.state, humanSize(n.lag_bytes), humanSeconds(n.lag_seconds), n.sync,
    n.timeline, n.lsn, n.connections, humanSeconds(n.uptime)]);
  rows("pools", overview.pools, (p) => [p.name, p.target.join(", "), p.clients, p.waiting,
    p.servers_active === null ? null : p.servers_active + p.servers_idle, p.size]);
  rows("slots", overview.slots, (s) => [s.name, s.active ? "in use" : "idle", s.wal_status, humanSize(s.retained_bytes)]);
}

function backup(told) {
  find("backup").hidden = !told;
  if (!told) return;
  const ago = told.last_success === null ? "never" : `${humanSeconds(Date.now() / 1000 - told.last_success)} ago`;
  const name = told.last_backup ? ` (${told.last_backup})` : "";
  const archive = told.archive_lag_seconds === null ? "" : ` · WAL archive ${humanSeconds(told.archive_lag_seconds)} behind`;
  fill(find("backup"), [span("b", {}, "Last backup "), `${ago}${name}${archive}`]);
}

function remember(overview) {
  const primary = overview.nodes.find((node) => node.name === overview.primary);
  const lag = Object.fromEntries(overview.nodes.filter((n) => n.wanted_role === "replica").map((n) => [n.name, n.lag_bytes]));
  points.push({ taken: overview.taken, written: primary ? position(primary.lsn) : null, lag, healthy: overview.healthy });
  points = points.slice(-HISTORY);
}

function position(lsn) {
  if (!lsn) return null;
  const [high, low] = lsn.split("/").map((half) => parseInt(half, 16));
  return high * 2 ** 32 + low;
}

function show(overview) {
  latest = overview;
  find("project").textContent = overview.project;
  tell(overview.status, headline(overview));
  listed("reasons", overview.reasons);
  listed("notes", overview.notes);
  tables(overview);
  backup(overview.backup);
  find("picture").hidden = false;
  drawPicture(overview, points);
}

function clock() {
  const silence = performance.now() - heard;
  if (silence > SILENT_AFTER) tell("silent", `No news for ${humanSeconds(silence / 1000)}`);
  if (latest) find("age").textContent = `looked ${humanSeconds(latest.age + silence / 1000)} ago`;
}

function listen() {
  const stream = new EventSource("events");
  stream.addEventListener("history", (event) => { points = JSON.parse(event.data).points; });
  stream.addEventListener("overview", (event) => {
    heard = performance.now();
    const overview = JSON.parse(event.data);
    if (!points.length || points[points.length - 1].taken !== overview.taken) remember(overview);
    show(overview);
  });
  stream.addEventListener("trouble", (event) => {
    heard = performance.now();
    tell("silent", "Nothing is known");
    listed("reasons", [JSON.parse(event.data).detail]);
  });
  // a browser gives up for good when it is refused (too many listen, a secret changed)
  stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000); });
}

setInterval(clock, 500);
addEventListener("resize", () => { if (latest) drawPicture(latest, points); });
listen();
