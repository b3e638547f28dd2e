// In Node this name stands for a package that is loaded anyhow, and the other side is read when it is asked for; bundlers,
// which join all there is, get the other side itself. So neither loads a file that only leads to another, and Node none of
// its own modules (`node:module` alone takes it half a millisecond).
import * as source from "#fhir-explaining";
import type { Explaining } from "./fhir/explaining.ts";

type Source = { readonly explaining: () => Explaining } | typeof import("@helsekontakt/core");
let own: (() => Explaining) | undefined;

function explainingOf(side: Source): () => Explaining {
  if ("explaining" in side) return side.explaining;
  const { createRequire } = process.getBuiltinModule("node:module");
  return (createRequire(import.meta.url)("./fhir-explaining.js") as typeof import("./fhir-explaining.ts")).explaining;
}

/** The checks that explain, loaded with the first fault. */
export function explaining(): Explaining {
  own ??= explainingOf(source);
  return own();
}
