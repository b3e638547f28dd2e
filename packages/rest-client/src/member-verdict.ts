import { byNames, plainWord } from "./answer-owners.ts";
import { answerWords, operations } from "./gen/helsekontakter.ts";
import { codesIn, isRecord } from "./http-error.ts";

/** What one piece of an answer says: a status, codes, or nothing. */
export interface Verdict {
  readonly status: "accepted" | "rejected" | "unknown";
  readonly codes: readonly string[];
  readonly reason?: string;
}

const faultCodes: Readonly<Record<string, string>> = operations.postBundle.faultCodes;
const notActive = "not-active";

/** The reason behind a known code. */
export function reasonOf(codes: readonly string[]): string | undefined {
  return codes.map((c) => (Object.hasOwn(faultCodes, c) ? faultCodes[c] : undefined)).find((r) => r !== undefined);
}

function verdict(status: Verdict["status"], codes: readonly string[] = [], reason = reasonOf(codes)): Verdict {
  // A code that is known to refuse does so whatever the words around it.
  return { status: reason === undefined ? status : "rejected", codes, ...(reason === undefined ? {} : { reason }) };
}

/** Two verdicts on one member: what they contradict each other in is unknown. */
export function combine(a: Verdict | undefined, b: Verdict): Verdict {
  if (a === undefined) return b;
  const codes = [...new Set([...a.codes, ...b.codes])];
  if (a.status === b.status) return verdict(a.status, codes, a.reason ?? b.reason);
  if (a.status === "unknown") return b;
  if (b.status === "unknown") return a;
  return { status: "unknown", codes };
}

/** An entry of a Bundle: `response`, an OperationOutcome as its resource, or neither. */
export function entryVerdict(entry: Record<string, unknown>): Verdict {
  const response = isRecord(entry["response"]) ? entry["response"] : {};
  const detail = [response["outcome"], entry["resource"]].find(isOutcome);
  const codes = detail === undefined ? [] : codesIn(detail);
  const status = httpStatus(response["status"]);
  if (status !== undefined && !isSuccess(status)) return verdict("rejected", codes);
  if (detail !== undefined) return verdict(hasErrors(detail) ? "rejected" : "accepted", codes);
  const stored = typeof response["location"] === "string" || typeof response["etag"] === "string";
  return verdict(status !== undefined || stored ? "accepted" : "unknown", codes);
}

/** An item of a list that is not FHIR: an object, a flag, an HTTP status, a word or a code. */
export function itemVerdict(item: unknown): Verdict {
  if (!isRecord(item)) return valueVerdict(item);
  if (isRecord(item["response"])) return entryVerdict(item);
  const outcome = isOutcome(item) ? item : Object.values(item).find(isOutcome);
  const codes = [...new Set([...codesOf(item), ...(outcome === undefined ? [] : codesIn(outcome))])];
  if (outcome !== undefined) return verdict(hasErrors(outcome) ? "rejected" : "accepted", codes);
  if (byNames(item, answerWords.activeFlags) === false) return verdict("rejected", codes, notActive);
  const flag = byNames(item, answerWords.flags);
  const flags: Verdict | undefined =
    typeof flag === "boolean" ? verdict(flag ? "accepted" : "rejected", codes) : undefined;
  const named = byNames(item, answerWords.statusNames);
  const status = named === undefined ? undefined : valueVerdict(named);
  if (flags !== undefined || (status !== undefined && status.status !== "unknown")) {
    const both = flags === undefined ? (status as Verdict) : status === undefined ? flags : combine(flags, status);
    return { ...both, codes: [...new Set([...codes, ...both.codes])], ...reasonFrom(codes, both) };
  }
  const code = byNames(item, answerWords.codeNames);
  const word = code === undefined ? undefined : valueVerdict(code);
  if (word !== undefined && word.status !== "unknown") return verdict(word.status, codes, word.reason);
  return verdict("unknown", codes);
}

function reasonFrom(codes: readonly string[], given: Verdict): Pick<Verdict, "status" | "reason"> {
  const reason = given.reason ?? reasonOf(codes);
  return reason === undefined ? { status: given.status } : { status: "rejected", reason };
}

/** A bare value. */
function valueVerdict(value: unknown): Verdict {
  if (typeof value === "boolean") return verdict(value ? "accepted" : "rejected");
  const status = httpStatus(value);
  if (status !== undefined) return verdict(isSuccess(status) ? "accepted" : "rejected");
  if (typeof value !== "string" && typeof value !== "number") return verdict("unknown");
  const text = String(value);
  if (Object.hasOwn(faultCodes, text)) return verdict("rejected", [text]);
  return wordVerdict(text);
}

/** What a word says: also of all members below a name such as `registrert`. */
export function wordVerdict(text: string): Verdict {
  const word = plainWord(text);
  if (has(answerWords.notActive, word)) return verdict("rejected", [], notActive);
  if (has(answerWords.rejected, word)) return verdict("rejected");
  return verdict(has(answerWords.accepted, word) ? "accepted" : "unknown");
}

function has(words: readonly string[], word: string): boolean {
  return words.includes(word);
}

/** Codes of an item that is not FHIR. A number of three digits is a status, no code. */
function codesOf(item: Record<string, unknown>): string[] {
  const value = byNames(item, answerWords.codeNames);
  const own = typeof value === "number" && Number.isSafeInteger(value) && value >= 1_000 && value < 1e6;
  const texts = own ? [String(value)] : [];
  return [...new Set([...codesIn(item).filter((c) => !/^[1-5]\d\d$/.test(c)), ...texts, ...knownWords(value)])];
}

/** A code in a member that `codesIn` does not know by name. */
function knownWords(value: unknown): string[] {
  return typeof value === "string" && /^[A-Z]{2,10}-?\d{1,8}$|^\d{4,6}$/.test(value) ? [value] : [];
}

/** `201`, `"201"`, `"201 Created"`. */
function httpStatus(value: unknown): number | undefined {
  const found = /^\s*([1-5]\d\d)(?:\s|$)/.exec(typeof value === "number" ? String(value) : String(value ?? ""));
  return found === null || typeof value === "object" ? undefined : Number(found[1]);
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

export function isOutcome(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && value["resourceType"] === "OperationOutcome";
}

function hasErrors(value: Record<string, unknown>): boolean {
  return Array.isArray(value["issue"]) && value["issue"].some((issue) => isRecord(issue) && isError(issue));
}

/** `error` and `fatal`; and whatever has a code that is known to refuse. */
export function isError(issue: Record<string, unknown>): boolean {
  return (
    issue["severity"] === "error" ||
    issue["severity"] === "fatal" ||
    reasonOf(codesIn({ issue: [issue] })) !== undefined
  );
}
