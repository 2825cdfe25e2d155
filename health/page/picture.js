// The cluster as a picture: primary and PgBouncer on the left, replicas on the right, and what flows between them.
// On a narrow screen the cards stand in one column and the streams run down its left edge.
import { spark } from "./spark.js";
import { fill, humanSeconds, humanSize, mood, shape, span } from "./words.js";

const find = (id) => document.getElementById(id);
const kept = new Map();

export function drawPicture(overview, points) {
  const primaries = overview.nodes.filter((node) => node.role === "primary");
  const replicas = overview.nodes.filter((node) => node.role !== "primary");
  fill(find("left"), [...primaries.map((node) => primaryCard(node, points)), poolerCard(overview)]);
  fill(find("right"), replicas.map((node) => replicaCard(node, points)));
  drawLinks(overview, primaries, replicas, rate(points));
}

function card(node, kind, ...children) {
  const made = span("article", { class: `card ${kind}`, id: `card-${node.name}` }, ...children);
  made.dataset.mood = mood(node);
  return made;
}

function title(node) {
  const tags = [span("span", { class: `tag is-${node.role}` }, node.role)];
  if (node.role !== node.wanted_role) tags.push(span("span", { class: "tag" }, `should be ${node.wanted_role}`));
  if (node.sync && node.sync !== "async") tags.push(span("span", { class: "tag" }, node.sync));
  if (!node.member) tags.push(span("span", { class: "tag" }, "not a member"));
  return span("h3", {}, node.name, ...tags);
}

function facts(pairs) {
  const items = pairs.filter(([, value]) => value !== null && value !== "–");
  return span("ul", { class: "facts" }, ...items.map(([name, value]) => span("li", {}, `${name} `, span("b", {}, String(value)))));
}

function primaryCard(node, points) {
  const written = spark(rates(points), 64 * 1024, "WAL written, 5 min", (value) => `${humanSize(value)}/s`);
  const known = [["connections", node.connections], ["up", humanSeconds(node.uptime)], ["timeline", node.timeline],
    ["I/O", node.io_method], ["port", node.port]];
  return card(node, "primary", title(node), span("div", { class: "state" }, node.state), facts(known), written);
}

function replicaCard(node, points) {
  const values = points.map((point) => (node.name in point.lag ? point.lag[node.name] : null));
  const known = [["lag", humanSize(node.lag_bytes)], ["behind", humanSeconds(node.lag_seconds)], ["connections", node.connections],
    ["WAL kept", humanSize(node.retained_bytes)], ["up", humanSeconds(node.uptime)], ["port", node.port]];
  return card(node, "replica", title(node), span("div", { class: "state" }, node.state), facts(known),
    spark(values, 1024 * 1024, "lag, 5 min", humanSize));
}

function poolerCard(overview) {
  const silent = overview.pools.every((pool) => pool.clients === null);
  const node = { name: "pgbouncer", healthy: !silent, member: true };
  const state = silent ? "not answering" : "running";
  return card(node, "pooler", span("h3", {}, "PgBouncer"), span("div", { class: "state" }, state),
    span("ul", { class: "pools" }, ...overview.pools.map(poolLine)));
}

function poolLine(pool) {
  const busy = (pool.servers_active ?? 0) + (pool.servers_idle ?? 0);
  const bar = span("i", {});
  bar.style.width = `${Math.min(100, (100 * busy) / (pool.size || 1))}%`;
  const waiting = pool.waiting ? ` · ${pool.waiting} wait` : "";
  const told = pool.clients === null ? "–" : `${pool.clients} client${pool.clients === 1 ? "" : "s"}${waiting}${pool.paused ? " · paused" : ""}`;
  const line = span("li", {}, span("span", { class: "name" }, `${pool.name} → ${aim(pool)}`), span("span", { class: "count" }, told),
    span("span", { class: "bar" }, bar));
  if (pool.waiting || pool.paused) line.dataset.mood = "bad";
  return line;
}

function aim(pool) {
  return pool.target.length > 1 ? `${pool.target.length} replicas` : pool.target[0];
}

// Bytes of WAL a second between neighbouring looks.
function rates(points) {
  return points.slice(1).map((point, index) => {
    const before = points[index];
    if (point.written === null || before.written === null) return null;
    return Math.max(0, (point.written - before.written) / Math.max(0.1, point.taken - before.taken));
  });
}

function rate(points) {
  const latest = rates(points).slice(-3).filter((value) => value !== null);
  return latest.length ? latest.reduce((sum, value) => sum + value, 0) / latest.length : 0;
}

function drawLinks(overview, primaries, replicas, written) {
  const drawn = new Set();
  const narrow = matchMedia("(max-width: 760px)").matches;
  const pooler = box("pgbouncer");
  for (const primary of primaries) {
    link(drawn, `writes-${primary.name}`, upward(pooler, box(primary.name)), `writes${primary.healthy ? "" : " cut"}`);
  }
  const source = primaries.find((node) => node.name === overview.primary);
  replicas.forEach((node, index) => {
    const [from, to] = [source && box(source.name), box(node.name)];
    if (from) stream(drawn, node, narrow ? rail(from, to, 8, 0.3) : across(from, to, share(index, replicas.length), 0.34), written, narrow);
    const read = overview.pools.some((pool) => pool.target.includes(node.name) && !pool.paused);
    const path = narrow ? rail(pooler, to, 18, 0.7) : across(pooler, to, share(index, replicas.length), 0.74);
    if (read) link(drawn, `reads-${node.name}`, path, `reads${node.state === "not answering" ? " cut" : ""}`);
  });
  sweep(drawn);
}

function stream(drawn, node, path, written, narrow) {
  const flows = node.state === "streaming";
  link(drawn, `under-${node.name}`, path, flows ? "wal under" : "wal cut", mood(node));
  if (flows) link(drawn, `wal-${node.name}`, path, "wal moving", mood(node), written);
  if (!narrow) label(drawn, node, path);
}

function link(drawn, key, path, kind, feeling = "well", written = 0) {
  const line = kept.get(key) ?? shape("path", {});
  if (!kept.has(key)) find("links").append(line);
  kept.set(key, line);
  drawn.add(key);
  line.setAttribute("d", path.d);
  line.setAttribute("class", kind);
  line.dataset.mood = feeling;
  // three speeds only: a change of speed makes the dots jump
  line.style.animationDuration = written > 8 << 20 ? "0.35s" : written > 64 << 10 ? "0.9s" : "2.4s";
}

function label(drawn, node, path) {
  const key = `label-${node.name}`;
  const text = kept.get(key) ?? shape("text", { "text-anchor": "end" });
  find("links").append(text);
  kept.set(key, text);
  drawn.add(key);
  text.setAttribute("x", path.end.x - 12);
  // on the side of the curve where the curve is not
  text.setAttribute("y", path.end.y + (path.begin.y < path.end.y ? 19 : -9));
  text.setAttribute("class", node.state === "streaming" ? "" : "bad");
  text.textContent = node.state === "streaming" ? humanSize(node.lag_bytes) : "no stream";
}

function sweep(drawn) {
  for (const [key, element] of kept) {
    if (drawn.has(key)) continue;
    element.remove();
    kept.delete(key);
  }
}

function box(name) {
  const [all, one] = [find("picture").getBoundingClientRect(), find(`card-${name}`).getBoundingClientRect()];
  return { left: one.left - all.left, right: one.right - all.left, top: one.top - all.top, bottom: one.bottom - all.top, height: one.height };
}

// Where on its source's edge the link of one of several begins.
function share(index, count) {
  return (index + 1) / (count + 1);
}

function across(from, to, begin, end) {
  const [x1, y1, x2, y2] = [from.right, from.top + from.height * begin, to.left, to.top + to.height * end];
  const bend = (x2 - x1) * 0.55;
  return { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, begin: { y: y1 }, end: { x: x2, y: y2 } };
}

function rail(from, to, x, at) {
  const [y1, y2, turn] = [from.top + Math.min(30, from.height / 2), to.top + to.height * at, 14];
  return {
    d: `M${from.left} ${y1}Q${x} ${y1} ${x} ${y1 + turn}V${y2 - turn}Q${x} ${y2} ${to.left} ${y2}`,
    begin: { y: y1 },
    end: { x: to.left, y: y2 },
  };
}

function upward(from, to) {
  const x = (from.left + from.right) / 2;
  return { d: `M${x} ${from.top}V${to.bottom}`, begin: { y: from.top }, end: { x, y: to.bottom } };
}
