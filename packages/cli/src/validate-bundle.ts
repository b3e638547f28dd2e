import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { BundleSplitter, type Piece, type SplitFault } from "./bundle-splitter.ts";
import { type LineProgress, maxListedIssues } from "./validate-lines.ts";

/** Largest entry, and largest other member: each is held in memory whole. */
const maxPiece = 64 * 1024 * 1024;

/** Reads the file from its beginning, in chunks. */
export type OpenChunks = () => AsyncIterable<Uint8Array>;

/** Validates the text of one resource; lines in its issues count within the text. */
export type ValidateText = (text: string) => readonly Issue[];

type Json = Record<string, unknown>;

/** What the first reading finds: all members but the entries, and what may be named from elsewhere. */
interface Head {
  readonly members: Map<string, { readonly text: string; readonly line: number }>;
  /** Resource type by the address of its entry, and by `Type/id` where the address ends in it. */
  readonly types: Map<string, string>;
  /** Entries whose address and version an earlier one has. */
  readonly repeated: Set<number>;
  readonly entries: number;
}

/**
 * Validates a Bundle of any size: two readings of the file, one entry in memory at a time. Each entry is judged in a Bundle
 * of its own with all the other members, beside stand-ins for the entries that it names, so that references are followed and
 * the Bundle's rules about entries apply. Not judged is whether an entry that another names has a profile which the reference
 * asks for, and whether two entries have elements of one id outside of their resources. What is kept is the addresses of the
 * entries, and the first issues.
 *
 * @returns undefined for what cannot be judged by entries: no Bundle, a document or message, whose first entry has rules of
 *   its own, or one whose profile counts entries.
 */
export async function validateBundleStream(
  open: OpenChunks,
  validate: ValidateText,
  onProgress: (progress: LineProgress) => void = () => undefined,
): Promise<readonly Issue[] | undefined> {
  const head = await readHead(open, onProgress);
  if (!("members" in head)) return head.reason === "not-an-object" ? undefined : [faultIssue(head)];
  const value = (name: string): unknown => parsed(head.members.get(name)?.text);
  if (value("resourceType") !== "Bundle" || value("type") === "document" || value("type") === "message")
    return undefined;
  if ((value("meta") as Json | undefined)?.["profile"] !== undefined) return undefined;
  const judge = new EntryJudge(head, validate);
  if (head.entries === 0) judge.whole();
  const splitter = new BundleSplitter(
    { member: () => undefined, entry: (piece, index) => judge.entry(piece, index) },
    maxPiece,
  );
  for await (const chunk of open()) {
    splitter.write(chunk);
    onProgress({ resources: splitter.entries, bytes: splitter.bytes });
  }
  return judge.issues();
}

async function readHead(open: OpenChunks, onProgress: (progress: LineProgress) => void): Promise<Head | SplitFault> {
  const members: Head["members"] = new Map();
  const types: Head["types"] = new Map();
  const repeated: Head["repeated"] = new Set();
  const versions = new Set<string>();
  let twice: SplitFault | undefined;
  const splitter = new BundleSplitter(
    {
      member(name, { bytes, line }) {
        if (members.has(name)) twice ??= { line, reason: "broken" };
        members.set(name, { text: textOf(bytes), line });
      },
      entry({ bytes }, index) {
        const { fullUrl, resource } = (parsed(textOf(bytes)) ?? {}) as { fullUrl?: unknown; resource?: Json };
        if (typeof fullUrl !== "string") return;
        const { resourceType, id, meta } = (resource ?? {}) as { resourceType?: unknown; id?: unknown; meta?: Json };
        const version = meta?.["versionId"];
        const key = typeof version === "string" ? `${fullUrl} ${version}` : fullUrl;
        if (versions.has(key)) repeated.add(index);
        else versions.add(key);
        if (typeof resourceType !== "string") return;
        types.set(fullUrl, resourceType);
        if (typeof id === "string" && fullUrl.endsWith(`/${resourceType}/${id}`))
          types.set(`${resourceType}/${id}`, resourceType);
      },
    },
    maxPiece,
  );
  for await (const chunk of open()) {
    splitter.write(chunk);
    onProgress({ resources: 0, bytes: splitter.bytes });
  }
  splitter.end();
  return splitter.fault ?? twice ?? { members, types, repeated, entries: splitter.entries };
}

/** Puts the verdicts on the entries together. */
class EntryJudge {
  readonly #head: Head;
  readonly #validate: ValidateText;
  readonly #others: string;
  readonly #issues: Issue[] = [];
  readonly #said = new Set<string>();
  readonly #more = { error: 0, warning: 0, entry: 0 };

  constructor(head: Head, validate: ValidateText) {
    this.#head = head;
    this.#validate = validate;
    // On one line, so that the lines of an entry are counted from its own first one.
    this.#others = [...head.members].map(([name, { text }]) => `${JSON.stringify(name)}:${onOneLine(text)},`).join("");
  }

  /** A Bundle without entries. */
  whole(): void {
    for (const issue of this.#validate(`{${this.#others.slice(0, -1)}}`)) this.#ofBundle(issue);
  }

  entry({ bytes, line }: Piece, index: number): void {
    const text = textOf(bytes);
    const value = parsed(text);
    if (typeof value !== "object" || value === null) {
      this.#note({ ...faultIssue({ line, reason: "broken" }), path: `Bundle.entry[${index}]` }, index);
      return;
    }
    const { request, response, search, ...entry } = value as Json;
    // What the Bundle's rules ask of every entry its neighbours have as it has it.
    const same = JSON.parse(JSON.stringify({ request, response, search })) as Json;
    const beside = this.#head.repeated.has(index) ? [{ ...same, ...twin(entry) }] : [];
    for (const [name, type] of this.#named(value)) beside.push({ ...same, ...standIn(name, type) });
    const mini = `{${this.#others}"entry":[${[text, ...beside.map((e) => JSON.stringify(e))].join(",")}]}`;
    for (const issue of this.#validate(mini)) {
      const place = /^Bundle\.entry\[(\d+)\]/.exec(issue.path);
      if (place === null) this.#ofBundle(issue);
      else if (place[1] === "0" && !isOfStandIn(issue, value as Json)) {
        const path = `Bundle.entry[${index}]${issue.path.slice(place[0].length)}`;
        this.#note({ ...issue, path, line: line + (issue.line ?? 1) - 1 }, index);
      }
    }
  }

  /** Entries that a text in the value names. */
  #named(value: unknown): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    const open: unknown[] = [value];
    for (let v = open.pop(); v !== undefined; v = open.pop()) {
      if (typeof v === "string") {
        const type = this.#head.types.get(v);
        if (type !== undefined) found.set(v, type);
      } else if (typeof v === "object" && v !== null) for (const x of Object.values(v)) open.push(x ?? 0);
    }
    const own = (value as Json)["fullUrl"];
    if (typeof own === "string") found.delete(own);
    return found;
  }

  /** Each of them shows in the Bundles of many entries. */
  #ofBundle(issue: Issue): void {
    const key = `${issue.rule} ${issue.path}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    const step = issue.path.split(/[.[]/, 2)[1];
    const line = this.#head.members.get(step ?? "")?.line ?? 1;
    this.#note({ ...issue, line }, 0);
  }

  #note(issue: Issue, index: number): void {
    if (this.#issues.length < maxListedIssues) this.#issues.push(issue);
    else {
      this.#more[issue.level === "error" ? "error" : "warning"]++;
      this.#more.entry ||= index;
    }
  }

  issues(): readonly Issue[] {
    const { error, warning, entry } = this.#more;
    if (error + warning === 0) return this.#issues;
    const message = `expected at most ${maxListedIssues} issues in the list, found more: ${error} errors and ${warning} warnings from entry ${entry} on are counted only`;
    return [
      ...this.#issues,
      { level: error > 0 ? "error" : "warning", rule: "fhir/more-issues", path: "Bundle", message },
    ];
  }
}

/** An entry with the same address and version. */
function twin({ fullUrl, resource }: Json): Json {
  const { resourceType, meta } = (resource ?? {}) as Json;
  return { fullUrl, resource: { resourceType, ...(meta === undefined ? {} : { meta }) } };
}

/** True for a target that lacks a profile where the target is a stand-in: it has no content that a profile could hold of. */
function isOfStandIn({ rule, path }: Issue, entry: Json): boolean {
  if (rule !== "fhir/target-profile") return false;
  // Behind `Bundle.entry[0]`.
  const steps = path.split(/[.[\]]+/).slice(3);
  const reference = steps.reduce<unknown>((at, step) => (at as Json | undefined)?.[step], entry);
  return typeof reference === "string" && !reference.startsWith("#");
}

/** What stands for an entry elsewhere in the file: its address and type, which is what references of base types ask for. */
function standIn(name: string, type: string): Json {
  if (!/^[A-Za-z]+\/[^/:]+$/.test(name)) return { fullUrl: name, resource: { resourceType: type } };
  return {
    fullUrl: `https://elsewhere.invalid/${name}`,
    resource: { resourceType: type, id: name.slice(type.length + 1) },
  };
}

/** JSON has line ends between its parts only. */
function onOneLine(json: string): string {
  return json.replaceAll(/[\r\n]/g, " ");
}

/** Bytes that are not UTF-8 are no JSON either. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return "";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultIssue({ reason, line }: SplitFault): Issue {
  const [code, message] =
    reason === "too-large"
      ? (["input/too-large", `expected entries and members of at most ${maxPiece} bytes, found a larger one`] as const)
      : (["fhir/not-readable", "expected JSON, found a text that is none"] as const);
  return { level: "error", rule: code, path: "", line, message: new HelsekontaktError(code, message).message };
}
