// Brings one element in line with another without touching what is the same: what is open stays open, and the focus stays where it is.
export function swap(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id ?? "") !== (fresh.id ?? "")) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.hasAttribute("data-keep")) return;
  // What is offered in it once is not exchanged for something else under somebody's finger.
  if (old.hasAttribute("data-hold") && old.childElementCount > 0) return;
  attributes(old, fresh);
  const freshNodes = [...fresh.childNodes];
  const oldNodes = [...old.childNodes];
  freshNodes.forEach((node, at) => {
    if (at < oldNodes.length) swap(oldNodes[at], node);
    else old.append(node);
  });
  oldNodes.slice(freshNodes.length).forEach((node) => node.remove());
}

function attributes(old, fresh) {
  const kept = (name) => name === "open" || (name === "value" && old === document.activeElement) || (name === "class" && old.classList.contains("at-row"));
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept(name)) old.setAttribute(name, value);
  }
}

export async function page(address, signal) {
  const answer = await fetch(address, { headers: { accept: "text/html" }, signal });
  // A query that does not parse, or an index that is being built, is told of by a page as well.
  if (!answer.ok && ![422, 503].includes(answer.status)) throw new Error(`${address} answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}
