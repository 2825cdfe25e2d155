// The cluster as a picture: primary and PgBouncer on the left, replicas on the right, and what flows between them.
// On a narrow screen the cards stand in one column and the streams run down its left edge.
import { fill, shape, span } from "./elements.js";
import { spark } from "./spark.js";

const find = (id) => document.getElementById(id);
const kept = new Map();

export function drawPicture(overview, points) {
  const cards = new Map(overview.page.cards.map((card) => [card.name, card]));
  const nodes = overview.nodes.map((node) => ({ ...node, card: cards.get(node.name) }));
  const primaries = nodes.filter((node) => node.role === "primary");
  const replicas = nodes.filter((node) => node.role !== "primary");
  fill(find("left"), [...primaries.map((node) => primaryCard(node, points)), poolerCard(overview.page.pooler)]);
  fill(find("right"), replicas.map((node) => replicaCard(node, points)));
  drawLinks(overview, primaries, replicas, rate(points));
}

function nodeCard(node, values, floor) {
  const { name, mood, state, tags, facts, curve } = node.card;
  const labels = [span("span", { class: `tag is-${node.role}` }, node.role), ...tags.map((tag) => span("span", { class: "tag" }, tag))];
  const items = facts.map(([label, value]) => span("li", {}, `${label} `, span("b", {}, value)));
  const made = span("article", { class: `card ${node.role}`, id: `card-${name}` }, span("h3", {}, name, ...labels),
    span("div", { class: "state" }, state), span("ul", { class: "facts" }, ...items), spark(values, floor, curve));
  made.dataset.mood = mood;
  return made;
}

function primaryCard(node, points) {
  return nodeCard(node, points.slice(1).map((point) => point.rate), 64 * 1024);
}

function replicaCard(node, points) {
  return nodeCard(node, points.map((point) => point.lag[node.name] ?? null), 1024 * 1024);
}

function poolerCard(text) {
  const made = span("article", { class: "card pooler", id: "card-pgbouncer" }, span("h3", {}, "PgBouncer"),
    span("div", { class: "state" }, text.state), span("ul", { class: "pools" }, ...text.lines.map(poolLine)));
  if (text.more_lines) made.append(span("div", { class: "more" }, text.more_lines));
  made.dataset.mood = text.mood;
  return made;
}

function poolLine(pool) {
  const bar = span("i", {});
  bar.style.width = `${100 * pool.used}%`;
  const line = span("li", {}, span("span", { class: "name" }, pool.title), span("span", { class: "count" }, pool.clients),
    span("span", { class: "bar" }, bar));
  line.dataset.mood = pool.mood;
  return line;
}

// Bytes of WAL a second, lately.
function rate(points) {
  const latest = points.slice(-3).map((point) => point.rate).filter((value) => value !== null);
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
    const path = narrow ? rail(pooler, to, 18, 0.7) : across(pooler, to, share(index, replicas.length), 0.74);
    if (node.card.reads) link(drawn, `reads-${node.name}`, path, `reads${node.state === "not answering" ? " cut" : ""}`);
  });
  sweep(drawn);
}

function stream(drawn, node, path, written, narrow) {
  const flows = node.state === "streaming";
  link(drawn, `under-${node.name}`, path, flows ? "wal under" : "wal cut", node.card.mood);
  if (flows) link(drawn, `wal-${node.name}`, path, "wal moving", node.card.mood, written);
  if (!narrow) label(drawn, node, path);
}

function link(drawn, key, path, kind, mood = "well", written = 0) {
  const line = kept.get(key) ?? shape("path", {});
  if (!kept.has(key)) find("links").append(line);
  kept.set(key, line);
  drawn.add(key);
  line.setAttribute("d", path.d);
  line.setAttribute("class", kind);
  line.dataset.mood = mood;
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
  text.textContent = node.card.lag;
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
  const [y1, y2, bend] = [from.top + Math.min(30, from.height / 2), to.top + to.height * at, 14];
  return {
    d: `M${from.left} ${y1}Q${x} ${y1} ${x} ${y1 + bend}V${y2 - bend}Q${x} ${y2} ${to.left} ${y2}`,
    begin: { y: y1 },
    end: { x: to.left, y: y2 },
  };
}

function upward(from, to) {
  const x = (from.left + from.right) / 2;
  return { d: `M${x} ${from.top}V${to.bottom}`, begin: { y: from.top }, end: { x, y: to.bottom } };
}
