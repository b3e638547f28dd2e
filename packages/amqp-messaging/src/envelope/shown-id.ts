import { createHash } from "node:crypto";

const uuid = /^[0-9a-f-]{32,36}$/i;
const hashed = /^sha256:[0-9a-f]{16}$/;
/** A number of a person, also with a mark in it. */
const personal = /(?<!\d)\d{6}[._-]?\d{5}(?!\d)/;

/**
 * A message id as log lines and errors may show it: what others put there may be any text, a name or a number of a person
 * as well. What has not the form of an id is shown as the beginning of its SHA-256, by which it can still be compared.
 *
 * @internal
 */
export function shownId(id: string): string {
  if (uuid.test(id) || hashed.test(id) || (/^[\w:.@+-]{1,64}$/.test(id) && !personal.test(id))) return id;
  return `sha256:${createHash("sha256").update(id).digest("hex").slice(0, 16)}`;
}
