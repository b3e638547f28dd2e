import { operations } from "./gen/helsekontakter.ts";
import { codesIn, isRecord, member } from "./http-error.ts";

const faultCodes: Readonly<Record<string, string>> = operations.postBundle.faultCodes;

/**
 * What became of one member. `unknown`: the answer does not tell; the member must be asked about or sent again, it is
 * neither registered nor refused for certain.
 */
export interface MemberOutcome {
  /** Index of the member's entry in the Bundle that was sent, from 0. */
  readonly index: number;
  readonly fullUrl?: string;
  readonly status: "accepted" | "rejected" | "unknown";
  /** `not-active`: not digitally active on Helsenorge (or no consent): keep the member and try again later. */
  readonly reason?: string;
  /** The service's codes for this member, verbatim. */
  readonly codes: readonly string[];
}

/** A member's entry in the Bundle that was sent. */
export interface SentMember {
  readonly index: number;
  readonly fullUrl: string | undefined;
  /** Identifier values, for answers that repeat them. They go nowhere else. */
  readonly identifiers: readonly string[];
}

/** What one piece of an answer says: a status, codes, or nothing. */
interface Verdict {
  readonly status: MemberOutcome["status"];
  readonly codes: readonly string[];
}

/**
 * Reads one outcome per member from any of the forms that the service may use: a `batch-response` or
 * `transaction-response` Bundle, an OperationOutcome, a plain JSON list. The form is not published, so nothing is
 * taken for a yes that does not say so.
 */
export function readMemberOutcomes(answer: unknown, sent: readonly SentMember[]): MemberOutcome[] {
  if (Array.isArray(answer)) return fromItems(answer, sent, listVerdict);
  if (!isRecord(answer)) return sent.map((m) => outcome(m, undefined));
  if (answer["resourceType"] === "Bundle" && Array.isArray(answer["entry"]))
    return fromItems(answer["entry"], sent, entryVerdict);
  if (answer["resourceType"] === "OperationOutcome") return fromOperationOutcome(answer, sent);
  // A list inside an object, under whatever name.
  const lists = Object.values(answer).filter(Array.isArray);
  return lists.length === 1
    ? fromItems(lists[0] as unknown[], sent, listVerdict)
    : sent.map((m) => outcome(m, undefined));
}

function outcome(sent: SentMember, verdict: Verdict | undefined): MemberOutcome {
  const codes = verdict?.codes ?? [];
  const reason = codes.map((c) => faultCodes[c]).find((r) => r !== undefined);
  return {
    index: sent.index,
    ...(sent.fullUrl === undefined ? {} : { fullUrl: sent.fullUrl }),
    status: verdict?.status ?? "unknown",
    ...(reason === undefined ? {} : { reason }),
    codes,
  };
}

/** Pairs items with members: by address or identifier where an item names one, else by place when the counts agree. */
function fromItems(
  items: readonly unknown[],
  sent: readonly SentMember[],
  read: (item: Record<string, unknown>) => Verdict,
): MemberOutcome[] {
  const byName = new Map<string, SentMember>();
  for (const m of sent) for (const name of [m.fullUrl, ...m.identifiers]) if (name !== undefined) byName.set(name, m);
  const verdicts = new Map<SentMember, Verdict>();
  let named = 0;
  for (const item of items) {
    if (!isRecord(item)) continue;
    const owner = namesIn(item)
      .map((n) => byName.get(n))
      .find((m) => m !== undefined);
    if (owner === undefined) continue;
    named++;
    verdicts.set(owner, read(item));
  }
  if (named === 0 && items.length === sent.length)
    for (const [place, item] of items.entries()) {
      const owner = sent[place];
      if (owner !== undefined && isRecord(item)) verdicts.set(owner, read(item));
    }
  return sent.map((m) => outcome(m, verdicts.get(m)));
}

/** Texts by which an item may name its member: its own members and those of an identifier or a repeated resource. */
function namesIn(item: Record<string, unknown>): string[] {
  const names: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (typeof value === "string") names.push(value);
    else if (depth > 0 && Array.isArray(value)) for (const v of value) collect(v, depth - 1);
    else if (depth > 0 && isRecord(value)) for (const v of Object.values(value)) collect(v, depth - 1);
  };
  for (const [key, value] of Object.entries(item)) if (!/^(response|outcome)$/i.test(key)) collect(value, 3);
  return names;
}

function entryVerdict(entry: Record<string, unknown>): Verdict {
  const response = isRecord(entry["response"]) ? entry["response"] : {};
  const detail = isRecord(response["outcome"])
    ? response["outcome"]
    : isOutcome(entry["resource"])
      ? entry["resource"]
      : undefined;
  const codes = detail === undefined ? [] : codesIn(detail);
  const status = /^\s*([1-5]\d\d)/.exec(String(response["status"] ?? ""))?.[1];
  if (status !== undefined && !status.startsWith("2")) return { status: "rejected", codes };
  if (detail !== undefined && hasErrors(detail)) return { status: "rejected", codes };
  return status === undefined && detail === undefined ? { status: "unknown", codes } : { status: "accepted", codes };
}

function listVerdict(item: Record<string, unknown>): Verdict {
  if (isRecord(item["response"])) return entryVerdict(item);
  const nested = Object.values(item).find(isOutcome) ?? (isOutcome(item) ? item : undefined);
  const codes = [...new Set([...codesIn(item), ...(nested === undefined ? [] : codesIn(nested))])];
  if (nested !== undefined) return { status: hasErrors(nested) ? "rejected" : "accepted", codes };
  for (const name of ["success", "ok", "accepted", "registered"]) {
    const flag = member(item, name);
    if (typeof flag === "boolean") return { status: flag ? "accepted" : "rejected", codes };
  }
  for (const name of ["status", "statuscode", "httpstatus"]) {
    const status = /^\s*([1-5]\d\d)\b/.exec(String(member(item, name) ?? ""))?.[1];
    if (status !== undefined) return { status: status.startsWith("2") ? "accepted" : "rejected", codes };
  }
  return { status: codes.some((c) => c in faultCodes) ? "rejected" : "unknown", codes };
}

/** Errors that name an entry reject that member. With an error that names none, nothing can be said of the rest. */
function fromOperationOutcome(answer: Record<string, unknown>, sent: readonly SentMember[]): MemberOutcome[] {
  const issues = (Array.isArray(answer["issue"]) ? answer["issue"] : []).filter(isRecord);
  const errors = issues.filter(isError);
  const rejected = new Map<number, string[]>();
  let unplaced = issues.length === 0;
  for (const issue of errors) {
    const places = entryPlaces(issue);
    if (places.length === 0) unplaced = true;
    for (const place of places) rejected.set(place, [...(rejected.get(place) ?? []), ...codesIn({ issue: [issue] })]);
  }
  return sent.map((m) => {
    const codes = rejected.get(m.index);
    if (codes !== undefined) return outcome(m, { status: "rejected", codes });
    return outcome(m, unplaced ? undefined : { status: "accepted", codes: [] });
  });
}

function entryPlaces(issue: Record<string, unknown>): number[] {
  const texts = [issue["expression"], issue["location"]].flat().filter((t): t is string => typeof t === "string");
  return texts.flatMap((text) => {
    const place = /\bentry\[(\d+)\]/i.exec(text)?.[1];
    return place === undefined ? [] : [Number(place)];
  });
}

function isOutcome(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && value["resourceType"] === "OperationOutcome";
}

function hasErrors(value: Record<string, unknown>): boolean {
  return Array.isArray(value["issue"]) && value["issue"].some((issue) => isRecord(issue) && isError(issue));
}

function isError(issue: Record<string, unknown>): boolean {
  return issue["severity"] === "error" || issue["severity"] === "fatal";
}
