// Keys: `/` searches, `g` and a letter goes, `j` `k` move and enter opens, `n` `p` walk through a file's issues, `?` shows them all.
let afterG = 0;
let row = null;
let note = -1;

export function keys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = Date.now() < afterG ? going[event.key] : acting[event.key];
    afterG = 0;
    if (act && act(event) !== false) event.preventDefault();
  });
}

const acting = {
  "/": () => search(document.querySelector('[data-key="/"]')),
  "?": () => document.getElementById("keys")?.togglePopover?.(),
  g: () => { afterG = Date.now() + 1200; },
  j: () => move(1),
  k: () => move(-1),
  n: () => walk(1),
  p: () => walk(-1),
  Enter: (event) => (row && event.target === document.body ? open(row) : false),
  Escape: () => { mark(null); return false; },
};

const going = {
  h: () => location.assign("/"),
  i: () => location.assign(document.querySelector('.tabs a[href^="/issues"]')?.href ?? "/issues"),
  r: () => {
    const repo = document.querySelector('[data-go="r"]');
    return repo ? location.assign(repo.href) : false;
  },
};

// Where the field begins with the repository, what is typed narrows that; anything else is typed over.
function search(field) {
  if (!field) return false;
  field.focus();
  const end = field.value.length;
  if (/^repo:\S+\s$/.test(field.value)) field.setSelectionRange(end, end);
  else field.select();
}

function move(step) {
  const rows = [...document.querySelectorAll("[data-list] > *")].filter((one) => one.querySelector("[data-open]") && one.offsetParent);
  if (!rows.length) return false;
  const at = rows.indexOf(row);
  mark(rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)]);
}

function mark(next) {
  row?.classList.remove("at-row");
  row = next;
  row?.classList.add("at-row");
  row?.scrollIntoView({ block: "nearest" });
}

function open(one) {
  one.querySelector("[data-open]").click();
}

function walk(step) {
  const notes = [...document.querySelectorAll("[data-note]")];
  if (!notes.length) return false;
  note = (note + step + notes.length + (note < 0 && step < 0 ? 1 : 0)) % notes.length;
  notes[note].scrollIntoView({ block: "center" });
  notes[note].focus({ preventScroll: true });
}
