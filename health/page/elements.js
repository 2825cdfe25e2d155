// Elements of HTML and SVG; and the one duration that only the browser can count.
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

// How long ago the last event came: it counts on while none comes.
export function elapsed(seconds) {
  const whole = Math.floor(seconds);
  for (const [big, small, size, part] of [["d", "h", 86400, 3600], ["h", "min", 3600, 60], ["min", "s", 60, 1]]) {
    if (whole >= size) return `${Math.floor(whole / size)} ${big} ${Math.floor((whole % size) / part)} ${small}`;
  }
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}
