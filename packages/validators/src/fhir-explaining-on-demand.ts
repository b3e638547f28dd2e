import type { createRequire } from "node:module";
// In Node this name stands for `node:module`, which reads the other side when it is asked for; bundlers, which join all
// there is, get the other side itself. So neither loads a file that only leads to another.
import * as source from "#fhir-explaining";
import type { Explaining } from "./fhir/explaining.ts";

const side: { readonly explaining?: () => Explaining; readonly createRequire?: typeof createRequire } = source;
let own: (() => Explaining) | undefined;

/** The checks that explain, loaded with the first fault. */
export function explaining(): Explaining {
  own ??=
    side.explaining ??
    (side.createRequire?.(import.meta.url)("./fhir-explaining.js") as typeof import("./fhir-explaining.ts")).explaining;
  return own();
}
