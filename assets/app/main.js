// What scripts add to pages that work without them. Each module looks after the elements that ask for it by a data attribute.
import { charts } from "./chart.js";
import { copying } from "./copy.js";
import { keys } from "./keys.js";
import { live, tails } from "./live.js";
import { menus } from "./menu.js";
import { names } from "./name.js";
import { search } from "./search.js";
import { spots } from "./spot.js";

function ready(root) {
  copying(root);
  menus(root);
  charts(root);
  tails(root);
}

// On a narrow screen the bar of tabs may begin far from the one that is open.
function tabs(root) {
  for (const tab of root.querySelectorAll(".tabs [aria-current]")) {
    const bar = tab.parentElement;
    bar.scrollLeft = tab.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
  }
}

ready(document);
tabs(document);
spots(document);
keys();
names();
search(ready);
live(ready);
