// All that was chosen stands in the address, in Grafana's own words: a link shows the same to whoever opens it.
const RELATIVE = /^now-(\d+)([smhd])$/;
const LENGTH = { s: 1, m: 60, h: 3600, d: 86400 };
export const PRESETS = [["5m", "5 minutes"], ["15m", "15 minutes"], ["30m", "30 minutes"], ["1h", "1 hour"], ["3h", "3 hours"], ["6h", "6 hours"],
  ["12h", "12 hours"], ["24h", "24 hours"], ["2d", "2 days"], ["7d", "7 days"], ["15d", "15 days"]];
export const REFRESHES = [["", "off"], ["10s", "10 s"], ["30s", "30 s"], ["1m", "1 min"]];
const [ROOT, UID] = /^(.*)\/dashboards(?:\/([^/]*))?\/?$/.exec(location.pathname)?.slice(1) ?? ["", ""];
export const uid = UID || "pods-overview";
export const base = `${ROOT}/dashboards`;

export function read() {
  const query = new URLSearchParams(location.search);
  const times = valid(query.get("from"), query.get("to")) ?? { from: "now-1h", to: "now" };
  const refresh = query.has("refresh") ? query.get("refresh") : "30s";
  const variables = {};
  for (const [name, value] of query) if (name.startsWith("var-")) (variables[name.slice(4)] ??= []).push(value);
  return {
    ...times,
    refresh: REFRESHES.some(([word]) => word === refresh) ? refresh : "30s",
    variables,
    closed: new Set(query.getAll("closed")),
    panel: query.get("viewPanel") ?? "",
  };
}

function valid(from, to) {
  if (RELATIVE.test(from ?? "") && to === "now") return { from, to };
  if (/^\d{9,14}$/.test(from ?? "") && /^\d{9,14}$/.test(to ?? "") && Number(from) < Number(to)) return { from, to };
  return null;
}

export function query(state, { page = false } = {}) {
  const made = new URLSearchParams({ from: state.from, to: state.to, refresh: state.refresh });
  for (const [name, value] of chosen(state)) made.append(name, value);
  if (!page) for (const title of state.closed) made.append("closed", title);
  if (!page && state.panel) made.set("viewPanel", state.panel);
  return made.toString();
}

export function write(state, { push = true } = {}) {
  const address = `${base}/${uid}?${query(state)}`;
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

// The chosen values alone; ``only``: for one variable another value than the page's.
export function chosen(state, only = null) {
  const made = new URLSearchParams();
  for (const [name, values] of Object.entries(state.variables)) if (name !== only?.name) for (const value of values) made.append(`var-${name}`, value);
  if (only) made.append(`var-${only.name}`, only.value);
  return made;
}

// The times that a choice means now, in seconds; a relative one ends at a whole second.
export function span({ from, to }) {
  const relative = RELATIVE.exec(from);
  if (!relative) return [Number(from) / 1000, Number(to) / 1000];
  const end = Math.floor(Date.now() / 1000);
  return [end - Number(relative[1]) * LENGTH[relative[2]], end];
}

export function isLive({ to }) {
  return to === "now";
}

export function pause({ refresh }) {
  return { "10s": 10, "30s": 30, "1m": 60 }[refresh] ?? 0;
}
