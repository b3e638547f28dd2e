import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";
import { type FileVerdict, validateFile, validateLineStream } from "./validate-file.ts";
import { maxListedIssues } from "./validate-lines.ts";

const at = scratch();
const good = '{"resourceType":"Patient","active":true,"name":[{"family":"Syntetisk"}]}\n';
const bad = '{"resourceType":"Patient","gender":"x"}\n';

/** Chunks of `size` bytes; `onPull` runs before each. */
async function* chunksOf(text: string, size: number, onPull: (given: number) => void = () => undefined) {
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += size) {
    onPull(i);
    yield bytes.subarray(i, i + size);
    await Promise.resolve();
  }
}

describe("lines of resources", () => {
  it("give one verdict, however the bytes are cut", async () => {
    const text = `\ufeff${good}\r\n${bad}${good.replace("Syntetisk", "Åse 😀")}${bad.trim()}`;
    const whole = validateFile("a.ndjson", Buffer.from(text));
    expect(whole.issues.map((i) => `${i.rule} ${i.line}`)).toEqual(["fhir/binding 3", "fhir/binding 5"]);
    for (const size of [1, 2, 3, 7, 64, 1000])
      expect(await validateLineStream("a.ndjson", chunksOf(text, size))).toEqual(whole);
  });

  it("are judged as they come: nothing is kept but the line that is not whole yet", async () => {
    const lines = 20_000;
    const progress = { resources: 0, bytes: 0 };
    const behind: number[] = [];
    const verdict = await validateLineStream(
      "a.ndjson",
      chunksOf(good.repeat(lines), 4096, (given) => {
        behind.push(Math.floor(given / good.length) - progress.resources);
      }),
      { onProgress: (p) => Object.assign(progress, p) },
    );
    expect(verdict).toMatchObject({ valid: true, issues: [] });
    expect(progress).toEqual({ resources: lines, bytes: lines * good.length });
    expect(Math.max(...behind)).toBe(0);
  });

  it("list the first issues, and count the others", async () => {
    const { valid, issues } = await validateLineStream("a.ndjson", chunksOf(bad.repeat(maxListedIssues + 50), 5000));
    expect(valid).toBe(false);
    expect(issues).toHaveLength(maxListedIssues + 1);
    expect(issues.at(-1)).toEqual({
      level: "error",
      rule: "fhir/more-issues",
      path: "",
      line: maxListedIssues + 1,
      message: `expected at most ${maxListedIssues} issues in the list, found more: 50 errors and 0 warnings from line ${maxListedIssues + 1} on are counted only`,
    });
  });

  it.each([
    ["nothing", ""],
    ["blank lines", "\n \n\r\n"],
  ])("are missed where there is %s", async (name, text) => {
    writeFileSync(at(`${name}.ndjson`), text);
    const { code, out } = await run("validate", "--json", at(`${name}.ndjson`));
    const [verdict] = JSON.parse(out) as FileVerdict[];
    expect(code).toBe(1);
    expect(verdict?.issues).toEqual([
      {
        level: "error",
        rule: "fhir/not-readable",
        path: "",
        line: null,
        message: "expected a resource on each line, found a file without any",
      },
    ]);
  });

  it("say which line is no UTF-8, and go on", async () => {
    writeFileSync(at("latin.ndjson"), Buffer.concat([Buffer.from(good), Buffer.from([0xe5, 10]), Buffer.from(bad)]));
    const { out } = await run("validate", "--json", at("latin.ndjson"));
    const [verdict] = JSON.parse(out) as FileVerdict[];
    expect(verdict?.issues.map((i) => `${i.rule} ${i.line}`)).toEqual(["fhir/not-readable 2", "fhir/binding 3"]);
  });

  it("cannot be read from a folder or from nothing", async () => {
    expect((await run("validate", at("none.ndjson"))).code).toBe(2);
    expect((await run("validate", "--profile", "urn:none", at("latin.ndjson"))).code).toBe(2);
  });
});
