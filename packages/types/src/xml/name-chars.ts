/** For a byte of UTF-8: 1 for the ASCII characters that a qualified name may hold, the colon included; 2 beyond ASCII. */
export const nameTable: Uint8Array = new Uint8Array(256).fill(2, 128);
// Without an expression, whose compilation would take longer than all the rest of the module.
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-") nameTable[c.charCodeAt(0)] = 1;

// Beyond ASCII names are rare (Formål, TjenesteOmråde): the engine's own classes are fast enough.
const start =
  /[:A-Z_a-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{2ff}\u{370}-\u{37d}\u{37f}-\u{1fff}\u{200c}-\u{200d}\u{2070}-\u{218f}\u{2c00}-\u{2fef}\u{3001}-\u{d7ff}\u{f900}-\u{fdcf}\u{fdf0}-\u{fffd}\u{10000}-\u{effff}]/u;
// oxlint-disable-next-line no-misleading-character-class -- code points, by their numbers
const further = /[-.0-9\u{b7}\u{300}-\u{36f}\u{203f}-\u{2040}]/u;

/** @see Extensible Markup Language 1.0, fifth edition, production 4 */
export function isNameStart(point: number): boolean {
  return start.test(String.fromCodePoint(point));
}

/** @see Extensible Markup Language 1.0, fifth edition, production 4a */
export function isNameChar(point: number): boolean {
  const char = String.fromCodePoint(point);
  return start.test(char) || further.test(char);
}
