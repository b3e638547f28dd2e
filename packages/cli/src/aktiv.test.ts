import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";
import { resultHeader } from "./aktiv-result.ts";

const at = scratch();
let sandbox: Sandbox;
/** Every number that the sandbox was asked for and knows. */
let asked: string[] = [];
let turn = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 6_000 });
  sandbox.rest.aktivsjekken.omit = (fnr) => {
    asked.push(fnr);
    return false;
  };
  const { organisation, helsenorge, rest, helseid } = sandbox.config;
  const key = { jwk: helseid.key.jwk };
  write("config.json", {
    environment: "LOCAL",
    organisation,
    helsenorge,
    rest,
    helseid: { issuer: helseid.issuer, clientId: helseid.clientId, key },
  });
}, 60_000);
afterAll(() => sandbox.close());
afterEach(() => {
  sandbox.faults.clear();
  asked = [];
});

function write(name: string, content: unknown): string {
  const bytes = typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content);
  writeFileSync(at(name), bytes);
  return at(name);
}
const aktiv = (argv: readonly string[]) => run("aktiv", "--config", at("config.json"), ...argv);
const fresh = (): string => at(`result-${++turn}.csv`);
const numbers = (count: number) => sandbox.citizens.slice(0, count).map((c) => c.fnr);
const reachOf = { self: "self", representative: "representative", assigned: "representative", none: "none" } as const;
const expected = (count: number) =>
  sandbox.citizens.slice(0, count).map((c) => [c.fnr, c.status === "unknown" ? "unknown" : reachOf[c.status]]);
/** Lines of a result: number and reach. */
function rows(path: string): string[][] {
  const [header, ...lines] = readFileSync(path, "utf8").split("\n");
  expect(header).toBe(resultHeader);
  expect(lines.pop()).toBe("");
  return lines.map((line) => line.split(",").slice(0, 2));
}

describe("helsekontakt aktiv", () => {
  it("writes a line per citizen with reach and rule, for its owner only, and asks nothing when run again", async () => {
    const file = write("list.txt", `${numbers(2_500).join("\n")}\n`);
    const out = fresh();
    const first = await aktiv(["--file", file, "--out", out]);
    expect([first.code, first.out]).toEqual([0, ""]);
    expect(first.err).toContain("2500 answered in 3 calls; 0 bad lines, 0 repeated");
    expect(rows(out)).toEqual(expected(2_500));
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const assigned = sandbox.citizens.findIndex((c) => c.status === "assigned");
    expect(readFileSync(out, "utf8").split("\n")[assigned + 1]).toBe(
      `${sandbox.citizens[assigned]?.fnr},representative,assigned-representative,Helsehjelp,false,true,true,${assigned + 1}`,
    );
    asked = [];
    const again = await aktiv(["--file", file, "--out", out, "--json"]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.out)).toMatchObject({
      complete: true,
      answered: 0,
      earlier: 2_500,
      calls: 0,
      reach: { self: 1_750, representative: 250, none: 250, unknown: 250 },
    });
    expect(asked).toEqual([]);
  });

  it("tells of bad lines by their number, never by what stands in them, and sends the good ones", async () => {
    const [a = "", b = "", c = ""] = numbers(3);
    const file = write("bad.txt", [a, "0181801008", b, "01010112345", "x", "", c, a].join("\n"));
    const [out, issues] = [fresh(), at("issues.csv")];
    const { code, err } = await aktiv(["--file", file, "--out", out, "--issues", issues]);
    expect(code).toBe(1);
    expect(err).toContain("line 2: error not-11-digits");
    expect(err).toMatch(/line 4: error (?:real-person|no-person-number)/);
    expect(err).toContain("line 5: error not-11-digits");
    expect(err).toContain("3 answered in 1 calls; 3 bad lines, 1 repeated");
    for (const text of [a, b, c, "0181801008", "01010112345"]) expect(err).not.toContain(text);
    expect(rows(out).map(([fnr]) => fnr)).toEqual([a, b, c]);
    expect(readFileSync(issues, "utf8").trim().split("\n")).toHaveLength(4);
  });

  it("reads CSV with a header, byte order mark and ISO-8859-1, and refuses a header without the column", async () => {
    const [a = "", b = ""] = numbers(2);
    const files = [
      ["bom.csv", Buffer.from(`\uFEFFnavn;Fødselsnummer\r\nÅse;${a}\r\nBjørn;${b}\r\n`, "utf8")],
      ["latin1.csv", Buffer.from(`navn;fødselsnummer\nÅse;${a}\n"Bjørn; den eldre";${b}\n`, "latin1")],
    ] as const;
    for (const [name, bytes] of files) {
      const out = fresh();
      expect((await aktiv(["--file", write(name, bytes), "--out", out])).code).toBe(0);
      expect(rows(out).map(([fnr]) => fnr)).toEqual([a, b]);
    }
    const wrong = await aktiv(["--file", write("wrong.csv", "navn,alder\nÅse,4\n")]);
    expect([wrong.code, wrong.err.includes("expected the columns")]).toEqual([2, true]);
  });

  it("keeps what was answered when the service fails, says so, and asks for the rest the next time", async () => {
    const file = write("down.txt", numbers(6_000).join("\n"));
    const out = fresh();
    sandbox.faults.add("aktivsjekken", { kind: "status", status: 400 });
    const first = await aktiv(["--file", file, "--out", out, "--parallel", "1"]);
    expect(first.code).toBe(1);
    expect(first.err).toContain("Not everybody was answered for (1000 citizens asked)");
    expect(first.err).toContain("The same command asks for the rest");
    expect(rows(out)).toHaveLength(5_000);
    sandbox.faults.behave("aktivsjekken", {
      seed: 5,
      rateLimited: 0.2,
      retryAfter: 0,
      serverErrors: 0.1,
      dropped: 0.1,
    });
    for (let n = 0; n < 5 && (await aktiv(["--file", file, "--out", out])).code !== 0; n++);
    expect(rows(out).toSorted()).toEqual(expected(6_000).toSorted());
  }, 30_000);

  it("keeps a second run off a result that one is writing, and takes over from one that was killed", async () => {
    const file = write("twice.txt", numbers(3_000).join("\n"));
    const out = fresh();
    sandbox.faults.behave("aktivsjekken", { latencyMs: 50 });
    const both = await Promise.all([1, 2].map(() => aktiv(["--file", file, "--out", out, "--parallel", "1"])));
    expect(both.map((run) => run.code).toSorted()).toEqual([0, 2]);
    expect(both.find((run) => run.code === 2)?.err).toContain("that no other run is writing");
    expect(rows(out)).toEqual(expected(3_000));
    expect(existsSync(`${out}.lock`)).toBe(false);
    // Left behind by a process that is no more: no process has this number.
    writeFileSync(`${out}.lock`, JSON.stringify({ pid: 4_194_305, host: hostname(), token: "t" }));
    expect((await aktiv(["--file", file, "--out", out])).code).toBe(0);
    expect(existsSync(`${out}.lock`)).toBe(false);
  }, 60_000);

  it("writes over nothing that is not its own, nor mixes areas", async () => {
    const file = write("own.txt", numbers(5).join("\n"));
    const over = await aktiv(["--file", file, "--out", file]);
    expect([over.code, readFileSync(file, "utf8")]).toEqual([2, numbers(5).join("\n")]);
    expect(over.err).toContain("expected a result of this command");
    const out = fresh();
    expect((await aktiv(["--file", file, "--out", out])).code).toBe(0);
    expect((await aktiv(["--file", file, "--out", out, "--omraade", "Ungdom"])).code).toBe(2);
    expect((await aktiv(["--file", file, "--out", out, "--omraade", "Ungdom", "--restart"])).code).toBe(0);
    expect(readFileSync(out, "utf8").split(",Ungdom,")).toHaveLength(6);
    const none = fresh();
    const area = await aktiv(["--file", file, "--out", none, "--omraade", "Skole"]);
    expect([area.code, existsSync(none)]).toEqual([2, false]);
    expect(area.err).toContain("Helsehjelp, Ungdom");
  });

  it.each([
    [["--file", "absent.txt"], "expected a readable file of numbers"],
    [["--file", "-", "--json"], "expected --out beside --json"],
    [["--file", "-", "--parallel", "0"], "expected --parallel as a whole number"],
    [["--file", "-", "--config", "absent.json"], "absent.json"],
    [[], "required option '--file <file>' not specified"],
  ])("could not run: %j", async (argv, message) => {
    const { code, err } = await aktiv(argv);
    expect([code, err.includes(message)]).toEqual([2, true]);
  });
});
