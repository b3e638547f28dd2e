import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const folder = new URL("../examples/", import.meta.url);
const run = promisify(execFile);

/** What each example prints; sizes of messages vary by a byte or two with the ids in them. */
const printed: Record<string, RegExp[]> = {
  "aktivsjekk.ts": [
    /^2500 of 2500$/m,
    /^3 calls: \{ self: 1750, representative: 250, none: 250, unknown: 250 \}$/m,
    /^125 have been given a representative/m,
  ],
  "aktivsjekk-stream.ts": [
    /^line 1: not-11-digits, not sent$/m,
    /^line 3002: asked before, self all the same$/m,
    /^first round: 3 calls so far, 0 answers from the cache$/m,
    /^2101 self-active: active oneself/m,
    /^second round: 4 calls so far, 2700 answers from the cache$/m,
  ],
  "ekontakt.ts": [
    /^request with 1 attachment\(s\): Vi har fått nytt telefonnummer\.$/m,
    /^our AppRec: accepted$/m,
    /^answer with 0 attachment\(s\): Ja, klokken ti passer\.$/m,
    /^answered in our thread: true$/m,
  ],
  "medlemstjenester.ts": [
    /^members in 2 calls: \{ registered: 14, 'not-active': 6, rejected: 0, unanswered: 0 \}$/m,
    /^tried again: \{ registered: 6, /m,
    /^reconciled: \{ added: 0, changed: 1, withdrawn: 1, unchanged: 18, .*accepted: 2, /m,
  ],
  "notifikasjon.ts": [/^AppRec: accepted$/m, /^not active \(E35\)/m],
  "tjenesteoversikt.ts": [/^list of 2, \d+ bytes: accepted; Helsenorge holds 2$/m, /holds 0$/m],
};

describe("examples", () => {
  it("are these", async () => {
    expect((await readdir(folder)).sort()).toEqual(Object.keys(printed).sort());
  });

  it.each(Object.entries(printed))(
    "U7: %s runs against the sandbox, prints what it should, and is short",
    async (file, lines) => {
      const path = new URL(file, folder);
      expect((await readFile(path, "utf8")).split("\n").length).toBeLessThan(60);
      const { stdout, stderr } = await run(process.execPath, [
        "--conditions=helsekontakt-source",
        "--no-warnings=ExperimentalWarning",
        path.pathname,
      ]);
      for (const line of lines) expect(stdout).toMatch(line);
      expect(stdout).not.toMatch(/\d{11}/);
      expect(stderr).toBe("");
    },
  );
});
