import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { scratch } from "./_run.ts";
import { IssueList } from "./member-issues.ts";

const at = scratch();
const message = 'expected 11 digits, found "none"';
const issue = (line: number) => ({ line, level: "error", problem: "not-11-digits", message }) as const;

describe("issues of a member file", () => {
  it("are on the disk when the next one comes, so that a reader of many bad lines holds none of them", () => {
    const shown: string[] = [];
    const file = at("issues.csv");
    const list = new IssueList({ out: () => {}, err: (text) => shown.push(text) }, file);
    const line = Buffer.byteLength(`10000,error,not-11-digits,"${message.replaceAll('"', '""')}"\n`);
    for (let n = 10_000; n < 60_000; n++) list.add(issue(n), true);
    // All but what is written together.
    expect(50_000 * line - statSync(file).size).toBeLessThan(65_536 + line);
    list.close();
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([
      50_001,
      "line,level,problem,message",
      '59999,error,not-11-digits,"expected 11 digits, found ""none"""',
    ]);
    expect([list.errors, shown.length, shown.at(-1)]).toEqual([50_000, 11, "49990 more of not-11-digits\n"]);
  });

  it.each([
    ["is in no folder", at("none/issues.csv"), true],
    ["takes nothing", "/dev/full", existsSync("/dev/full")],
  ])("go on when the file %s, which is told once", (_, file, there) => {
    if (!there) return;
    const shown: string[] = [];
    const list = new IssueList({ out: () => {}, err: (text) => shown.push(text) }, file);
    for (let n = 2; n < 5_000; n++) list.add(issue(n), true);
    list.close();
    expect([list.errors, shown.filter((s) => s.includes("could not be written"))]).toEqual([
      4_998,
      ["The file of issues could not be written\n"],
    ]);
  });
});
