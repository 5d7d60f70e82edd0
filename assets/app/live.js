// What is alive: a hint from the server makes the page read itself again; an unfolded log grows as it is written.
import { Painter } from "./ansi.js";
import { page, swap } from "./swap.js";

const GATHER = 120; // hints that come together are read once, this many milliseconds after the first
const REST = 1500; // and at most one reading in this many, unless the page says otherwise

export function live(ready) {
  const main = document.querySelector("main");
  if (main.hasAttribute("data-live") || main.querySelector("[data-live]")) {
    // What is asked of others is not asked all the time; what nobody tells of is looked at now and then.
    const rest = Number(main.dataset.live) || REST;
    const every = Number(main.dataset.again);
    let due = 0;
    let heard = 0;
    let read = -rest;
    const hint = () => {
      due ||= setTimeout(async () => {
        read = performance.now();
        if (!document.hidden) await again(ready);
        due = 0;
        if (heard > read) hint();
      }, Math.max(GATHER, read + rest - performance.now()));
    };
    const hear = () => {
      heard = performance.now();
      hint();
    };
    // A browser has few connections to one server: a page that nobody looks at lets go of its own.
    let events = null;
    let stood = false;
    const listen = () => {
      if (events || document.hidden) return;
      events = new EventSource("/api/v1/events");
      events.onmessage = hear;
      // What happened before the stream stood, or while it was away, is seen by reading once more.
      events.onopen = () => {
        document.documentElement.dataset.live = "";
        if (stood || main.querySelector(".is-running, .is-waiting")) hear();
        stood = true;
      };
    };
    const leave = () => {
      events?.close();
      events = null;
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
    addEventListener("pagehide", leave);
    addEventListener("pageshow", listen);
    listen();
    if (every) setInterval(hear, every);
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

// Logs of what runs that stand on a page of their own grow by themselves.
export function tails(root) {
  for (const pane of root.querySelectorAll("pre[data-tail]")) {
    const address = pane.dataset.tail;
    delete pane.dataset.tail;
    follow(pane, address);
  }
}

function log(details) {
  const pane = details.querySelector("pre");
  details.source?.close();
  details.source = null;
  if (!details.open) return;
  pane.textContent = "";
  details.source = follow(pane, details.dataset.log).source;
}

// Fills a pane with a log from its beginning to its end, as it is written.
function follow(pane, address) {
  const source = new EventSource(address);
  let painter = new Painter();
  const append = (event) => {
    const follows = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
    pane.append(painter.paint(event.data));
    while (pane.childNodes.length > 2000) pane.firstChild.remove();
    if (follows) pane.scrollTop = pane.scrollHeight;
  };
  source.onmessage = append;
  source.addEventListener("end", () => {
    source.close();
    pane.append(painter.paint("", true));
    if (!pane.textContent) pane.textContent = "It wrote nothing.";
  });
  source.onerror = () => {
    // What broke off begins again from the start, as the log does; what is no stream is read as text.
    if (source.readyState === EventSource.CONNECTING) return;
    if (!pane.textContent) plain(pane, address);
  };
  source.onopen = () => {
    pane.textContent = "";
    painter = new Painter();
  };
  return { source };
}

async function plain(pane, address) {
  const answer = await fetch(address, { headers: { accept: "text/plain" } }).catch(() => null);
  const text = answer?.ok && (await answer.text());
  pane.replaceChildren(text ? new Painter().paint(text, true) : "It wrote nothing.");
}
