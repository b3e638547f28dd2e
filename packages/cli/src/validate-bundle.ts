import { Buffer } from "node:buffer";
import type { Issue } from "@helsekontakt/core";
import type { BundleParts } from "@helsekontakt/validators/fhir-runtime";
import type { BundleForm, BundleFrame, EntryReading, Json, OpenChunks } from "./bundle-form.ts";
import { type LineProgress, maxListedIssues } from "./validate-lines.ts";

/**
 * Validates a Bundle of any size: two readings of the file, one entry in memory at a time. Each entry is judged in a Bundle
 * of its own with all that the Bundle has beside entries, and with stand-ins for the entries that it names, so that references
 * are followed and the Bundle's rules about entries apply. Not judged is whether an entry that another names has a profile which
 * the reference asks for, and whether two entries have elements of one id outside of their resources; which invariants of a
 * profile look at all entries at once, and so were not checked, is told as a warning. What is kept is the addresses of the
 * entries, and the first issues.
 *
 * @param form - whether it is JSON or XML.
 * @param parts - by which rules.
 * @returns undefined for what cannot be judged by entries: no Bundle, or a document or message, whose first entry has rules of
 *   its own.
 */
export async function validateBundleStream(
  open: OpenChunks,
  form: BundleForm,
  parts: BundleParts,
  onProgress: (progress: LineProgress) => void = () => undefined,
): Promise<readonly Issue[] | undefined> {
  const known = new KnownEntries();
  const frame = await form(
    open,
    (value, index) => known.add(value, index),
    (bytes) => onProgress({ resources: 0, bytes }),
  );
  if (frame === undefined || !("each" in frame)) return frame;
  const { resourceType, type } = frame.bundle;
  if (resourceType !== "Bundle" || type === "document" || type === "message") return undefined;
  const judge = new EntryJudge(known, parts);
  if (frame.entries === 0) judge.whole(frame.empty());
  await frame.each(
    open,
    {
      entry: (reading, index) => judge.entry(reading, index),
      beside: (issue) => judge.beside(issue),
    },
    onProgress,
  );
  judge.rest(frame);
  return judge.issues();
}

/** What may be named from elsewhere in the file. */
class KnownEntries {
  /** Resource type by the address of its entry, and by `Type/id` where the address ends in it. */
  readonly types = new Map<string, string>();
  /** Entries whose address and version an earlier one has. */
  readonly repeated = new Set<number>();
  readonly #versions = new Set<string>();
  readonly #types = new Map<string, string>();

  add(entry: unknown, index: number): void {
    const { fullUrl: address, _fullUrl, resource } = (entry ?? {}) as Json & { resource?: Json };
    // One without a value is an address as well, the same for all of them.
    const fullUrl = address === undefined && _fullUrl !== undefined ? "" : address;
    if (typeof fullUrl !== "string") return;
    const { resourceType, id, meta } = (resource ?? {}) as { resourceType?: unknown; id?: unknown; meta?: Json };
    const own = copyOf(fullUrl);
    const version = meta?.["versionId"];
    const key = typeof version === "string" ? copyOf(`${fullUrl} ${version}`) : own;
    if (this.#versions.has(key)) this.repeated.add(index);
    else this.#versions.add(key);
    if (typeof resourceType !== "string") return;
    const type = this.#type(resourceType);
    this.types.set(own, type);
    if (typeof id === "string" && fullUrl.endsWith(`/${type}/${id}`)) this.types.set(copyOf(`${type}/${id}`), type);
  }

  /** One text for all of a type. */
  #type(name: string): string {
    let type = this.#types.get(name);
    if (type === undefined) this.#types.set(copyOf(name), (type = copyOf(name)));
    return type;
  }
}

/** A text that does not keep the document in memory out of which it was cut. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** Puts the verdicts on the entries together. */
class EntryJudge {
  readonly #known: KnownEntries;
  readonly #parts: BundleParts;
  readonly #issues: Issue[] = [];
  /** Of what is said of the Bundle itself, how often each was said of one entry's Bundle at most. */
  readonly #said = new Map<string, number>();
  readonly #more = { error: 0, warning: 0, entry: 0 };

  constructor(known: KnownEntries, parts: BundleParts) {
    this.#known = known;
    this.#parts = parts;
  }

  /** A Bundle without entries. */
  whole(reading: EntryReading): void {
    this.#ofBundle(this.#judged(reading, []));
  }

  entry(reading: EntryReading, index: number): void {
    const entries = (reading.resource as { entry?: unknown } | undefined)?.entry;
    const entry: unknown = Array.isArray(entries) ? entries[0] : undefined;
    const beside = typeof entry === "object" && entry !== null ? this.#besideOf(entry as Json, index) : [];
    const ofBundle: Issue[] = [];
    for (const issue of this.#judged(reading, beside)) {
      const place = /^Bundle\.entry\[(\d+)\]/.exec(issue.path);
      if (place === null) ofBundle.push(issue);
      else if (place[1] === "0" && !isOfStandIn(issue, entry as Json | undefined)) {
        const path = `Bundle.entry[${index}]${issue.path.slice(place[0].length)}`;
        this.#note({ ...issue, path }, index);
      }
    }
    this.#ofBundle(ofBundle);
  }

  /** Something between the entries. */
  beside(issue: Issue): void {
    this.#note(issue, 0);
  }

  /** What profiles ask of all entries. */
  rest({ line, entriesLine }: BundleFrame): void {
    for (const issue of this.#parts.rest())
      this.#note({ ...issue, line: issue.path.startsWith("Bundle.entry") ? entriesLine : line }, 0);
  }

  #judged(reading: EntryReading, beside: readonly unknown[]): readonly Issue[] {
    const { resource, issues } = reading;
    return reading.placed(resource === undefined ? issues : [...issues, ...this.#parts.judge(resource, beside)]);
  }

  #besideOf(entry: Json, index: number): readonly unknown[] {
    // What the Bundle's rules ask of every entry its neighbours have as it has it.
    const { request, response, search, ...own } = entry;
    const same = Object.fromEntries(
      Object.entries({ request, response, search }).filter(([, value]) => value !== undefined),
    );
    const beside: unknown[] = this.#known.repeated.has(index) ? [{ ...same, ...twin(own) }] : [];
    for (const [name, type] of this.#named(entry)) beside.push({ ...same, ...standIn(name, type) });
    return beside;
  }

  /** Entries that a text in the value names. */
  #named(value: unknown): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    const open: unknown[] = [value];
    for (let v = open.pop(); v !== undefined; v = open.pop()) {
      if (typeof v === "string") {
        const type = this.#known.types.get(v);
        if (type !== undefined) found.set(v, type);
      } else if (typeof v === "object" && v !== null) for (const x of Object.values(v)) open.push(x ?? 0);
    }
    const own = (value as Json)["fullUrl"];
    if (typeof own === "string") found.delete(own);
    return found;
  }

  /** Each of them shows in the Bundles of many entries. */
  #ofBundle(issues: readonly Issue[]): void {
    const times = new Map<string, number>();
    for (const issue of issues) {
      const key = `${issue.rule} ${issue.path}`;
      const count = (times.get(key) ?? 0) + 1;
      times.set(key, count);
      if (count <= (this.#said.get(key) ?? 0)) continue;
      this.#said.set(key, count);
      this.#note(issue, 0);
    }
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
function twin({ fullUrl, _fullUrl, resource }: Json): Json {
  const { resourceType, meta } = (resource ?? {}) as Json;
  const address = fullUrl === undefined ? { _fullUrl } : { fullUrl };
  return { ...address, resource: { resourceType, ...(meta === undefined ? {} : { meta }) } };
}

/** True for a target that lacks a profile where the target is a stand-in: it has no content that a profile could hold of. */
function isOfStandIn({ rule, path }: Issue, entry: Json | undefined): boolean {
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
