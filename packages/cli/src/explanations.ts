import { errorConditions } from "@helsekontakt/amqp-messaging";
import { errorCodes } from "@helsekontakt/core";
import { helseidFaults } from "@helsekontakt/helseid";
import { helsenorgeFaults } from "@helsekontakt/rest-client";
import { type CodeEntry, codeLists } from "@helsekontakt/types/codes";
import { ruleCatalogue } from "@helsekontakt/validators/catalogue";

/** What is known about one name: members that say nothing are absent. */
export interface Explanation {
  readonly kind: "rule" | "error" | "code" | "code-list" | "helseid" | "helsenorge" | "transport";
  /** `profile/msg-id`, `rest/timeout`, `7601:DI`, `7601`, `HID-1001`, `EHSEC-110002`, `transport:invalid-signature`. */
  readonly name: string;
  readonly meaning: string;
  /** Level of a rule. */
  readonly level?: string;
  /** Whether repeating the call may help. */
  readonly retryable?: boolean;
  /** What to do about it. */
  readonly todo?: string;
  /** What Helsenorge means by a code of 8221. */
  readonly helsenorge?: string;
  readonly functions?: readonly string[];
  readonly source?: readonly string[];
  /** What about it nobody has confirmed. */
  readonly inferred?: string;
}

type Lists = Readonly<
  Record<
    string,
    { readonly oid: string; readonly title: string; readonly complete: boolean; readonly codes: readonly CodeEntry[] }
  >
>;

/** Everything that can be explained. A bare code may stand in several lists. */
export function allExplanations(): readonly Explanation[] {
  return [...rules(), ...errors(), ...codes(codeLists as Lists), ...faults(), ...conditions()];
}

function* rules(): Generator<Explanation> {
  for (const { id, level, explanation, source, functions, inferred } of ruleCatalogue.values())
    yield {
      kind: "rule",
      name: id,
      meaning: explanation,
      level: level === "varies" ? "error or warning" : level,
      ...(functions === undefined ? {} : { functions }),
      source,
      ...(inferred === undefined ? {} : { inferred }),
    };
}

function* errors(): Generator<Explanation> {
  // The reader's codes are rules as well, and explained there.
  const known: Readonly<Record<string, { meaning: string; retryable: boolean; todo?: string }>> = errorCodes;
  for (const [name, { meaning, retryable, todo }] of Object.entries(known))
    if (!ruleCatalogue.has(name))
      yield {
        kind: "error",
        name,
        meaning: sentence(meaning),
        retryable,
        ...(todo === undefined ? {} : { todo: sentence(todo) }),
      };
}

function* codes(lists: Lists): Generator<Explanation> {
  for (const [id, list] of Object.entries(lists)) {
    const all = list.codes.map((c) => c.code).join(", ");
    const part = list.complete ? "" : " Public sources give a part of the list.";
    yield {
      kind: "code-list",
      name: id,
      meaning: `${list.title} (OID ${list.oid}): ${all}.${part}`,
      source: [`Volven ${id}`],
    };
    for (const { code, label, explanation, helsenorge, retired, inferred } of list.codes)
      yield {
        kind: "code",
        name: `${id}:${code}`,
        meaning: [
          `${label ?? "no public text"} (${list.title}).`,
          explanation,
          retired === true ? "No longer in use: readers accept it." : undefined,
        ]
          .filter((part) => part !== undefined)
          .join(" "),
        ...(helsenorge === undefined ? {} : { helsenorge: sentence(helsenorge) }),
        source: [`Volven ${id}`],
        ...(inferred === undefined ? {} : { inferred }),
      };
  }
}

function* faults(): Generator<Explanation> {
  for (const [kind, table] of [
    ["helseid", helseidFaults],
    ["helsenorge", helsenorgeFaults],
  ] as const)
    for (const [name, { explanation, todo, inferred }] of Object.entries(table))
      yield {
        kind,
        name,
        meaning: explanation,
        todo: sentence(todo),
        ...(inferred ? { inferred: "seen elsewhere; that this service uses it is not confirmed" } : {}),
      };
}

function* conditions(): Generator<Explanation> {
  for (const [name, { description, data, origin }] of Object.entries(errorConditions))
    yield {
      kind: "transport",
      name,
      meaning: `${description ?? "No published text."} An AMQP transport error on the error queue; errorConditionData: ${data}.`,
      source: [origin === "specification" ? "HITS 1216:2018" : "Helsenorge.Messaging"],
    };
}

/** The entries that a user means: by name, by a rule's name without its family, or by a code without its list. */
export function explanationsOf(query: string, all: readonly Explanation[]): readonly Explanation[] {
  const text = query.trim().toLowerCase();
  if (text === "") return [];
  const exact = all.filter((e) => e.name.toLowerCase() === text);
  return exact.length > 0 ? exact : all.filter((e) => shortName(e) === text);
}

function shortName({ kind, name }: Explanation): string | undefined {
  if (kind === "rule" || kind === "error") return name.slice(name.indexOf("/") + 1).toLowerCase();
  if (kind === "code" || kind === "transport") return name.slice(name.indexOf(":") + 1).toLowerCase();
  return undefined;
}

/** Names like the query, nearest first; none when nothing is near. */
export function namesNear(query: string, all: readonly Explanation[], most = 5): readonly string[] {
  const text = query.trim().toLowerCase().slice(0, 80);
  if (text === "") return [];
  const limit = Math.max(1, Math.floor(text.length / 3));
  return all
    .map((e) => {
      const names = [e.name.toLowerCase(), shortName(e) ?? ""].filter((n) => n !== "");
      const within = text.length >= 3 && names.some((n) => n.includes(text));
      return { name: e.name, far: within ? 1 : Math.min(...names.map((n) => distance(n, text))) };
    })
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** Levenshtein's distance: letters to put in, take out or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

function sentence(text: string): string {
  const end = /[.!?]$/.test(text) ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}
