import { createRequire } from "node:module";
import type { Explaining } from "./fhir/explaining.ts";

// What a resource without faults never needs is as long as what it needs. Bundlers do not follow this: for them
// package.json names the module itself, under the condition that they alone know.
const require = createRequire(import.meta.url);
let own: Explaining | undefined;

/** The checks that explain, of this package's own definitions: read from the disk when they are asked for. */
export function explaining(): Explaining {
  own ??= (require("./fhir-explaining.js") as typeof import("./fhir-explaining.ts")).explaining();
  return own;
}
