// Search as one types: the same address with another query, and its results put in place of these.
import { page, swap } from "./swap.js";

let request = null;

export function search(ready) {
  for (const form of document.querySelectorAll("form.find, form[data-search]")) {
    const field = form.querySelector("input[type=search]");
    if (!field || !document.getElementById("results") || !samePage(form)) continue;
    let due = 0;
    field.addEventListener("input", () => {
      clearTimeout(due);
      due = setTimeout(() => find(form, field, ready), 150);
    });
  }
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", (event) => event.target.matches("select") && form.requestSubmit());
  }
}

const samePage = (form) => new URL(form.action).pathname === location.pathname;

async function find(form, field, ready) {
  const address = new URL(form.action);
  if (field.value.trim()) address.searchParams.set("q", field.value);
  request?.abort();
  request = new AbortController();
  try {
    const fresh = await page(address, request.signal);
    const results = document.getElementById("results");
    const found = fresh.getElementById("results");
    if (!found) {
      location.assign(address); // the page changed altogether, such as from a list to its empty state
      return;
    }
    swap(results, found);
    document.title = fresh.title;
    history.replaceState(null, "", address);
    ready(results);
  } catch (error) {
    if (error.name !== "AbortError") form.requestSubmit();
  }
}
