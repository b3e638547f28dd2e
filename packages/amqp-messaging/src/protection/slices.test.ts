import { describe, expect, it } from "vitest";
import { inSlices } from "./slices.ts";

/** Work that takes as long as a slice of a very large message on a slow machine. */
function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe("inSlices()", () => {
  it("feeds every byte in order, in parts that never exceed a slice", async () => {
    const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, i) => i % 251));
    const parts = [bytes.subarray(0, 3), bytes.subarray(3, 600_003), bytes.subarray(600_003)];
    const seen: Uint8Array[] = [];
    await inSlices(parts, (slice) => seen.push(slice));
    expect(Buffer.concat(seen).equals(bytes)).toBe(true);
    expect(Math.max(...seen.map((s) => s.length))).toBeLessThanOrEqual(256 * 1024);
  });

  it("gives the event loop its turn while there is much to do", async () => {
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await inSlices([Buffer.alloc(10 * 256 * 1024)], () => busy(5));
    running = false;
    expect(turns).toBeGreaterThanOrEqual(9);
  });

  it("ends between two slices when the caller does", async () => {
    const abort = new AbortController();
    let slices = 0;
    const work = inSlices(
      [Buffer.alloc(100 * 256 * 1024)],
      () => {
        busy(5);
        if (++slices === 3) setImmediate(() => abort.abort());
      },
      abort.signal,
    );
    await expect(work).rejects.toMatchObject({ code: "abort/cancelled" });
    expect(slices).toBeLessThan(10);
  });
});
