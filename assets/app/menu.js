// Menus close when one looks elsewhere; lists that offer a filter are narrowed as one types.
export function menus(root) {
  for (const field of root.querySelectorAll("[data-filter]")) {
    field.hidden = false;
    field.oninput = () => narrow(field);
    field.onkeydown = (event) => {
      if (event.key === "Enter") visible(field)[0]?.click();
    };
  }
  for (const menu of root.querySelectorAll("[data-menu]")) {
    menu.ontoggle = () => menu.open && menu.querySelector("input")?.focus();
  }
}

function entries(field) {
  const list = document.getElementById(field.dataset.filter);
  return [...list.querySelectorAll("[data-text], :scope > a")];
}

function visible(field) {
  return entries(field).filter((entry) => !entry.hidden);
}

function narrow(field) {
  const words = field.value.toLowerCase().split(/\s+/);
  for (const entry of entries(field)) {
    const text = (entry.dataset.text ?? entry.textContent).toLowerCase();
    entry.hidden = !words.every((word) => text.includes(word));
  }
  for (const section of document.querySelectorAll(`#${CSS.escape(field.dataset.filter)} > section`)) {
    section.hidden = !section.querySelector("[data-text]:not([hidden])");
  }
  const none = field.parentElement.querySelector(".none");
  if (none) none.hidden = visible(field).length > 0;
}

function close(except) {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => close(event.target.closest("[data-menu]")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("[data-menu][open]");
  menu?.querySelector("summary").focus();
  close();
});
