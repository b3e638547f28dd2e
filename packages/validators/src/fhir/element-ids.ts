import { placeOf } from "./places.ts";

/** As deep as validators read. */
const maxDepth = 200;

/** Places of elements whose id another element of the same resource has before them; resources inside have ids of their own. */
export function repeatedIds(resource: object): string[] {
  const seen = new Set<string>();
  const read = new Set<object>();
  const path: (string | number)[] = [];
  const out: string[] = [];
  below(resource);
  return out;

  function below(o: object): void {
    // Nothing is known about the value: it may be no JSON, and lead back to itself.
    if (read.has(o) || path.length > maxDepth * 2) return;
    read.add(o);
    for (const [key, value] of Object.entries(o) as [string, unknown][]) {
      if (typeof value !== "object" || value === null) continue;
      path.push(key);
      if (!Array.isArray(value)) element(value);
      else
        for (const [i, item] of (value as unknown[]).entries()) {
          if (typeof item !== "object" || item === null) continue;
          path.push(i);
          element(item);
          path.pop();
        }
      path.pop();
    }
  }

  function element(o: object): void {
    const { id, resourceType } = o as { readonly id?: unknown; readonly resourceType?: unknown };
    if (typeof resourceType === "string") return;
    if (typeof id === "string" && seen.size === seen.add(id).size) out.push(placeOf(path));
    below(o);
  }
}
