const identifierPattern = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;
const reserved = new Set(
  "break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with yield let static implements interface package private protected public await any boolean never number object string symbol undefined unknown bigint".split(
    " ",
  ),
);

/** True when the text can stand as a property name without quotes. */
export function isIdentifier(text: string): boolean {
  return identifierPattern.test(text);
}

/** A property key: bare when possible, quoted otherwise. */
export function propertyKey(name: string): string {
  return isIdentifier(name) ? name : JSON.stringify(name);
}

/** A type or constant name made from upstream's spelling: letters outside the identifier alphabet become `_`, reserved words get a `_`. */
export function typeName(name: string): string {
  let out = name.replace(/[^\p{ID_Continue}$]/gu, "_");
  if (!/^[\p{ID_Start}$_]/u.test(out)) out = `_${out}`;
  return reserved.has(out) ? `${out}_` : out;
}

/** A string literal in double quotes. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
