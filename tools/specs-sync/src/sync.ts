import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GeneratorError, readManifest, type SpecEntry, updateManifest } from "@helsekontakt/codegen";
import { carryOver } from "./carry-over.ts";
import { type Change, bumpOf, compareFacts } from "./compare.ts";
import { factsOf, type SpecDocument } from "./facts/index.ts";
import type { Facts } from "./fact.ts";
import { identityOf, type Missing, openSource, type Present } from "./fetch.ts";
import { impactOf, readOrigins } from "./impact.ts";
import { applyOverlay } from "./overlay.ts";
import type { DocumentReport } from "./report.ts";

export interface SyncOptions {
  /** The repository: `specs/` and `packages/` lie below it. */
  readonly root: string;
  /** Ids of the manifest; none stands for all. */
  readonly ids: readonly string[];
  readonly from: string | undefined;
}

/** What a run found, and what {@link applySync} would write. */
export interface SyncPlan {
  readonly reports: readonly DocumentReport[];
  readonly entries: readonly SpecEntry[];
  readonly writes: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly upstreamSum: string }>;
}

interface Upstream {
  readonly original: Uint8Array;
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly carried: readonly string[];
  readonly lost: readonly string[];
  readonly overlays: readonly string[];
}

/**
 * Fetches, compares, reports; nothing is written. Documents that were not found stay as they are.
 *
 * @throws {GeneratorError} for an unknown id, for an overlay that no longer matches, and for constructs that the generators
 *   do not know
 */
export async function planSync({ root, ids, from }: SyncOptions): Promise<SyncPlan> {
  const specsDir = join(root, "specs");
  const entries = readManifest(specsDir);
  for (const id of ids)
    if (!entries.some((e) => e.id === id))
      throw new GeneratorError(
        "command line",
        undefined,
        id,
        `ids of specs/manifest.json: ${entries.map((e) => e.id).join(", ")}`,
      );
  const present = entries.map((entry): SpecDocument => ({ entry, bytes: readFileSync(join(specsDir, entry.path)) }));
  const before = factsOf(present);
  const source = openSource(from);
  const missing = new Map<string, Missing>();
  const candidates = new Map<SpecDocument, readonly Upstream[]>();
  for (const document of present) {
    const { entry } = document;
    if (
      entry.kind === "messages" ||
      entry.kind === "environments" ||
      entry.kind === "rules" ||
      entry.kind === "registries" ||
      (ids.length > 0 && !ids.includes(entry.id))
    )
      continue;
    const found = await source.find(entry, identityOf(document.bytes, entry.path));
    const there = found.filter((f): f is Present => "bytes" in f);
    if (there.length > 0)
      candidates.set(
        document,
        there.map((f) => prepare(specsDir, document, f)),
      );
    else missing.set(entry.id, found.find((f): f is Missing => "missing" in f) ?? { missing: "nothing found" });
  }
  const upstream = choose(present, before, candidates);
  for (const { entry } of candidates.keys())
    if (!upstream.has(entry.id))
      missing.set(entry.id, { missing: "what was found stands for another document, or does not compile here" });
  const next = present.map((d) => ({ ...d, bytes: upstream.get(d.entry.id)?.bytes ?? d.bytes }));
  const after = factsOf(next);
  const origins = readOrigins(root);
  const { messages } = JSON.parse(readFileSync(join(specsDir, "messages.json"), "utf8")) as {
    messages: Readonly<Record<string, unknown>>[];
  };
  const reports: DocumentReport[] = [];
  const writes = new Map<string, { bytes: Uint8Array; upstreamSum: string }>();
  for (const { entry, bytes } of present) {
    const absent = missing.get(entry.id);
    const found = upstream.get(entry.id);
    const base = {
      id: entry.id,
      kind: entry.kind,
      carried: [],
      lost: [],
      overlays: [],
      changes: [] as Change[],
      impact: { symbols: [], functions: [] },
    };
    if (absent !== undefined)
      reports.push({ ...base, state: absent.failed === true ? "not reached" : "not found", note: absent.missing });
    if (found === undefined) continue;
    const changes = compareFacts(before.get(entry.id) as Facts, after.get(entry.id) as Facts);
    // A document that was taken over is held against what was taken, not against what we put on it.
    const recorded = (entry.upstream as { readonly sha256?: string }).sha256;
    const same = Buffer.compare(found.bytes, bytes) === 0 || recorded === sum(found.original);
    if (!same) writes.set(entry.id, { bytes: found.bytes, upstreamSum: sum(found.original) });
    const identity = identityOf(bytes, entry.path);
    reports.push({
      ...base,
      state: same ? "unchanged" : changes.length === 0 ? "same facts" : "moved",
      from: found.from,
      ...(same ? {} : { bump: bumpOf(changes) }),
      changes,
      impact: impactOf(entry, changes, origins, messages, identity),
      carried: found.carried,
      lost: found.lost,
      overlays: found.overlays,
    });
  }
  return { reports, entries, writes };
}

/** Writes upstream's documents and the manifest: from here on they are confirmed by being upstream's own. */
export function applySync(root: string, plan: SyncPlan): void {
  const specsDir = join(root, "specs");
  for (const [id, { bytes }] of plan.writes) {
    const entry = plan.entries.find((e) => e.id === id) as SpecEntry;
    writeFileSync(join(specsDir, entry.path), bytes);
  }
  const documents = plan.entries.map((entry) => {
    const written = plan.writes.get(entry.id);
    if (written === undefined) return entry;
    return {
      ...entry,
      upstream: { ...entry.upstream, sha256: written.upstreamSum },
      confirmed: ["upstream's own document"],
      inferred: [],
    };
  });
  writeFileSync(join(specsDir, "manifest.json"), `${JSON.stringify({ documents }, null, 2)}\n`);
  updateManifest(specsDir);
}

function prepare(specsDir: string, { entry, bytes }: SpecDocument, { bytes: original, from }: Present): Upstream {
  const {
    bytes: whole,
    carried,
    lost,
  } = entry.kind === "openapi"
    ? carryOver(bytes, original, `specs/${entry.path}`)
    : { bytes: original, carried: [], lost: [] };
  const corrected = applyOverlay(specsDir, entry.id, whole);
  return { original, bytes: corrected.bytes, from, carried, lost, overlays: corrected.reasons };
}

/**
 * Copies and variants of a document may lie side by side, and several of ours may have one namespace. Each of ours takes
 * the one that differs least from it, and each of upstream's stands for one of ours.
 */
function choose(
  present: readonly SpecDocument[],
  before: ReadonlyMap<string, Facts>,
  candidates: ReadonlyMap<SpecDocument, readonly Upstream[]>,
): Map<string, Upstream> {
  const ranked: { readonly id: string; readonly upstream: Upstream; readonly changes: number }[] = [];
  const wanted = new Map<string, number>();
  for (const list of candidates.values()) for (const { from } of list) wanted.set(from, (wanted.get(from) ?? 0) + 1);
  for (const [own, list] of candidates) {
    const { id, kind } = own.entry;
    const alone = list.length === 1 && wanted.get(list[0]?.from ?? "") === 1;
    for (const upstream of list) {
      if (alone) ranked.push({ id, upstream, changes: 0 });
      else {
        const set = present.map((d) => (d === own ? { ...d, bytes: upstream.bytes } : d));
        try {
          const facts = factsOf(set.filter((d) => d.entry.kind === kind));
          const changes = compareFacts(before.get(id) as Facts, facts.get(id) as Facts).length;
          ranked.push({ id, upstream, changes });
        } catch (error) {
          if (!(error instanceof GeneratorError)) throw error;
        }
      }
    }
  }
  const chosen = new Map<string, Upstream>();
  const taken = new Set<string>();
  for (const { id, upstream } of ranked.sort((a, b) => a.changes - b.changes)) {
    const content = sum(upstream.original);
    if (chosen.has(id) || taken.has(content)) continue;
    chosen.set(id, upstream);
    taken.add(content);
  }
  return chosen;
}

function sum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
