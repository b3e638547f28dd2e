import { errorCodes } from "@helsekontakt/core";
import { codeLists } from "@helsekontakt/types/codes";
import { ruleCatalogue } from "@helsekontakt/validators/catalogue";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { run } from "./_run.ts";
import { allExplanations, explanationsOf, namesNear } from "./explanations.ts";

describe("helsekontakt explain", () => {
  it.each([
    ["profile/msg-id", /^profile\/msg-id \(rule\)\n {2}MsgId is a UUID\..*\n {2}level: error\n/],
    ["MSG-ID", /^profile\/msg-id \(rule\)/],
    ["profile/youth-access", /inferred: the bounds/],
    ["fhir/per-1", /Invariant per-1, first stated at Period: /],
    ["rest/timeout", /^rest\/timeout \(error\)\n.*\n {2}retryable: yes\n/],
    ["7601:DI", /^7601:DI \(code\)\n {2}Dialog med innbygger/],
    ["7601", /^7601 \(code-list\)\n.*2\.16\.578\.1\.12\.4\.1\.1\.7601.*\bDI\b/],
    ["E35", /^8221:E35 \(code\)\n.*\n {2}from Helsenorge: Citizen not digitally active\./],
    ["EHSEC-110002", /^EHSEC-110002 \(helsenorge\)\n.*\n {2}what to do: Check clock/],
    ["EHAPI-100000", /inferred: /],
    ["HID-1001", /^HID-1001 \(helseid\)\n.*whitelist.*\n {2}what to do: /],
    ["invalid-signature", /^transport:invalid-signature \(transport\)/],
  ])("explains %s", async (name, text) => {
    const { code, out, err } = await run("explain", name);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(text);
  });

  it.each(["party-unknown", "party-inactive", "no-queue", "function-unsupported", "agreement-expired", "no-profile"])(
    "U5: tells what to do about registry/%s",
    async (reason) => {
      const { code, out } = await run("explain", `registry/${reason}`);
      expect(code).toBe(0);
      expect(out).toMatch(/\n {2}retryable: no\n {2}what to do: \S.*\S/);
      expect((await run("explain", reason)).out).toBe(out);
    },
  );

  it("tells every list that has a bare code", async () => {
    const { out } = await run("explain", "HE", "--json");
    const [answer] = JSON.parse(out) as { found: { name: string }[] }[];
    expect(answer?.found.map((e) => e.name)).toEqual(["7601:HE", "9060:HE"]);
  });

  it("ends with 2 on an unknown name, tells the nearest, and never repeats what was asked", async () => {
    const near = await run("explain", "profile/msgid");
    expect(near.code).toBe(2);
    expect(near.err).toContain("did you mean profile/msg-id");
    const pasted = await run("explain", "17851360018");
    expect(pasted.code).toBe(2);
    expect(pasted.out + pasted.err).not.toContain("17851360018");
    const json = await run("explain", "T02", "HID-101", "--json");
    expect(json.code).toBe(2);
    expect(JSON.parse(json.out)).toMatchObject([{ found: [{ name: "8221:T02" }], near: [] }, { found: [] }]);
    expect((JSON.parse(json.out) as { near: string[] }[])[1]?.near).toContain("HID-1010");
  });

  it("knows every rule, error code and code of a list", () => {
    const all = allExplanations();
    const names = [
      ...ruleCatalogue.keys(),
      ...Object.keys(errorCodes),
      ...Object.values(codeLists).flatMap((list) => list.codes.map((c) => `${list.id}:${c.code}`)),
    ];
    for (const name of names)
      expect(
        explanationsOf(name, all).map((e) => e.name),
        name,
      ).toContain(name);
  });

  it("finds a name again that has one letter less", () => {
    const all = allExplanations();
    const long = all.filter((e) => e.name.length > 8);
    fc.assert(
      fc.property(fc.constantFrom(...long), fc.nat(), (e, at) => {
        const cut = at % e.name.length;
        const typo = e.name.slice(0, cut) + e.name.slice(cut + 1);
        fc.pre(explanationsOf(typo, all).length === 0);
        expect(namesNear(typo, all, 50)).toContain(e.name);
      }),
    );
  });
});
