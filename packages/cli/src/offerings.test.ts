import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";

const at = scratch();
const [first, second] = ["1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01", "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a02"] as const;
const offerings = [
  {
    id: first,
    name: "Studenthelsetjenesten",
    herId: "200004",
    location: { line: "Eksempelveien 1", postalCode: "0001", city: "Oslo" },
  },
  { id: second, name: "Tannhelse" },
];
let sandbox: Sandbox;
let config = "";
let n = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 20 });
});
afterAll(() => sandbox.close());
beforeEach(() => {
  const { organisation, helsenorge, rest, helseid } = sandbox.config;
  config = at(`config-${++n}.json`);
  writeFileSync(
    config,
    JSON.stringify({
      environment: "LOCAL",
      organisation,
      helsenorge,
      rest,
      helseid: { issuer: helseid.issuer, clientId: helseid.clientId, key: { jwk: helseid.key.jwk } },
      journal: { sqlite: at(`journal-${n}.sqlite`) },
    }),
  );
});

function file(name: string, content: unknown): string {
  writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content));
  return at(name);
}

describe("helsekontakt offerings", () => {
  it("diff, publish, again, change and withdraw: each says what it does, and its exit code", async () => {
    const list = file("offerings.json", { offerings });
    const diff = await run("offerings", "diff", list, "--config", config);
    expect(diff.code).toBe(1);
    expect(diff.out).toContain(`+ offering ${first} new\n`);
    expect(diff.out).toMatch(/Would send 1 of 1 Bundle\(s\), \d+ bytes\n$/);
    expect(diff.err).toMatch(/^Inferred, not confirmed by Helsenorge: .*bundleType=collection/);

    const calls = sandbox.rest.counts.helsekontakter;
    const published = await run("offerings", "publish", list, "--config", config, "--report", at("report.json"));
    expect([published.code, sandbox.rest.counts.helsekontakter]).toEqual([0, calls + 1]);
    expect(published.out).toMatch(/Sent 1 of 1 Bundle\(s\)/);
    expect(JSON.parse(await readFile(at("report.json"), "utf8"))).toMatchObject({
      dryRun: false,
      result: "sent",
      offerings: 2,
    });
    expect(await run("offerings", "publish", list, "--config", config)).toMatchObject({
      code: 0,
      out: "Nothing to send\n",
    });
    expect((await run("offerings", "diff", list, "--config", config)).code).toBe(0);

    const moved = file("moved.json", [{ ...offerings[0], comment: "Ny" }]);
    const json = await run("offerings", "publish", moved, "--config", config, "--dry-run", "--json");
    expect(json.err).toBe("");
    const facts = JSON.parse(json.out) as Record<string, unknown>;
    expect(facts["changes"]).toEqual([
      { organisation: "998888887", id: first, kind: "changed", paths: ["HealthcareService.comment"] },
      { organisation: "998888887", id: second, kind: "missing", paths: [] },
    ]);
    expect(facts["settings"]).toContainEqual(expect.objectContaining({ name: "offeringWithdrawal", mark: "inferred" }));
    expect(sandbox.rest.counts.helsekontakter).toBe(calls + 1);

    expect((await run("offerings", "withdraw", second, "--config", config)).out).toContain(
      `- offering ${second} withdrawn: HealthcareService.active\n`,
    );
    expect(sandbox.rest.state.offerings.get(second)?.active).toBe(false);
    expect(
      await run("offerings", "withdraw", "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a09", "--config", config),
    ).toMatchObject({
      code: 2,
      err: expect.stringContaining("expected GUIDs of offerings that were sent") as string,
    });
  });

  it("tells all faults of a file with their paths, and sends nothing", async () => {
    const calls = sandbox.rest.counts.helsekontakter;
    const bad = file("bad.json", {
      offerings: [{ id: first }, { id: second, name: "x", colour: 1, location: { city: "Oslo" } }],
    });
    const { code, err } = await run("offerings", "publish", bad, "--config", config);
    expect(code).toBe(2);
    for (const path of ["offerings[0].name", "offerings[1].colour", "offerings[1].location"])
      expect(err).toContain(path);
    expect((await run("offerings", "publish", file("no.json", "no json"), "--config", config)).err).toContain(
      "expected JSON",
    );
    const her = file("her.json", [{ ...offerings[1], herId: "12 34" }]);
    expect((await run("offerings", "publish", her, "--config", config)).err).toMatch(/fhir\/not-valid.*\n.*HER-id/);
    expect((await run("offerings", "publish", bad)).code).toBe(2);
    expect(sandbox.rest.counts.helsekontakter).toBe(calls);
  });
});
