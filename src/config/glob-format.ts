/** Redis's glob patterns (`*`, `?`, `[a-z]`, `[^x]`, backslash) over names of directives, in any case. */

export function matchesGlob(pattern: string, name: string): boolean {
  return toRegExp(pattern).test(name);
}

export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

function toRegExp(pattern: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at] ?? '';
    if (letter === '*') source += '.*';
    else if (letter === '?') source += '.';
    else if (letter === '[') {
      const end = endOfClass(pattern, at);
      source += classSource(pattern.slice(at + 1, end));
      at = end;
    } else {
      if (letter === '\\' && at + 1 < pattern.length) at++;
      source += escaped(pattern[at] ?? '');
    }
  }
  return new RegExp(`^${source}$`, 'is');
}

/** Index of the closing bracket; the pattern's length when it is missing (the class goes to the end then). */
function endOfClass(pattern: string, start: number): number {
  for (let at = start + 1; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === ']') return at;
  }
  return pattern.length;
}

function classSource(body: string): string {
  const isNegated = body.startsWith('^');
  const members = isNegated ? body.slice(1) : body;
  let source = '';
  for (let at = 0; at < members.length; at++) {
    if (members[at] === '\\' && at + 1 < members.length) at++;
    const from = members[at] ?? '';
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    if (to === undefined) {
      source += escaped(from);
    } else {
      source += from <= to ? `${escaped(from)}-${escaped(to)}` : `${escaped(to)}-${escaped(from)}`;
      at += 2;
    }
  }
  // An empty class matches nothing, its negation everything.
  if (source === '') return isNegated ? '.' : '[^\\s\\S]';
  return `[${isNegated ? '^' : ''}${source}]`;
}

function escaped(letter: string): string {
  return /[\w]/.test(letter) ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
