import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.ts";

/**
 * Fetches the upstream address of each document that has a machine-readable one and compares its sum with
 * `upstream.sha256` of the manifest, where a sum was recorded. Documents without a recorded sum are listed, not passed
 * over in silence. Exit code 1 when upstream moved, 2 when an address could not be asked.
 */
interface Watched {
  readonly id: string;
  readonly upstream: { readonly address: string; readonly sha256?: string };
}

const { documents } = JSON.parse(readFileSync(join(root, "specs/manifest.json"), "utf8")) as { documents: Watched[] };
let moved = 0;
let unreachable = 0;
for (const { id, upstream } of documents) {
  if (upstream.sha256 === undefined) {
    process.stdout.write(
      `${id}: no sum of upstream's own document is recorded, look at it by hand: ${upstream.address}\n`,
    );
    continue;
  }
  try {
    const response = await fetch(upstream.address, { redirect: "follow", signal: AbortSignal.timeout(30_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const sum = createHash("sha256")
      .update(Buffer.from(await response.arrayBuffer()))
      .digest("hex");
    const same = sum === upstream.sha256;
    if (!same) moved++;
    process.stdout.write(`${id}: ${same ? "unchanged" : `MOVED, now sha256 ${sum}`}\n`);
  } catch (error) {
    unreachable++;
    process.stdout.write(`${id}: expected an answer from ${upstream.address}, found ${(error as Error).message}\n`);
  }
}
process.stdout.write(`${documents.length} documents, ${moved} moved, ${unreachable} unreachable\n`);
process.exitCode = moved > 0 ? 1 : unreachable > 0 ? 2 : 0;
