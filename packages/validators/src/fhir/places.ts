// Places in the texts of issues. A document names its properties as it likes: what is no name may be about a person.

/** A property's name as it may stand in an issue: only if it looks like a name, and is no longer than one. */
export function safeName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name) ? name : "?";
}

/** `contact[0].name`, of the names and places on the way. */
export function placeOf(path: readonly (string | number)[]): string {
  let text = "";
  for (const part of path)
    text += typeof part === "number" ? `[${part}]` : text === "" ? safeName(part) : `.${safeName(part)}`;
  return text;
}
