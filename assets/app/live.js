// What is alive: a hint from the server makes the page read itself again; an unfolded log grows as it is written.
import { page, swap } from "./swap.js";

const GATHER = 120; // hints that come together are read once, this many milliseconds after the first
const REST = 1500; // and at most one reading in this many

export function live(ready) {
  const main = document.querySelector("main");
  if (main.hasAttribute("data-live") || main.querySelector("[data-live]")) {
    let due = 0;
    let heard = 0;
    let read = -REST;
    const hint = () => {
      due ||= setTimeout(async () => {
        read = performance.now();
        if (!document.hidden) await again(ready);
        due = 0;
        if (heard > read) hint();
      }, Math.max(GATHER, read + REST - performance.now()));
    };
    const hear = () => {
      heard = performance.now();
      hint();
    };
    const events = new EventSource("/api/v1/events");
    events.onmessage = hear;
    // What happened before the stream stood, or while it was away, is seen by reading once more.
    let stood = false;
    events.onopen = () => {
      document.documentElement.dataset.live = "";
      if (stood || main.querySelector(".is-running, .is-waiting")) hear();
      stood = true;
    };
    document.addEventListener("visibilitychange", () => document.hidden || hear());
    addEventListener("pagehide", () => events.close());
  }
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("[data-log]")) log(event.target);
  }, true);
}

async function again(ready) {
  try {
    const fresh = await page(location.href);
    for (const part of ["main", ".you"]) {
      const old = document.querySelector(part);
      const now = fresh.querySelector(part);
      if (old && now && !(part === ".you" && old.querySelector("[open]"))) swap(old, now);
    }
    document.title = fresh.title;
    ready(document);
  } catch {
    // The server may be restarting; the next hint, or the reconnected stream, tries again.
  }
}

function log(details) {
  const pane = details.querySelector("pre");
  details.source?.close();
  details.source = null;
  if (!details.open) return;
  pane.textContent = "";
  const source = new EventSource(details.dataset.log);
  details.source = source;
  const append = (event) => {
    const follows = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
    pane.append(event.data);
    while (pane.childNodes.length > 2000) pane.firstChild.remove();
    if (follows) pane.scrollTop = pane.scrollHeight;
  };
  source.onmessage = append;
  source.addEventListener("line", append);
  source.addEventListener("end", () => {
    source.close();
    if (!pane.textContent) pane.textContent = "It wrote nothing.";
  });
  source.onerror = () => {
    // A stream that ends comes as an error; what was written stays, and nothing written means it is to be read as text.
    source.close();
    if (!pane.textContent) plain(pane, details.dataset.log);
  };
}

async function plain(pane, address) {
  const answer = await fetch(address, { headers: { accept: "text/plain" } }).catch(() => null);
  pane.textContent = (answer?.ok && (await answer.text())) || "It wrote nothing.";
}
