import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GeneratorError } from "@helsekontakt/codegen";
import { parseJson } from "./facts/index.ts";
import { sameValue, type Value } from "./fact.ts";

/**
 * Our corrections of one upstream document, in `specs/overlays/<id>.json`. Each names what it expects to find and why it
 * is there, and stops the run when upstream has moved below it.
 */
interface Overlay {
  readonly corrections: readonly Correction[];
}

type Correction =
  /** In JSON documents: the value at a pointer (RFC 6901). `expect` absent: nothing may be there. `set` absent: it is removed. */
  | { readonly at: string; readonly expect?: Value; readonly set?: Value; readonly reason: string }
  /** In XML documents: a text that must stand in it exactly once. */
  | { readonly find: string; readonly replace: string; readonly reason: string };

export interface Corrected {
  readonly bytes: Uint8Array;
  readonly reasons: readonly string[];
}

/** @throws {GeneratorError} when a correction no longer matches, by overlay, place and what was expected */
export function applyOverlay(specsDir: string, id: string, bytes: Uint8Array): Corrected {
  const path = join(specsDir, "overlays", `${id}.json`);
  if (!existsSync(path)) return { bytes, reasons: [] };
  const name = `specs/overlays/${id}.json`;
  const { corrections } = parseJson(readFileSync(path), name) as Overlay;
  if (!Array.isArray(corrections)) throw new GeneratorError(name, undefined, "none", 'a list "corrections"');
  const reasons: string[] = [];
  let text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  let document: Value | undefined;
  for (const [index, correction] of (corrections as readonly Correction[]).entries()) {
    const at = `${name}#/corrections/${index}`;
    if (typeof correction.reason !== "string" || correction.reason === "")
      throw new GeneratorError(at, undefined, "none", "a reason");
    if ("find" in correction) {
      const count = text.split(correction.find).length - 1;
      if (count !== 1)
        throw new GeneratorError(at, undefined, `it ${count} times`, "the text to stand in the document once");
      text = text.replace(correction.find, () => correction.replace);
    } else {
      document ??= parseJson(bytes, id) as Value;
      document = setAt(document, correction.at.split("/").slice(1), correction, at);
    }
    reasons.push(correction.reason);
  }
  return { bytes: Buffer.from(document === undefined ? text : `${JSON.stringify(document, null, 2)}\n`), reasons };
}

function setAt(
  value: Value | undefined,
  steps: readonly string[],
  correction: { readonly at: string; readonly expect?: Value; readonly set?: Value },
  overlay: string,
): Value {
  const [first, ...rest] = steps;
  if (first === undefined) {
    if (!sameValue(value, correction.expect))
      throw new GeneratorError(
        overlay,
        undefined,
        value === undefined ? "nothing there" : "another value",
        `${correction.expect === undefined ? "nothing" : "the value that the correction names"} at ${correction.at}: upstream moved, look whether the correction is still needed`,
      );
    return correction.set as Value;
  }
  const name = first.replaceAll("~1", "/").replaceAll("~0", "~");
  if (Array.isArray(value)) {
    const copy = [...(value as readonly Value[])];
    const index = Number(name);
    const next = setAt(copy[index], rest, correction, overlay);
    if (next === undefined) copy.splice(index, 1);
    else copy[index] = next;
    return copy;
  }
  if (typeof value !== "object" || value === null)
    throw new GeneratorError(overlay, undefined, "no such place", `${correction.at} in the document`);
  const object = value as { readonly [key: string]: Value };
  const { [name]: present, ...others } = object;
  const next = setAt(present, rest, correction, overlay);
  return next === undefined
    ? others
    : Object.hasOwn(object, name)
      ? { ...object, [name]: next }
      : { ...others, [name]: next };
}
