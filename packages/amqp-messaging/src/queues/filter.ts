import { HelsekontaktError } from "@helsekontakt/core";
import type { Opened } from "./entry.ts";
import type { QueueFilter } from "./types.ts";

/**
 * @internal
 * @throws {HelsekontaktError} `input/invalid`
 */
export function compileFilter(filter: QueueFilter = {}, now: number): (message: Opened) => boolean {
  const { ids, olderThanMs, newerThanMs, functions, from, causes } = filter;
  for (const [name, ms] of Object.entries({ olderThanMs, newerThanMs }))
    if (ms !== undefined && !(ms >= 0))
      throw new HelsekontaktError("input/invalid", `expected ${name} as milliseconds, 0 or more`);
  const sets = { ids: setOf(ids), functions: setOf(functions), from: setOf(from), causes: setOf(causes) };
  const within = (set: ReadonlySet<string> | undefined, value: string | undefined): boolean =>
    set === undefined || (value !== undefined && set.has(value));
  return ({ entry, raw }) => {
    const age = entry.at === undefined ? undefined : now - entry.at.getTime();
    return (
      (within(sets.ids, entry.messageId) || within(sets.ids, raw.messageId)) &&
      within(sets.functions, entry.function) &&
      within(sets.from, entry.fromHerId) &&
      within(sets.causes, entry.cause) &&
      (olderThanMs === undefined || (age !== undefined && age > olderThanMs)) &&
      (newerThanMs === undefined || (age !== undefined && age < newerThanMs))
    );
  };
}

/** An empty list means nobody, not everybody: a list that was to be filled and was not must not purge a queue. */
function setOf(values: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return values === undefined ? undefined : new Set(values);
}
