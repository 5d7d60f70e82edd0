// Puts the cursor where a field's text is wrong.
export function spots(root) {
  for (const field of root.querySelectorAll("textarea[data-line]")) {
    const lines = field.value.split("\n");
    const line = Math.min(Number(field.dataset.line) - 1, lines.length - 1);
    const before = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    // The column counts characters, the field halves of them.
    const at = before + [...lines[line]].slice(0, Number(field.dataset.column) - 1).join("").length;
    field.focus({ preventScroll: true });
    field.setSelectionRange(at, Math.max(at, before + lines[line].length));
    field.scrollTop = Math.max(0, (field.scrollHeight / lines.length) * (line - 3));
  }
}
