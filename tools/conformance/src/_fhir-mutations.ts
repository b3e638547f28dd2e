import { FhirDecimal } from "@helsekontakt/types/fhir";

type Holder = Record<string | number, unknown>;

/** Text that no message may repeat. */
export const canary = "kanarifugl";

const values: readonly unknown[] = [
  null,
  1,
  -1.5,
  "",
  " ",
  "#",
  "#x",
  "2020-02-30",
  true,
  [],
  {},
  [null],
  [[]],
  [{}],
  canary,
  { id: "a" },
  { resourceType: "Patient" },
  { extension: [{ url: "u", valueString: canary }] },
];
const names =
  "id extension reference value _value identifier contained entry resource resourceType meta coding system period constructor toString text div".split(
    " ",
  );

/** Makes mutations of JSON values that are the same in every run: drop, retype, repeat, rename, copy from elsewhere. */
export function createFhirMutator(start: number): (resource: object) => void {
  let seed = start;
  const random = (n: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  return (resource) => {
    for (let n = random(3) + 1; n > 0; n--) {
      const all = places(resource);
      if (all.length === 0) return;
      const [holder, key] = pick(all);
      const kind = random(5);
      if (kind === 0) {
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete holder[key];
      } else if (kind === 1) holder[key] = structuredClone(pick(values));
      else if (kind === 2) holder[key] = [holder[key], holder[key]];
      else if (kind === 3) {
        const value = holder[key];
        delete holder[key];
        holder[Array.isArray(holder) ? 0 : pick(names)] = value;
      } else {
        const [from, at] = pick(all);
        holder[key] = copy(from[at]);
      }
    }
  };
}

function places(value: unknown, into: [Holder, string | number][] = []): [Holder, string | number][] {
  if (typeof value !== "object" || value === null || value instanceof FhirDecimal) return into;
  for (const key of Object.keys(value)) {
    into.push([value as Holder, Array.isArray(value) ? Number(key) : key]);
    places((value as Holder)[key], into);
  }
  return into;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof FhirDecimal) return value;
  if (Array.isArray(value)) return value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copy(v)]));
}
