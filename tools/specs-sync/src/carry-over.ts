import { upgradeDocument } from "@helsekontakt/gen-openapi/src/upgrade.ts";
import { isObject, type Json, type JsonObject, list, step } from "@helsekontakt/gen-openapi/src/document.ts";
import { parseJson } from "./facts/index.ts";

/** Upstream's document with what ours knows beside it. */
export interface CarriedOver {
  /** Upstream's own bytes when there was nothing to carry over. */
  readonly bytes: Uint8Array;
  /** Places at which our `x-` members, servers and names of operations were put. */
  readonly carried: readonly string[];
  /** Places of ours that upstream's document does not have. */
  readonly lost: readonly string[];
}

/**
 * Carries over what upstream's Swagger never states and our clients need: `x-` members (time limits, what may be
 * repeated, older names), names of operations where upstream gives none, servers where it names none. `x-inferred` stays
 * behind: what upstream states is no longer inferred.
 */
export function carryOver(ours: Uint8Array, theirs: Uint8Array, name: string): CarriedOver {
  const mine = parseJson(ours, name) as JsonObject;
  const raw = parseJson(theirs, name) as JsonObject;
  const target = upgradeDocument(raw, name) as Record<string, Json>;
  const carried: string[] = [];
  const lost: string[] = [];
  const merge = (from: Json, into: Json | undefined, at: string): Json | undefined => {
    if (!isObject(from)) return into;
    const own = Object.entries(from).filter(
      ([key, value]) =>
        (key.startsWith("x-") && key !== "x-inferred") || (key === "operationId" && typeof value === "string"),
    );
    if (into === undefined) {
      for (const [key] of own) if (key !== "operationId") lost.push(`${at}${step(key)}`);
      return into;
    }
    if (!isObject(into)) return into;
    const out: Record<string, Json> = { ...into };
    for (const [key, value] of own)
      if (out[key] === undefined) {
        out[key] = value;
        carried.push(`${at}${step(key)}`);
      }
    for (const [key, value] of Object.entries(from)) {
      if (key.startsWith("x-") || !isObject(value)) continue;
      const merged = merge(value, out[key], `${at}${step(key)}`);
      if (merged !== undefined) out[key] = merged;
    }
    return out;
  };
  const merged = merge(mine, target, "") as Record<string, Json>;
  if (merged["servers"] === undefined && mine["servers"] !== undefined) {
    merged["servers"] = mine["servers"];
    carried.push("/servers");
  } else if (Array.isArray(merged["servers"])) {
    const known = new Map(list(mine["servers"]).map((s) => [(s as JsonObject)["url"], s]));
    merged["servers"] = merged["servers"].map((s: Json) => {
      const url = (s as JsonObject)["url"];
      return merge(known.get(url as Json) ?? {}, s, `/servers/${String(url)}`) as Json;
    });
  }
  const untouched = carried.length === 0 && target === (raw as unknown);
  return {
    bytes: untouched ? theirs : Buffer.from(`${JSON.stringify(merged, null, 2)}\n`),
    carried,
    lost,
  };
}
