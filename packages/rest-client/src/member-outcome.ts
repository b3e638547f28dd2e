import { Owners, type SentMember } from "./answer-owners.ts";
import { codesIn, isRecord } from "./http-error.ts";
import { combine, entryVerdict, isError, isOutcome, itemVerdict, type Verdict, wordVerdict } from "./member-verdict.ts";

export type { SentMember } from "./answer-owners.ts";

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

/** Verdicts by member, as they are found. */
class Verdicts {
  readonly #found = new Map<SentMember, Verdict>();

  get size(): number {
    return this.#found.size;
  }

  add(owner: SentMember, verdict: Verdict): void {
    this.#found.set(owner, combine(this.#found.get(owner), verdict));
  }

  outcomes(sent: readonly SentMember[], rest?: Verdict): MemberOutcome[] {
    return sent.map((m) => outcome(m, this.#found.get(m) ?? rest));
  }
}

/**
 * Reads one outcome per member from any of the forms that the service may use: a `batch-response` or
 * `transaction-response` Bundle, a Bundle of OperationOutcomes, one OperationOutcome, a plain list or one inside an
 * object, an object by member. The form is not published, so nothing is taken for a yes that does not say so, and what
 * is said twice and differently is unknown.
 *
 * @param answer - the parsed body; `undefined` for an empty one, which tells nothing.
 */
export function readMemberOutcomes(answer: unknown, sent: readonly SentMember[]): MemberOutcome[] {
  const owners = new Owners(sent);
  if (Array.isArray(answer)) return fromItems(answer, sent, owners, itemVerdict).outcomes(sent);
  if (!isRecord(answer)) return new Verdicts().outcomes(sent);
  if (answer["resourceType"] === "Bundle")
    return fromItems(listOf(answer["entry"]), sent, owners, (e) => (isRecord(e) ? entryVerdict(e) : unknown)).outcomes(
      sent,
    );
  if (isOutcome(answer)) return fromOperationOutcome(answer, sent, owners);
  return fromObject(answer, sent, owners);
}

/** Codes of an answer that are about no member in particular. */
export function generalCodes(answer: unknown, sent: readonly SentMember[]): string[] {
  if (!isRecord(answer)) return [];
  if (!isOutcome(answer)) return answer["resourceType"] === "Bundle" ? [] : codesIn(answer);
  const owners = new Owners(sent);
  const issues = listOf(answer["issue"])
    .filter(isRecord)
    .filter((issue) => isError(issue) && placesOf(issue, owners).length === 0);
  return codesIn({ issue: issues });
}

const unknown: Verdict = { status: "unknown", codes: [] };

function outcome(sent: SentMember, { status, codes, reason }: Verdict = unknown): MemberOutcome {
  return {
    index: sent.index,
    ...(sent.fullUrl === undefined ? {} : { fullUrl: sent.fullUrl }),
    status,
    ...(reason === undefined || status !== "rejected" ? {} : { reason }),
    codes,
  };
}

/** Pairs items with members: by name, by index, by the places that an outcome tells, else by order when counts agree. */
function fromItems(
  items: readonly unknown[],
  sent: readonly SentMember[],
  owners: Owners,
  read: (item: unknown) => Verdict,
): Verdicts {
  const verdicts = new Verdicts();
  const shared = new Map<string, { readonly owners: readonly SentMember[]; readonly verdicts: Verdict[] }>();
  const indexes = owners.indexes(items);
  let told = false;
  for (const item of items) {
    if (!isRecord(item)) continue;
    const named = owners.namedBy(item);
    const [first] = named;
    const indexed = indexes.get(item);
    if (first !== undefined && named.length === 1) verdicts.add(first, read(item));
    else if (indexed !== undefined) verdicts.add(indexed, read(item));
    else if (first !== undefined) {
      // One identifier in several entries: counted first, dealt out afterwards.
      const key = String(first.index);
      const group = shared.get(key) ?? { owners: named, verdicts: [] };
      group.verdicts.push(read(item));
      shared.set(key, group);
    } else if (!placeIssues(item, owners, verdicts)) continue;
    told = true;
  }
  for (const group of shared.values())
    if (group.verdicts.length === group.owners.length)
      for (const [i, owner] of group.owners.entries()) verdicts.add(owner, group.verdicts[i] ?? unknown);
  if (!told && items.length === sent.length)
    for (const [place, item] of items.entries()) {
      const owner = sent[place];
      if (owner !== undefined) verdicts.add(owner, read(item));
    }
  return verdicts;
}

/** Issues of an outcome inside an item, as far as each of them names entries. */
function placeIssues(item: Record<string, unknown>, owners: Owners, verdicts: Verdicts): boolean {
  const response = isRecord(item["response"]) ? item["response"] : {};
  const detail = [item, response["outcome"], item["resource"]].find(isOutcome);
  let placed = false;
  for (const issue of listOf(detail?.["issue"]).filter(isRecord))
    for (const owner of placesOf(issue, owners)) {
      placed = true;
      verdicts.add(owner, itemVerdict({ resourceType: "OperationOutcome", issue: [issue] }));
    }
  return placed;
}

/** Errors that name an entry reject that member. With an error that names none, nothing can be said of the rest. */
function fromOperationOutcome(
  answer: Record<string, unknown>,
  sent: readonly SentMember[],
  owners: Owners,
): MemberOutcome[] {
  const issues = listOf(answer["issue"]).filter(isRecord);
  const verdicts = new Verdicts();
  let unplaced = issues.length === 0;
  for (const issue of issues) {
    const places = placesOf(issue, owners);
    if (places.length === 0 && isError(issue)) unplaced = true;
    for (const owner of places)
      if (isError(issue)) verdicts.add(owner, itemVerdict({ resourceType: "OperationOutcome", issue: [issue] }));
  }
  return verdicts.outcomes(sent, unplaced ? unknown : { status: "accepted", codes: [] });
}

/** Entries that an issue is about: by expression or XPath, else by what its text names. */
function placesOf(issue: Record<string, unknown>, owners: Owners): readonly SentMember[] {
  const details = isRecord(issue["details"]) ? issue["details"] : {};
  for (const texts of [[issue["expression"], issue["location"]].flat(), [issue["diagnostics"], details["text"]]]) {
    const found = new Set(texts.filter((t): t is string => typeof t === "string").flatMap((t) => owners.placedBy(t)));
    if (found.size > 0) return [...found];
  }
  return [];
}

/** An object by member, lists by outcome (`registrert`, `avvist`), or one list under whatever name. */
function fromObject(answer: Record<string, unknown>, sent: readonly SentMember[], owners: Owners): MemberOutcome[] {
  const verdicts = new Verdicts();
  for (const [key, value] of Object.entries(answer)) {
    const [owner, second] = owners.named(key);
    if (owner !== undefined && second === undefined) verdicts.add(owner, itemVerdict(value));
  }
  if (verdicts.size > 0) return verdicts.outcomes(sent);
  const lists = Object.entries(answer).filter(([, value]) => Array.isArray(value)) as [string, unknown[]][];
  for (const [name, items] of lists) {
    const said = wordVerdict(name);
    if (said.status === "unknown") continue;
    for (const item of items) {
      const named = typeof item === "string" ? owners.named(item) : isRecord(item) ? owners.namedBy(item) : [];
      const [owner] = named;
      if (owner === undefined || named.length > 1) continue;
      const own = isRecord(item) ? itemVerdict(item) : unknown;
      verdicts.add(owner, said.status === "rejected" ? { ...said, codes: own.codes, ...reasonIn(own, said) } : said);
    }
  }
  if (verdicts.size > 0) return verdicts.outcomes(sent);
  const [only] = lists;
  if (only !== undefined && lists.length === 1) return fromItems(only[1], sent, owners, itemVerdict).outcomes(sent);
  const inner = Object.values(answer).filter(isRecord);
  // A wrapper around one object: one level only, so that no answer is read into meanings that it does not have.
  const [wrapped] = inner;
  if (wrapped !== undefined && inner.length === 1 && lists.length === 0) {
    if (isOutcome(wrapped) || wrapped["resourceType"] === "Bundle") return readMemberOutcomes(wrapped, sent);
    for (const [key, value] of Object.entries(wrapped)) {
      const [owner, second] = owners.named(key);
      if (owner !== undefined && second === undefined) verdicts.add(owner, itemVerdict(value));
    }
  }
  return verdicts.outcomes(sent);
}

function reasonIn(own: Verdict, said: Verdict): { reason?: string } {
  const reason = own.reason ?? said.reason;
  return reason === undefined ? {} : { reason };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
