// Requests: a few at once, the newest of each panel alone, and whose fault it is that one has no answer.
const MOST = 4;
const waiting = [];
let running = 0;

export class Trouble extends Error {}

export function ask(path, signal) {
  return new Promise((resolve, reject) => {
    waiting.push({ path, signal, resolve, reject });
    next();
  });
}

function next() {
  while (running < MOST && waiting.length) {
    const request = waiting.shift();
    if (request.signal?.aborted) request.reject(new DOMException("", "AbortError"));
    else run(request);
  }
}

async function run({ path, signal, resolve, reject }) {
  running += 1;
  try {
    resolve(await answer(path, signal));
  } catch (error) {
    reject(error);
  } finally {
    running -= 1;
    next();
  }
}

async function answer(path, signal) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("the health service does not answer");
  }
  const body = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!response.ok) throw new Trouble(body?.error || body?.detail || `the health service answers with ${response.status}`);
  if (!body) throw new Trouble("the health service broke off its answer");
  return body;
}
