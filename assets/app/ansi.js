// What a terminal would be told, in a log that grows: colours and bold become classes, every other command goes. As `src/ui/ansi.rs` does.
const LOOKS = /^\[([\x20-\x3f]{0,64})m/u;
const COMMAND = /^(?:\[[\x20-\x3f]{0,64}[\x40-\x7e]|[\]P^_X][^\x07\x1b\x9c\n]{0,2048}(?:\x07|\x9c|\x1b\\)|(?![[\]P^_X])[\x20-\x2f]{0,4}[\x30-\x7e])/u;
const BEGUN = /^(?:\[[\x20-\x3f]{0,64}|[\]P^_X][^\x07\x1b\x9c\n]{0,2048}\x1b?|[\x20-\x2f]{0,4})$/u;
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u2028\u2029]/gu;

export class Painter {
  #colour = null;
  #bold = false;
  #rest = "";

  // What is to be added to the log for this text; what may go on in the next waits for it, unless there is none.
  paint(text, isLast = false) {
    const fragment = document.createDocumentFragment();
    let rest = this.#rest + text;
    let run = "";
    this.#rest = "";
    const flush = () => {
      if (!run) return;
      const shown = run.replace(UNSEEN, picture);
      run = "";
      const classes = [this.#colour === null ? "" : `a${this.#colour}`, this.#bold ? "ab" : ""].filter(Boolean).join(" ");
      if (!classes) return fragment.append(shown);
      const span = document.createElement("span");
      span.className = classes;
      span.textContent = shown;
      fragment.append(span);
    };
    for (;;) {
      const at = rest.search(/[\x1b\r]/u);
      if (at < 0) break;
      run += rest.slice(0, at);
      const sign = rest[at];
      rest = rest.slice(at + 1);
      if (!isLast && (sign === "\r" ? !rest : BEGUN.test(rest))) {
        this.#rest = sign + rest;
        rest = "";
        break;
      }
      if (sign === "\r") {
        if (!rest.startsWith("\n")) run += "\n";
        continue;
      }
      const looks = LOOKS.exec(rest);
      if (looks) {
        const [colour, bold] = this.#after(looks[1].split(";"));
        if (colour !== this.#colour || bold !== this.#bold) flush();
        [this.#colour, this.#bold] = [colour, bold];
      }
      rest = rest.slice(COMMAND.exec(rest)?.[0].length ?? 0);
    }
    run += rest;
    flush();
    return fragment;
  }

  // The colour and the weight after a command with these numbers.
  #after(numbers) {
    let [colour, bold] = [this.#colour, this.#bold];
    const next = () => {
      const number = numbers.shift();
      return number === "" ? 0 : /^\+?\d+$/.test(number) ? Number(number) : null;
    };
    while (numbers.length) {
      const number = next();
      if (number === null) continue;
      if (number === 0) [colour, bold] = [null, false];
      else if (number === 1) bold = true;
      else if (number === 22) bold = false;
      else if (number >= 30 && number <= 37) colour = number - 30;
      else if (number === 39) colour = null;
      else if (number >= 90 && number <= 97) colour = number - 82;
      else if (number === 38 || number === 48) {
        const kind = numbers.length ? next() : null;
        if (kind === 2) numbers.splice(0, 3);
        if (kind !== 5 || !numbers.length) continue;
        const chosen = next();
        if (number === 38 && chosen !== null && chosen < 16) colour = chosen;
      }
    }
    return [colour, bold];
  }
}

function picture(sign) {
  const code = sign.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
