import type { Compilable, CompiledQuery } from "kysely";
import type { Parts } from "./parts.ts";
import type { Db } from "./store.ts";

/** Where a value goes in a statement that is compiled before there is one. */
class Place {
  readonly name: string;
  readonly index: number | undefined;

  constructor(name: string, index?: number) {
    this.name = name;
    this.index = index;
  }
}

/** Texts of one statement that differ by the length of a list; longer lists are compiled at each call. */
const maxLengths = 32;

/**
 * A statement that is compiled at its first use and then only given its values: to build and print it anew costs more
 * processor than to send it. One text for each journal, since engine and schema are part of it.
 *
 * @param build - is given places where the values will go; a list has as many as the first call's.
 * @param listOf - the list whose length is part of the text; without it a list is one value, PostgreSQL's array.
 * @internal
 */
export function once<V extends object, R>(
  build: (db: Db, values: V, parts: Parts) => Compilable<R>,
  listOf?: (values: V) => readonly unknown[],
): (parts: Parts, db: Db, values: V) => Promise<R[]> {
  const known = new WeakMap<Parts, Map<number, CompiledQuery<R>>>();
  return async (parts, db, values) => {
    const length = listOf?.(values).length ?? 0;
    let texts = known.get(parts);
    if (texts === undefined) known.set(parts, (texts = new Map()));
    let compiled = texts.get(length);
    if (compiled === undefined) {
      compiled = build(db, places(values, listOf !== undefined), parts).compile();
      if (length < maxLengths) texts.set(length, compiled);
    }
    const parameters = compiled.parameters.map((p) => (p instanceof Place ? valueAt(values, p) : p));
    return (await db.executeQuery<R>({ ...compiled, parameters })).rows;
  };
}

function places<V extends object>(sample: V, spread: boolean): V {
  const place = ([name, value]: [string, unknown]): [string, unknown] => [
    name,
    spread && Array.isArray(value) ? value.map((_, index) => new Place(name, index)) : new Place(name),
  ];
  return Object.fromEntries(Object.entries(sample).map(place)) as V;
}

function valueAt(values: object, { name, index }: Place): unknown {
  const value = (values as Record<string, unknown>)[name];
  return index === undefined ? value : (value as readonly unknown[])[index];
}
