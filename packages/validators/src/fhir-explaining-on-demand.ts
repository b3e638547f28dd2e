import type { createRequire } from "node:module";
// In Node this name stands for `node:module`, which reads the other side when it is asked for; bundlers, which join all
// there is, get the other side itself. So neither loads a file that only leads to another.
import * as source from "#fhir-explaining";
import type { Explaining } from "./fhir/explaining.ts";

type Source = { readonly explaining: () => Explaining } | { readonly createRequire: typeof createRequire };
let own: (() => Explaining) | undefined;

function explainingOf(side: Source): () => Explaining {
  if ("explaining" in side) return side.explaining;
  return (side.createRequire(import.meta.url)("./fhir-explaining.js") as typeof import("./fhir-explaining.ts"))
    .explaining;
}

/** The checks that explain, loaded with the first fault. */
export function explaining(): Explaining {
  own ??= explainingOf(source);
  return own();
}
