import { describe, expect, expectTypeOf, it } from "vitest";
import {
  type Code7601,
  type Code8258,
  type CodeListId,
  codedValue,
  codeLabel,
  codeLists,
  codeOid,
  codeSystem,
  identifierSystems,
  isCode,
  simpleCodedValue,
} from "./codes.ts";

describe("code lists", () => {
  it("know their OID, system and texts", () => {
    expect(codeOid("7601")).toBe("2.16.578.1.12.4.1.1.7601");
    expect(codeSystem("9603")).toBe("urn:oid:2.16.578.1.12.4.1.1.9603");
    expect(codeLabel("7602", "19")).toBe("Svar på henvendelse");
    expect(codeLabel("7602", "24")).toBeUndefined();
    expect(codeLabel("8115", "H")).toBeUndefined();
  });

  it("build coded values", () => {
    expect(codedValue("7601", "HE")).toEqual({ $V: "HE", $S: "2.16.578.1.12.4.1.1.7601", $DN: "Henvendelse" });
    expect(simpleCodedValue("7304", "J")).toEqual({ $V: "J", $DN: "Ja" });
    expect(simpleCodedValue("8213", "P")).toEqual({ $V: "P" });
  });

  it("tell codes from other text", () => {
    expect(isCode("8258", "2")).toBe(true);
    expect(isCode("8258", " 2")).toBe(false);
    const text: string = "DI";
    if (isCode("7601", text)) expectTypeOf(text).toExtend<Code7601>();
    expectTypeOf<Code8258>().toEqualTypeOf<"1" | "2" | "3">();
  });

  it("hold no code twice, and the same id at both places", () => {
    for (const id of Object.keys(codeLists) as CodeListId[]) {
      const codes = codeLists[id].codes.map((c) => c.code as string);
      expect(new Set(codes).size).toBe(codes.length);
      expect(codeLists[id].id).toBe(id);
    }
  });

  it("name the four errors that Helsenorge answers with", () => {
    const expected = codeLists["8221"].codes.filter((c) => "helsenorge" in c).map((c) => c.code);
    expect(expected).toEqual(["T01", "T02", "E10", "E35"]);
  });

  it("keep a HER-id's list apart from its identifier system", () => {
    expect(identifierSystems.herId).toBe("urn:oid:2.16.578.1.12.4.1.2");
    expect(codeSystem("9051")).not.toBe(identifierSystems.herId);
  });
});
