/**
 * Splits an inline command (`SET key "a value"`) into arguments as Redis does: words between blanks, "..." with \n \r \t \b
 * \a \xHH and escaped characters, '...' with \' only. A closing quote must be followed by a blank or the end. The line is text
 * with one character per byte. null: quotes are not balanced.
 */
export function splitInline(line: string): Buffer[] | null {
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line, at)) at++;
    if (at >= line.length) return words;
    let word = '';
    while (at < line.length && !isBlank(line, at)) {
      const quote = line[at];
      if (quote !== '"' && quote !== "'") {
        word += quote;
        at++;
        continue;
      }
      const quoted = readQuoted(line, at + 1, quote);
      if (quoted === null) return null;
      word += quoted.text;
      at = quoted.end;
      if (at < line.length && !isBlank(line, at)) return null;
    }
    words.push(Buffer.from(word, 'latin1'));
  }
}

/** From behind the opening quote to behind the closing one. */
function readQuoted(line: string, start: number, quote: '"' | "'"): { text: string; end: number } | null {
  let text = '';
  let at = start;
  while (at < line.length) {
    const c = line[at] as string;
    if (c === quote) return { text, end: at + 1 };
    const next = line[at + 1];
    if (c !== '\\' || next === undefined || (quote === "'" && next !== "'")) {
      text += c;
      at++;
      continue;
    }
    const hex = quote === '"' && next === 'x' ? line.slice(at + 2, at + 4) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      at += 4;
    } else {
      text += quote === '"' ? (ESCAPES[next] ?? next) : next;
      at += 2;
    }
  }
  return null;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

function isBlank(line: string, at: number): boolean {
  const c = line.charCodeAt(at);
  return c === 32 || (c >= 9 && c <= 13) || c === 0;
}
