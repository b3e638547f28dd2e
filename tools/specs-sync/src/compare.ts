import { type Fact, type Facts, sameValue } from "./fact.ts";
import { judgeAdded, judgeRemoved, judgeValue, type Verdict } from "./judge.ts";
import { comparePatterns, patternText } from "./pattern-order.ts";
import { pairRenamed } from "./rename.ts";

/** How a statement moved. `renamed` is a likelihood, never a certainty. */
export type ChangeKind = "added" | "removed" | "narrowed" | "widened" | "changed" | "renamed";

/** One difference between two versions of a document. */
export interface Change {
  readonly kind: ChangeKind;
  readonly place: string;
  /** What kind of thing it is: operation, element, code … */
  readonly what: string;
  readonly name: string;
  /** Which statement of it; absent when the whole of it came or went. */
  readonly statement?: string;
  readonly before?: string;
  readonly after?: string;
  readonly breaking: boolean;
  readonly why: string;
}

export type Bump = "major" | "minor" | "patch";

/**
 * All differences, in the order of the older document, additions last. What lies inside an added or removed part is not
 * told again.
 */
export function compareFacts(before: Facts, after: Facts): Change[] {
  const changes: Change[] = [];
  const removed: Fact[] = [];
  const added = [...after.values()].filter((f) => !before.has(f.place) && !insideOther(f, after, before));
  for (const fact of before.values()) {
    const now = after.get(fact.place);
    if (now !== undefined) changes.push(...compareValues(fact, now));
    else if (!insideOther(fact, before, after)) removed.push(fact);
  }
  for (const [old, now] of pairRenamed(removed, added)) {
    removed.splice(removed.indexOf(old), 1);
    added.splice(added.indexOf(now), 1);
    changes.push({
      kind: "renamed",
      place: old.place,
      what: old.kind,
      name: old.name,
      before: old.name,
      after: now.name,
      breaking: true,
      why: `likely the same ${old.kind} under another name: code that uses the old name no longer fits`,
    });
    changes.push(...compareValues(old, now));
  }
  for (const fact of removed) changes.push(whole("removed", fact, judgeRemoved(fact)));
  for (const fact of added) changes.push(whole("added", fact, judgeAdded(fact)));
  return changes;
}

/** `major` when something breaks, `minor` when the structure changed at all, `patch` for wording and layout. */
export function bumpOf(changes: readonly Change[]): Bump {
  return changes.some((c) => c.breaking) ? "major" : changes.length > 0 ? "minor" : "patch";
}

/** True when the part around a fact came or went as well. */
function insideOther(fact: Fact, own: Facts, other: Facts): boolean {
  for (let parent = fact.parent; parent !== undefined; parent = own.get(parent)?.parent)
    if (!other.has(parent)) return true;
  return false;
}

function whole(kind: "added" | "removed", fact: Fact, { breaking, why }: Verdict): Change {
  return { kind, place: fact.place, what: fact.kind, name: fact.name, breaking, why };
}

function compareValues(old: Fact, now: Fact): Change[] {
  const changes: Change[] = [];
  for (const statement of new Set([...Object.keys(old.values), ...Object.keys(now.values)])) {
    let a = old.values[statement];
    let b = now.values[statement];
    if (statement === "order" && Array.isArray(a) && Array.isArray(b)) {
      // Parts that came or went are told by themselves; here only those that both have count.
      const [first, second] = [a as readonly string[], b as readonly string[]];
      a = first.filter((name) => second.includes(name));
      b = second.filter((name) => first.includes(name));
    }
    if (sameValue(a, b) || (statement === "pattern" && comparePatterns(patternText(a), patternText(b)) === "equal"))
      continue;
    const { kind, breaking, why } = judgeValue(statement, a, b, now.side);
    changes.push({
      kind,
      place: now.place,
      what: now.kind,
      name: now.name,
      statement,
      ...(a === undefined ? {} : { before: tell(a) }),
      ...(b === undefined ? {} : { after: tell(b) }),
      breaking,
      why,
    });
  }
  return changes;
}

function tell(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)} …` : text;
}
