import { describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";
import { jsonLines } from "./fhir-lines.ts";

const at = scratch();

describe("main()", () => {
  it("prints help and version with 0", async () => {
    const help = await run("--help");
    expect(help).toMatchObject({ code: 0, err: "" });
    for (const name of ["demo", "sandbox", "validate", "roundtrip", "decode", "protect", "unprotect", "profile"]) {
      expect(help.out).toMatch(new RegExp(`^ {2}${name} `, "m"));
      expect((await run(name, "--help")).code).toBe(0);
    }
    expect((await run("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [],
    ["validat"],
    ["validate"],
    ["validate", "--colour", "x"],
    ["protect", "x"],
    ["protect", "x", "--key", "k", "--recipient", "r", "--cipher", "rot13"],
    ["unprotect", "x", "--signer-cert", "s"],
  ])("ends with 2 and says why for %j %j", async (...argv) => {
    const { code, out, err } = await run(...argv.filter((a) => a !== undefined));
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).not.toBe("");
  });

  it.each([["--helseid-port"], ["--rest-port"], ["--registries-port"], ["--amqp-port"]])(
    "refuses %s that is no port",
    async (option) => {
      const { code, err } = await run("sandbox", "--dir", at("sandbox"), option, "70000");
      expect(code).toBe(2);
      expect(err).toMatch(/\[input\/invalid\] expected --\w+-port .*\n {2}0 takes any free port/);
    },
  );
});

describe("jsonLines()", () => {
  it("finds members, entries, siblings of primitives, and the element around what is missing", () => {
    const text = `{
"resourceType": "X",
"a": [
  {"b": "t, \\"[{"},
  {"b": [1,
    2.5]}
],
"_c": {"d":
  null}
}`;
    const paths = ["X", "X.a", "X.a[0].b", "X.a[1].b[1]", "X.c.d", "X.a[1].missing", "X.none.at.all"];
    expect(paths.map((path) => jsonLines(text, paths).get(path))).toEqual([1, 3, 4, 6, 8, 5, 1]);
  });
});
