// Colours by the names that dashboards use; what they are in either scheme stands in the style sheet.
const SERIES = 12;
const known = new Map();
const probe = document.createElement("i");
probe.hidden = true;

export function shade(name) {
  return name === "text" ? "var(--ink)" : name === "transparent" ? "transparent" : `var(--${name.replace(/[^a-z-]/g, "")}, var(--ink))`;
}

// For canvas, which knows no variables.
export function resolved(css) {
  if (!known.has(css)) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = css;
    known.set(css, getComputedStyle(probe).color);
  }
  return known.get(css);
}

export function forget() {
  known.clear();
}

export function seriesColour(index) {
  return `var(--series-${index % SERIES})`;
}

export function faded(colour, opacity) {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
}

// What stands for a value: a word and its colour, or the colour of the highest threshold it reaches.
export function judged(value, { words = [], thresholds = [], base = "text" }) {
  const word = words.find((one) => one.value === value);
  if (word) return word;
  const reached = thresholds.filter((threshold) => value !== null && value >= threshold.value);
  return { text: null, colour: reached.length ? reached[reached.length - 1].colour : base };
}
