// Names as they are typed: what would become of one is asked of the server and said beneath the field.
export function names() {
  for (const field of document.querySelectorAll("[data-names]")) {
    const says = document.getElementById(field.getAttribute("aria-describedby"));
    let due = 0;
    let request = null;
    field.addEventListener("input", () => {
      clearTimeout(due);
      request?.abort();
      if (!field.value) {
        tell(field, says, "", false);
        return;
      }
      due = setTimeout(async () => {
        request = new AbortController();
        try {
          const answer = await fetch(field.dataset.names + encodeURIComponent(field.value), { signal: request.signal });
          if (!answer.ok) return; // the form says why when it is sent
          const { state, message } = await answer.json();
          tell(field, says, message, state === "invalid");
        } catch (error) {
          if (error.name !== "AbortError") tell(field, says, "", false);
        }
      }, 200);
    });
  }
}

function tell(field, says, message, isBad) {
  says.textContent = message;
  says.classList.toggle("fault", isBad);
  says.classList.toggle("soft", !isBad);
  if (isBad) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
