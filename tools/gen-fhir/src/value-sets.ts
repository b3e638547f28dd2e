import { quote } from "@helsekontakt/codegen";
import type { CodeSystem, Concept, Contained, Include, ValueSet } from "./definitions.ts";

/** Codes by the system that they come from. */
export type CodesBySystem = ReadonlyMap<string, ReadonlySet<string>>;

/** Codes of a system that does not tell capitals from small letters: kept in small letters, and found in any. */
class AnyCaseCodes extends Set<string> {
  override add(code: string): this {
    return super.add(code.toLowerCase());
  }

  override has(code: string): boolean {
    return super.has(code.toLowerCase());
  }

  override delete(code: string): boolean {
    return super.delete(code.toLowerCase());
  }
}

/** What cannot be listed, with the reason; `form` names the check of the validators that holds for the codes all the same. */
interface Unlisted {
  readonly unlisted: string;
  readonly form?: string;
}

/** What a value set allows: a closed list, or nothing that this generator can list. */
export type Expansion = { readonly codes: CodesBySystem } | Unlisted;

/** Value sets and code systems by canonical address. */
export interface Terms {
  /** The version that the address names behind a bar, and no other; without one the latest. */
  valueSet(canonical: string): ValueSet | undefined;
  codeSystem(url: string): CodeSystem | undefined;
}

/** Code systems that stand for lists outside FHIR: only the form of a code can be checked, by this check of the validators. */
const externalSystems: Readonly<Record<string, string>> = {
  "urn:ietf:bcp:13": "mimeType",
  "urn:iso:std:iso:4217": "currency",
};

/** Marks an expansion that its maker could not or would not write out. */
const partial = /\/valueset-(toocostly|unclosed)$/;

/** The codes of a value set: as it is composed, else as its publisher expanded it. */
export function expand(canonical: string, terms: Terms, within: readonly string[] = []): Expansion {
  const [url = "", version] = canonical.split("|");
  const valueSet = terms.valueSet(canonical);
  if (!valueSet) {
    const other = version === undefined ? undefined : terms.valueSet(url);
    if (!other) return { unlisted: `no ValueSet ${url} among the definitions` };
    // Another version may have other codes: what it lacks is no fault, and what it has no proof.
    const found = other.version === undefined ? "one without version" : other.version;
    return { unlisted: `no version ${version} of ValueSet ${url} among the definitions, but ${found}` };
  }
  const key = `${url}|${valueSet.version ?? ""}`;
  if (within.includes(key)) return { unlisted: `${url} includes itself` };
  const composed = compose(valueSet, terms, [...within, key]);
  return "unlisted" in composed && valueSet.expansion ? written(url, valueSet.expansion, terms) : composed;
}

/** Every code once, whatever its system. */
export function codesOfAll(codes: CodesBySystem): string[] {
  return [...new Set([...codes.values()].flatMap((list) => [...list]))];
}

/** True when some of the codes may be written in other letters than the list has them in. */
export function hasAnyCase(codes: CodesBySystem): boolean {
  return [...codes.values()].some(isAnyCase);
}

function isAnyCase(list: ReadonlySet<string>): boolean {
  return list instanceof AnyCaseCodes && [...list].some((code) => code !== code.toUpperCase());
}

/** The class that {@link printBound} may name, for a module with the text. */
export function anyCaseClass(text: string): string {
  return text.includes("new AnyCase(")
    ? `/** Codes of a system that does not tell capitals from small letters. */
class AnyCase extends Set<string> {
  override has(code: string): boolean {
    return super.has(code.toLowerCase());
  }
}

`
    : "";
}

/** The codes of a binding as the validators read them. */
export function printBound(url: string, codes: CodesBySystem): string {
  const rows = [...codes].map(
    ([system, list]) =>
      `[${quote(system)}, new ${isAnyCase(list) ? "AnyCase" : "Set<string>"}(${JSON.stringify([...list])})]`,
  );
  return `{ url: ${quote(url)}, codes: new Map<string, ReadonlySet<string>>([${rows.join(", ")}]) }`;
}

function compose({ url, compose: rules }: ValueSet, terms: Terms, within: readonly string[]): Expansion {
  const includes = rules?.include ?? [];
  if (includes.length === 0) return { unlisted: `${url} lists nothing: no compose, no expansion` };
  const codes = new Map<string, Set<string>>();
  for (const include of includes) {
    const part = listed(include, url, terms, within);
    // The form of one system's codes says nothing of another's.
    if ("unlisted" in part) return includes.length === 1 ? part : { unlisted: part.unlisted };
    for (const [system, list] of part.codes) {
      const known = codes.get(system);
      if (known === undefined) codes.set(system, setOf(system, terms, list));
      else for (const code of list) known.add(code);
    }
  }
  for (const exclude of rules?.exclude ?? []) {
    // All of a system needs no list to be left out.
    if (exclude.system !== undefined && !exclude.concept && !exclude.filter && !exclude.valueSet) {
      codes.delete(exclude.system);
      continue;
    }
    const part = listed(exclude, url, terms, within);
    if ("unlisted" in part) return { unlisted: part.unlisted };
    for (const [system, list] of part.codes) for (const code of list) codes.get(system)?.delete(code);
  }
  return { codes };
}

/** What one include or exclude means: the codes that its system and each of its value sets have in common. */
function listed(include: Include, url: string, terms: Terms, within: readonly string[]): Expansion {
  const { system, concept, filter, valueSet = [] } = include;
  if (filter) return { unlisted: `${url} is defined by a filter` };
  let codes: CodesBySystem | undefined;
  if (system !== undefined && concept)
    codes = new Map([
      [
        system,
        setOf(
          system,
          terms,
          concept.map((c) => c.code),
        ),
      ],
    ]);
  else if (system !== undefined && valueSet.length === 0) {
    const whole = codesOfSystem(system, terms);
    if ("unlisted" in whole) return whole;
    codes = whole.codes;
  }
  for (const other of valueSet) {
    const inner = expand(other, terms, within);
    if ("unlisted" in inner) return inner;
    // A code of the system in the value set is one of the system, whether the system is listed or not.
    const of = system === undefined ? inner.codes : new Map([...inner.codes].filter(([s]) => s === system));
    codes = codes === undefined ? of : common(codes, of, terms);
  }
  return codes === undefined ? { unlisted: `${url} includes neither a system nor a value set` } : { codes };
}

function common(a: CodesBySystem, b: CodesBySystem, terms: Terms): CodesBySystem {
  const inBoth = (system: string, list: ReadonlySet<string>): string[] =>
    [...list].filter((code) => b.get(system)?.has(code) === true);
  return new Map([...a].map(([system, list]) => [system, setOf(system, terms, inBoth(system, list))]));
}

/** A set of codes that compares them as their system says. */
function setOf(url: string, terms: Terms, codes: Iterable<string> = []): Set<string> {
  const system = terms.codeSystem(url.split("|")[0] as string);
  return system?.caseSensitive === false ? new AnyCaseCodes(codes) : new Set(codes);
}

function codesOfSystem(url: string, terms: Terms): Expansion {
  const form = externalSystems[url];
  if (form) return { unlisted: `${url} is kept outside FHIR; the form of the code is checked`, form };
  const system = terms.codeSystem(url.split("|")[0] as string);
  if (!system) return { unlisted: `no CodeSystem ${url} among the definitions` };
  // A part of the codes, or additions to those of another system, refuse nothing.
  const content = system.content ?? "complete";
  if (content !== "complete") return { unlisted: `CodeSystem ${url} among the definitions is ${content}` };
  if (!system.concept) return { unlisted: `CodeSystem ${url} among the definitions has no codes` };
  const codes = setOf(url, terms);
  collect(system.concept, codes);
  return { codes: new Map([[url, codes]]) };
}

function collect(concepts: readonly Concept[], into: Set<string>): void {
  for (const concept of concepts) {
    into.add(concept.code);
    collect(concept.concept ?? [], into);
  }
}

/** An expansion that the value set carries: it counts when it is all of it. */
function written(url: string, expansion: NonNullable<ValueSet["expansion"]>, terms: Terms): Expansion {
  const codes = new Map<string, Set<string>>();
  let count = 0;
  let nameless = false;
  const walk = (list: readonly Contained[]): void => {
    for (const { system, code, abstract, contains } of list) {
      count++;
      if (code !== undefined && abstract !== true) {
        if (system === undefined) nameless = true;
        else codes.set(system, (codes.get(system) ?? setOf(system, terms)).add(code));
      }
      walk(contains ?? []);
    }
  };
  walk(expansion.contains ?? []);
  const { total, offset = 0, parameter = [], extension = [] } = expansion;
  const cut =
    (total === undefined ? parameter.some((p) => p.name === "count") : total > count) ||
    offset > 0 ||
    parameter.some((p) => p.name === "filter" || p.name === "limitedExpansion") ||
    extension.some((e) => partial.test(e.url));
  if (cut) return { unlisted: `the expansion of ${url} is not all of it` };
  return nameless ? { unlisted: `the expansion of ${url} has a code without a system` } : { codes };
}
