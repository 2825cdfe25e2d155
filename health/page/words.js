// Sizes, durations and elements: the small change of the page. Units as in cluster/units.py.
export function humanSize(size) {
  if (size === null || size === undefined) return "–";
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (Math.abs(size) < 1024) return unit === "B" || unit === "kB" ? `${size.toFixed(0)} ${unit}` : `${size.toFixed(1)} ${unit}`;
    size /= 1024;
  }
  return `${size.toFixed(1)} TB`;
}

export function humanSeconds(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return seconds < 10 ? `${seconds.toFixed(1)} s` : `${seconds.toFixed(0)} s`;
  const whole = Math.floor(seconds);
  for (const [big, small, size, part] of [["d", "h", 86400, 3600], ["h", "min", 3600, 60], ["min", "s", 60, 1]]) {
    if (whole >= size) return `${Math.floor(whole / size)} ${big} ${Math.floor((whole % size) / part)} ${small}`;
  }
  return "–";
}

// bad: something is wrong with the node itself; warn: it is on its way in or out; well otherwise
export function mood(node) {
  if (!node.healthy) return "bad";
  return node.member ? "well" : "warn";
}

export function span(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function fill(parent, children) {
  parent.replaceChildren(...children);
}
