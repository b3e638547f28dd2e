/** JSON as facts hold it: compared by value, told in reports. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** Who writes a value: our users (`request`), the other side (`response`), or both, as in messages. */
export type Side = "request" | "response" | "both";

/**
 * One thing that a document states: an operation, an element, a code. Facts of two versions of a document are compared
 * one by one; whatever the documents' form, a fact is found by its place.
 */
export interface Fact {
  /** Unique in the document; the part of an `@source` pointer after `#`, with more steps where that is coarser. */
  readonly place: string;
  /** Place of the fact around it: an addition inside an added one is not told again. */
  readonly parent: string | undefined;
  /** `operation`, `property`, `element`, `attribute`, `type`, `code` … */
  readonly kind: string;
  readonly name: string;
  readonly side: Side;
  /** What is stated, by name. A name that is absent states nothing. */
  readonly values: Readonly<Record<string, Value>>;
}

/** Facts by place. */
export type Facts = ReadonlyMap<string, Fact>;

/** Collects facts; a place that comes twice gets a number, so that nothing is lost. */
export class FactList {
  readonly #facts = new Map<string, Fact>();

  add(fact: Omit<Fact, "values"> & { readonly values: Readonly<Record<string, Value | undefined>> }): string {
    let place = fact.place;
    for (let n = 2; this.#facts.has(place); n++) place = `${fact.place}[${n}]`;
    const values: Record<string, Value> = {};
    for (const [name, value] of Object.entries(fact.values)) if (value !== undefined) values[name] = value;
    this.#facts.set(place, { ...fact, place, values });
    return place;
  }

  get facts(): Facts {
    return this.#facts;
  }
}

/** Values are equal when their JSON is, whatever the order of members. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: Value | undefined): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return `[${value.map((v: Value) => canonical(v)).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}
