// Databases and pools. An event has those in trouble and the busiest; whoever looks for another one asks for all of them.
const MOST = 30;
const find = (id) => document.getElementById(id);
let latest = null;
let draw = null;
let asking = false;

export function showPools(text, rows) {
  [latest, draw] = [text, rows];
  find("by-database").hidden = !text.databases.length;
  rows("databases", text.databases);
  find("more-databases").textContent = text.more_databases;
  find("search").hidden = !text.count;
  find("pool-count").textContent = text.count ? `${text.count} pools` : "";
  if (word()) search();
  else list(text.pools, text.more_pools);
}

function word() {
  return find("filter").value.trim().toLowerCase();
}

function list(items, more) {
  draw("pools", items);
  find("more-pools").textContent = more;
}

async function search() {
  if (asking) return;
  asking = true;
  try {
    const { pools = [] } = await (await fetch("health", { cache: "no-store" })).json();
    if (word()) found(pools.filter((pool) => pool.name.includes(word())));
  } catch {
    // no news: the page says so by itself
  } finally {
    asking = false;
  }
}

function found(pools) {
  const more = pools.length - MOST;
  list(pools.slice(0, MOST).map(row), pools.length ? (more > 0 ? `and ${more} more` : "") : "no pool is called so");
}

// The cells of health/pool_text.py, from the numbers of /health.
function row(pool) {
  const servers = pool.servers_active === null ? null : pool.servers_active + pool.servers_idle;
  const cells = [pool.name, pool.target.join(", "), pool.clients, pool.waiting, servers, pool.size];
  const mood = pool.healthy === false || pool.waiting ? "bad" : "well";
  return { cells: cells.map((cell) => (cell === null ? "–" : String(cell))), mood };
}

find("filter").addEventListener("input", () => { if (latest) showPools(latest, draw); });
