import { readFileSync, statSync, writeFileSync } from "node:fs";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt, describeWire, openJournal, readMemberFile, sqliteStore } from "@helsekontakt/sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";

const at = scratch();
const guid = "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01";
const [from, to] = ["2026-08-01", "2027-07-31"];

let sandbox: Sandbox;
let turn = 0;
let config = "";

beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 100 });
});
afterAll(() => sandbox.close());

/** A fresh register and an empty Helsenorge for each test; the offerings are published. */
beforeEach(async () => {
  const { state } = sandbox.rest;
  for (const kept of [state.offerings, state.organisations, state.members]) kept.clear();
  const { organisation, helsenorge, rest, helseid } = sandbox.config;
  config = write(`config-${++turn}.json`, {
    environment: "LOCAL",
    organisation,
    helsenorge,
    rest,
    helseid: { issuer: helseid.issuer, clientId: helseid.clientId, key: { jwk: helseid.key.jwk } },
    journal: { sqlite: `journal-${turn}.sqlite` },
  });
  const offerings = write("offerings.json", [{ id: guid, name: "Studenthelsetjenesten" }]);
  expect((await command("offerings", "publish", offerings)).code).toBe(0);
});

function write(name: string, content: unknown): string {
  writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content));
  return at(name);
}

const command = (...argv: string[]) => run(...argv, "--config", config);
const people = (status: string, count: number) =>
  sandbox.citizens
    .filter((c) => c.status === status)
    .slice(0, count)
    .map((c) => c.fnr);
const csv = (fnrs: readonly string[], end = to) =>
  ["fnr;fra;til", ...fnrs.map((f) => `${f};${from};${end}`), ""].join("\n");
const kept = () => [...sandbox.rest.state.members.values()];
const numbers = (text: string) => sandbox.citizens.filter((c) => text.includes(c.fnr)).length;

describe("helsekontakt members", () => {
  it("syncs a file, then only what changed, tells why a member waits, and never shows a number", async () => {
    const active = people("self", 40);
    const [absent = "", later = ""] = people("none", 2);
    const file = write("members.csv", csv([...active, absent, later]));

    const dry = await command("members", "sync", file, "--dry-run", "--json");
    expect([dry.code, dry.err]).toEqual([0, ""]);
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, changes: { added: 42 }, calls: { calls: 0 } });
    expect(kept()).toEqual([]);

    const first = await command("members", "sync", file, "--report", at("report.csv"), "--members", at("results.csv"));
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/not confirmed by Helsenorge\n {2}bundleType = collection; mediaType = /);
    expect(first.out).toContain("40 accepted, 2 not-active, 0 refused, 0 unknown");
    expect(first.out).toContain("not-active 2118");
    expect(kept().map((m) => [m.start, m.end, m.times])).toEqual(active.map(() => [from, to, 1]));
    expect(readFileSync(at("report.csv"), "utf8")).toContain("\nresult,accepted,,40\n");
    const results = readFileSync(at("results.csv"), "utf8").trim().split("\n");
    expect(results).toHaveLength(43);

    const again = await command("members", "sync", file);
    expect([again.code, kept().every((m) => m.times === 1)]).toEqual([0, true]);
    const changed = write(
      "changed.csv",
      csv(active.slice(0, 3), "2026-12-31") +
        active
          .slice(3)
          .map((f) => `${f};${from};${to}\n`)
          .join("") +
        [absent, later].map((f) => `${f};${from};${to}\n`).join(""),
    );
    const second = await command("members", "sync", changed, "--json");
    expect(JSON.parse(second.out)).toMatchObject({
      changes: { added: 0, changed: 3, withdrawn: 0, unchanged: 39 },
      results: { accepted: 3 },
    });

    sandbox.setStatus(later, "self");
    const retried = await command("members", "retry", "--everything", "--json");
    sandbox.setStatus(later, "none");
    expect(JSON.parse(retried.out)).toMatchObject({ kind: "retry", results: { accepted: 1 } });

    const status = await command("members", "status", "--json");
    expect(JSON.parse(status.out)).toMatchObject({
      members: 42,
      results: { accepted: 41, "not-active": 1 },
      running: false,
    });
    expect((await command("members", "status")).out).toContain("not-active      1");

    const listed = readFileSync(at("results.csv"), "utf8").split("\n");
    const waiting = listed.find((l) => l.includes(",2118,"))?.split(",")[0] ?? "";
    const explained = await command("members", "explain", waiting);
    expect([explained.code, explained.out]).toEqual([
      0,
      expect.stringMatching(/add +not-active \(2118\), 2026-08-01 to 2027-07-31, run/),
    ]);
    const shown = await command("members", "explain", absent);
    expect([shown.code, shown.err]).toEqual([2, expect.stringContaining("standard input")]);
    expect((await command("members", "explain", "no-such-id")).code).toBe(1);

    for (const { out, err } of [dry, first, again, second, retried, status, explained, shown])
      expect(numbers(out + err)).toBe(0);
    expect(numbers(results.join())).toBe(0);
  });

  it("writes numbers only when asked to, into a file for the owner alone", async () => {
    const [one = ""] = people("self", 1);
    const file = write("one.csv", csv([one]));
    // Results without numbers, which others may read, stood there before.
    writeFileSync(at("named.csv"), "id\n", { mode: 0o644 });
    const done = await command("members", "sync", file, "--members", at("named.csv"), "--with-numbers");
    expect([done.code, numbers(done.out + done.err)]).toEqual([0, 0]);
    expect(readFileSync(at("named.csv"), "utf8")).toMatch(new RegExp(`^fnr,id,.*\\n${one},`));
    expect(statSync(at("named.csv")).mode & 0o077).toBe(0);
  });

  it("leaves out bad lines by their number, sends the good ones, and withdraws nobody for it", async () => {
    const active = people("self", 10);
    await command("members", "sync", write("good.csv", csv(active)));
    const lines = csv(active.slice(0, 8)).trim().split("\n");
    lines[3] = `${active[2]?.slice(1)};${from};${to}`;
    lines.push(`${active[9]};${to};${from}`, "01010112345;2026-08-01;2027-07-31");
    const bad = await command("members", "sync", write("bad.csv", lines.join("\r\n")), "--issues", at("issues.csv"));
    expect(bad.code).toBe(1);
    expect(bad.err).toContain("line 4: error not-11-digits: expected 11 digits, found 10 digits");
    expect(bad.out).toMatch(/Kept +3 absent from the input/);
    const issues = readFileSync(at("issues.csv"), "utf8").trim().split("\n");
    expect(issues.map((l) => l.split(",").slice(0, 3).join())).toEqual([
      "line,level,problem",
      "4,error,not-11-digits",
      "10,error,period",
      "11,error,real-person",
    ]);
    expect(kept().every((m) => m.end === to)).toBe(true);
    expect(numbers(bad.out + bad.err + issues.join())).toBe(0);

    const short = await command("members", "sync", write("short.csv", csv(active.slice(0, 4))));
    expect([short.code, kept().every((m) => m.end === to)]).toEqual([2, true]);
    const consent = await command(
      "members",
      "sync",
      write("short.csv", csv(active.slice(0, 4))),
      "--allow-withdrawals",
      "--json",
    );
    expect(JSON.parse(consent.out)).toMatchObject({ changes: { withdrawn: 6 } });
    expect(kept().filter((m) => m.end !== to)).toHaveLength(6);
  });

  it("ends with 1 when the service fails, keeps what was answered, and sends the rest the next time", async () => {
    const file = write("members.csv", csv(people("self", 30)));
    sandbox.faults.add("helsekontakter", { kind: "delay", ms: 0 });
    sandbox.faults.add("helsekontakter", { kind: "status", status: 403 });
    const first = await command("members", "sync", file, "--batch-start", "10", "--batch-max", "10");
    expect([first.code, kept().length]).toEqual([1, 10]);
    expect(first.out).toMatch(/10 accepted[^]*Ended early +\[rest\/forbidden\] expected/);
    const second = await command("members", "sync", file, "--json");
    expect([second.code, JSON.parse(second.out)]).toMatchObject([
      0,
      { changes: { unchanged: 30 }, results: { accepted: 20 } },
    ]);
    expect(kept().map((m) => m.times)).toEqual(Array.from({ length: 30 }, () => 1));
  });

  it("lets one run at a time at the register, and reminds of offerings", async () => {
    const file = write("members.csv", csv(people("self", 20)));
    const { behaviour } = sandbox.rest.state;
    // Another process at the same register, as far as the journal can tell.
    const journal = await openJournal({ store: sqliteStore({ file: at(`journal-${turn}.sqlite`) }) });
    const other = createHelsekontakt({ ...sandbox.config, journal });
    behaviour.baseMs = 1_500;
    const running = other.members.reconcile(readMemberFile(file));
    while (!(await other.members.status()).running) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await command("members", "sync", file);
    expect([second.code, second.out, second.err]).toEqual([2, "", expect.stringContaining("[journal/conflict]")]);
    expect(second.err).not.toContain("No offerings");
    expect((await running).results.accepted).toBe(20);
    behaviour.baseMs = 0;
    await journal.close();
    expect(kept().map((m) => m.times)).toEqual(Array.from({ length: 20 }, () => 1));
    await command("offerings", "withdraw", guid);
    expect((await command("members", "sync", file, "--dry-run")).err).toContain("No offerings have been published");
  });

  it.each([
    [["members", "sync", at("none.csv")], "readable member file"],
    [["members", "sync", at("offerings.json"), "--format", "csv"], "expected the columns"],
    [["members", "sync", at("x.csv"), "--column", "colour=x"], "--column"],
    [["members", "sync", at("x.csv"), "--max-withdrawals", "7"], "--max-withdrawals"],
    [["members", "sync", at("x.csv"), "--batch-max", "0"], "--batch-max"],
    [["members", "sync"], "missing required argument"],
  ])(
    "ends with 2 for %j",
    async (argv, message) => {
      write("x.csv", csv(people("self", 1)));
      const { code, out, err } = await command(...argv);
      expect([code, out, err]).toEqual([2, "", expect.stringContaining(message)]);
    },
    30_000,
  );
});

describe("the page on members", () => {
  const page = readFileSync(new URL("../../sdk/docs/members.md", import.meta.url), "utf8");
  const block = (language: string) => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1] ?? "";

  it("works as it is written, from a folder with nothing in it", async () => {
    write("offerings.json", block("json"));
    write("members.csv", block("csv"));
    write("number.txt", "");
    const commands = [...page.matchAll(/npx helsekontakt ((?:offerings|members) [^#\n`<]+)/g)].map(
      (m) => m[1]?.trim() ?? "",
    );
    expect(commands.length).toBeGreaterThan(10);
    const codes: Record<string, number> = {};
    for (const line of commands) {
      if (line.includes(" ID") || line.endsWith(" -")) continue;
      const words = line.split(/\s+/).map((word) => (/\.(?:json|csv)$/.test(word) ? at(word) : word));
      const { code, err } = await command(...words);
      expect([line, err]).toEqual([line, expect.not.stringContaining("helsekontakt: ")]);
      codes[line] ??= code;
    }
    expect(codes["offerings diff offerings.json"]).toBe(1);
    for (const [line, code] of Object.entries(codes))
      if (!line.startsWith("offerings diff")) expect([line, code]).toEqual([line, 0]);
    expect(kept()).toHaveLength(2);
  });

  it("lists every setting that is inferred with its default and its other values", () => {
    for (const { name, value, values } of describeWire()) {
      const row = page.split("\n").find((l) => l.startsWith("| `") && l.includes(`\`${name}\``)) ?? "";
      for (const text of [value, ...(values ?? [])])
        expect([name, row]).toEqual([name, expect.stringContaining(`\`${text}\``)]);
    }
  });
});
