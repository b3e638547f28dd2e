import { answerWords } from "./gen/helsekontakter.ts";
import { isRecord } from "./http-error.ts";

/** A member's entry in the Bundle that was sent. */
export interface SentMember {
  readonly index: number;
  readonly fullUrl: string | undefined;
  /** Identifier values, for answers that repeat them. They go nowhere else. */
  readonly identifiers: readonly string[];
}

/** Words as the spec's lists hold them: no case, blanks, hyphens or underscores. */
export function plainWord(text: string): string {
  return text.toLowerCase().replace(/[\s_-]+/g, "");
}

/** A member of an object by any of the names of a list. */
export function byNames(item: Record<string, unknown>, names: readonly string[]): unknown {
  for (const [name, value] of Object.entries(item)) if (names.includes(plainWord(name))) return value;
  return undefined;
}

/** Finds out whom a piece of an answer is about. */
export class Owners {
  readonly #sent: readonly SentMember[];
  readonly #byName = new Map<string, SentMember[]>();
  readonly #byIndex: ReadonlyMap<number, SentMember>;

  constructor(sent: readonly SentMember[]) {
    this.#sent = sent;
    this.#byIndex = new Map(sent.map((m) => [m.index, m]));
    for (const m of sent) {
      const names = new Set([m.fullUrl, ...m.identifiers].filter((n) => n !== undefined).flatMap(spellings));
      for (const name of names) {
        const owners = this.#byName.get(name);
        if (owners === undefined) this.#byName.set(name, [m]);
        else owners.push(m);
      }
    }
  }

  /** Whom a text names; several when an identifier was sent more than once. */
  named(text: string): readonly SentMember[] {
    for (const name of spellings(text)) {
      const owners = this.#byName.get(name);
      if (owners !== undefined) return owners;
    }
    return [];
  }

  /** Whom an item names by its own members, those of an identifier or of a repeated resource. */
  namedBy(item: Record<string, unknown>): readonly SentMember[] {
    for (const text of textsIn(item)) {
      const owners = this.named(text);
      if (owners.length > 0) return owners;
    }
    return [];
  }

  at(index: number): SentMember | undefined {
    return this.#byIndex.get(index);
  }

  /**
   * Entries that a text points at: `Bundle.entry[3]`, an XPath (whose places count from 1), a full URL, or a number
   * between other words.
   */
  placedBy(text: string): readonly SentMember[] {
    const found = new Set<SentMember>();
    for (const [, prefix, place] of text.matchAll(/(\/(?:\w+:)?)?\bentry\s*\[\s*(\d{1,9})\s*\]/gi)) {
      const owner = this.at(Number(place) - (prefix === undefined ? 0 : 1));
      if (owner !== undefined) found.add(owner);
    }
    if (found.size > 0) return [...found];
    for (const [word] of text.matchAll(/urn:uuid:[0-9a-f-]{36}|[\w.:/-]+/gi))
      for (const owner of this.named(withoutMarks(word))) found.add(owner);
    return [...found];
  }

  /** The member that an item gives the index of; counted from 1 only where the indexes leave no other reading. */
  indexes(items: readonly unknown[]): ReadonlyMap<unknown, SentMember> {
    const given = new Map<unknown, number>();
    for (const item of items) {
      const index = isRecord(item) ? byNames(item, answerWords.indexNames) : undefined;
      const value = typeof index === "string" && /^\d{1,9}$/.test(index) ? Number(index) : index;
      if (typeof value === "number" && Number.isSafeInteger(value)) given.set(item, value);
    }
    const values = [...given.values()];
    const fromOne = values.includes(this.#sent.length) && !values.includes(0);
    const owners = new Map<unknown, SentMember>();
    for (const [item, index] of given) {
      const owner = this.at(fromOne ? index - 1 : index);
      if (owner !== undefined) owners.set(item, owner);
    }
    return owners;
  }
}

const uuid = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;

/** A name as it is, and the UUID in it: answers spell `urn:uuid:…`, `Patient/…` and the bare one. */
function spellings(name: string): string[] {
  const found = uuid.exec(name)?.[0].toLowerCase();
  return found === undefined ? [name.trim()] : [name.trim(), found];
}

function textsIn(item: Record<string, unknown>): string[] {
  const texts: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (typeof value === "string") texts.push(value);
    else if (depth > 0 && Array.isArray(value)) for (const v of value) collect(v, depth - 1);
    else if (depth > 0 && isRecord(value)) for (const v of Object.values(value)) collect(v, depth - 1);
  };
  // A response speaks of the server's own addresses, an outcome in prose.
  for (const [key, value] of Object.entries(item)) if (!/^(response|outcome)$/i.test(key)) collect(value, 4);
  return texts;
}

/** A word without the marks of a sentence behind it. */
function withoutMarks(word: string): string {
  let end = word.length;
  while (end > 0 && ".,:;".includes(word.charAt(end - 1))) end--;
  return word.slice(0, end);
}
