// The last minutes of one figure as a small curve. Where nothing was known there is a mark, not a line.
import { shape, span } from "./elements.js";

const WIDTH = 300;
const HEIGHT = 46;
const MINUTES = 300;

export function spark(values, floor, { label, most, description }) {
  const known = values.filter((value) => value !== null);
  const top = Math.max(floor, ...known) * 1.08;
  const figure = span("figure", { class: "spark" });
  const picture = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  picture.setAttribute("aria-label", description);
  const x = (index) => WIDTH - ((values.length - 1 - index) / (MINUTES - 1)) * WIDTH;
  const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 4);
  picture.append(shape("path", { class: "base", d: `M0 ${HEIGHT - 1}H${WIDTH}` }));
  for (const run of runs(values)) draw(picture, run, x, y);
  values.forEach((value, index) => {
    if (value === null) picture.append(shape("rect", { class: "gap", x: x(index) - 0.5, y: 0, width: 1.5, height: HEIGHT }));
  });
  figure.append(picture, span("figcaption", {}, span("span", {}, label), span("span", {}, most)));
  return figure;
}

// Stretches of neighbouring known values, as [index, value].
function runs(values) {
  const found = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index && values[index - 1] !== null && found.length) found[found.length - 1].push([index, value]);
    else found.push([[index, value]]);
  });
  return found;
}

function draw(picture, run, x, y) {
  const line = run.map(([index, value]) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  const [first, last] = [run[0][0], run[run.length - 1][0]];
  picture.append(shape("path", { class: "area", d: `M${x(first)} ${HEIGHT}L${line}L${x(last)} ${HEIGHT}Z` }));
  picture.append(shape("path", { class: "curve", d: `M${line}` }));
}
