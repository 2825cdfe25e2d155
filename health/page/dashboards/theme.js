// Light and dark: as the system is, until somebody chose, which this browser remembers.
const KEY = "pods-theme";
const ORDER = ["", "dark", "light"];

function stored() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function apply(theme = stored()) {
  document.documentElement.dataset.theme = ORDER.includes(theme) ? theme : "";
}

// The first press changes what is seen, the third is as the system is again.
export function change() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order = dark ? ["", "light", "dark"] : ORDER;
  const theme = order[(order.indexOf(document.documentElement.dataset.theme) + 1) % order.length];
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // a browser that keeps nothing shows it until the page is left
  }
  apply(theme);
}
