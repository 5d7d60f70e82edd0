// Buttons that copy a command.
export function copying(root) {
  if (!navigator.clipboard) return; // not on plain http from elsewhere; the command can still be selected
  for (const button of root.querySelectorAll("[data-copy], [data-copy-of]")) {
    button.hidden = false;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.dataset.copy ?? document.getElementById(button.dataset.copyOf).value);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    };
  }
}
