import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { useService } from "./_service.ts";

/** A million in the recorded run; few enough here to be quick. */
const wanted = Number(process.env["HELSEKONTAKT_SECURITY_JTIS"] ?? 2_000);
const workers = 2;
const at = useService();

function idsOf(count: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./_jti-worker.ts", import.meta.url), {
      workerData: { count },
      execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"],
    });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

describe("row 02: jti", () => {
  it("row 02: no jti comes twice at a strict service, over assertions, proofs and repetitions", async () => {
    at.sts.rules.nonce = "single-use";
    const s = at.source();
    await Promise.all(Array.from({ length: 60 }, (_, n) => s.getToken({ scopes: [`s${n}`] })));
    const ids = at.sts.tokenCalls.flatMap((c) => [c.claims.jti, c.proof?.claims.jti]);
    expect(ids.length).toBeGreaterThanOrEqual(120);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it(`row 02: no jti comes twice in ${wanted}, over challenges, faults, refused tokens and ${workers} workers`, async () => {
    const lists = await Promise.all(Array.from({ length: workers }, () => idsOf(Math.ceil(wanted / workers))));
    const seen = new Set<string>();
    let count = 0;
    for (const list of lists)
      for (const id of list) {
        count++;
        seen.add(id);
      }
    expect(count).toBeGreaterThanOrEqual(wanted);
    expect(seen.size).toBe(count);
    expect([...seen].every((id) => id.length >= 20)).toBe(true);
    process.stdout.write(`row 02: ${count} ids compared\n`);
  }, 1_800_000);
});
