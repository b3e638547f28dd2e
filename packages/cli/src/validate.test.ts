import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { stringifyFhirJson, fhirToXml } from "@helsekontakt/types/fhir";
import { serializeXml } from "@helsekontakt/types/xml";
import { beforeAll, describe, expect, it } from "vitest";
import { appRec, ekontakt, episode, fnr, notifikasjon, tjenesteoversikt } from "./_messages.ts";
import { run, scratch } from "./_run.ts";
import type { FileVerdict } from "./validate-file.ts";

const at = scratch();

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

async function verdicts(...argv: string[]): Promise<{ readonly code: number; readonly list: FileVerdict[] }> {
  const { code, out } = await run("validate", "--json", ...argv);
  return { code, list: JSON.parse(out) as FileVerdict[] };
}

const text = () => ekontakt().toString();

describe("validate", () => {
  beforeAll(() => {
    write("ekontakt.xml", ekontakt());
    write("notifikasjon.xml", notifikasjon());
    write("tjenesteoversikt.xml", tjenesteoversikt());
    write("apprec10.xml", appRec("1.0"));
    write("apprec11.xml", appRec("1.1"));
    write("episode.json", stringifyFhirJson(episode(), 2));
    write("episode.xml", serializeXml(fhirToXml(episode())));
    write("two.ndjson", `${stringifyFhirJson(episode())}\n\n${stringifyFhirJson(episode())}\n`);
  });

  it.each([
    ["list.json", "[", [], "only a Bundle is judged, other than documents and messages, so write"],
    ["message.xml", "<MsgHead>", [], "a message is judged whole, so send its attachments in several"],
  ])("says what to do about a large %s", async (name, head, options, advice) => {
    // The rest is a hole, which takes no room, behind a character of two bytes at every place where a piece may end.
    writeFileSync(at(name), `${head}${"å".repeat(40_000)}`);
    truncateSync(at(name), 64 * 1024 * 1024 + 1);
    const { code, list } = await verdicts(...options, at(name));
    expect(code).toBe(1);
    expect(list).toMatchObject([{ kind: "unknown", valid: false, issues: [{ rule: "input/too-large" }] }]);
    expect(list[0]?.issues[0]?.message).toContain("at most 67108864 bytes");
    expect(list[0]?.issues[0]?.message).toContain(advice);
  });

  it("judges a large Bundle in XML by its entries, and refuses a large document", async () => {
    const comment = `<!--${"x".repeat(1024 * 1024)}-->`;
    const padding = `<entry><resource><Patient>${comment}<active value="true"/></Patient></resource></entry>\n`.repeat(
      65,
    );
    const bundle = (type: string): string =>
      `<Bundle xmlns="http://hl7.org/fhir"><type value="${type}"/>\n${padding}<entry>\n<resource><Patient><gender value="x"/></Patient></resource></entry></Bundle>`;
    const { code, list } = await verdicts(
      write("large.xml", bundle("collection")),
      write("large-document.xml", bundle("document")),
    );
    expect(code).toBe(1);
    expect(list[0]?.kind).toBe("fhir-xml");
    expect(list[0]?.issues.map(({ rule, path, line }) => [rule, path, line])).toEqual([
      ["fhir/binding", "Bundle.entry[65].resource.gender", 68],
    ]);
    expect(list[1]?.issues.map((i) => i.rule)).toEqual(["input/too-large"]);
    expect(list[1]?.issues[0]?.message).toContain("of this size only a Bundle is judged, other than documents");
  });

  it("takes messages, receipts and FHIR of the SDK's own builders", async () => {
    const names = [
      "ekontakt.xml",
      "notifikasjon.xml",
      "tjenesteoversikt.xml",
      "apprec10.xml",
      "apprec11.xml",
      "episode.json",
      "episode.xml",
      "two.ndjson",
    ];
    const { code, list } = await verdicts(...names.map(at));
    expect(list.flatMap((v) => v.issues.filter((i) => i.level === "error"))).toEqual([]);
    expect(list.map((v) => [v.file, v.kind, v.valid])).toEqual(
      names.map((name, i) => [
        at(name),
        ["MsgHead", "MsgHead", "MsgHead", "AppRec", "AppRec", "fhir-json", "fhir-xml", "fhir-ndjson"][i],
        true,
      ]),
    );
    expect(code).toBe(0);
  });

  it.each([
    ["ill-formed XML", "xml/not-well-formed", () => text().replace("</MsgInfo>", "")],
    ["a DOCTYPE", "xml/doctype-refused", () => text().replace("?>", "?><!DOCTYPE MsgHead>")],
    ["bytes of another encoding", "xml/encoding", () => Buffer.from(text().replace("Signe", "Sølvi"), "latin1")],
    ["an unknown encoding", "xml/encoding", () => text().replace("UTF-8", "x-none")],
    ["a missing required element", "xsd/element-missing", () => text().replace(/<GenDate>.*?<\/GenDate>/, "")],
    ["another namespace", "xsd/root-unknown", () => text().replace("/msghead/2006-05-24", "/msghead/1999-01-01")],
    ["nothing at all", "xml/not-well-formed", () => ""],
  ])("finds %s", async (name, rule, content) => {
    const { code, list } = await verdicts(write(`${name}.xml`, content()));
    expect(code).toBe(1);
    expect(list).toHaveLength(1);
    expect(list[0]?.valid).toBe(false);
    expect(list[0]?.issues.map((i) => i.rule)).toContain(rule);
    for (const issue of list[0]?.issues ?? [])
      expect(Object.keys(issue)).toEqual(["level", "rule", "path", "line", "message"]);
  });

  it("tells path and line of what is missing", async () => {
    const pretty = text()
      .replaceAll("><", ">\n<")
      .replace(/<GenDate>.*?<\/GenDate>\n/, "");
    const { list } = await verdicts(write("line.xml", pretty));
    const line = 1 + pretty.slice(0, pretty.indexOf("<MsgId>")).split("\n").length - 1;
    expect(list[0]?.issues[0]).toMatchObject({ path: "/MsgHead/MsgInfo/MsgId", line });
  });

  it.each([
    ["ill-formed JSON", "fhir/not-readable", '{\n"resourceType": "EpisodeOfCare",\n}', 3],
    ["JSON that is no resource", "fhir/not-readable", "[1]", null],
    [
      "JSON in another encoding",
      "fhir/not-readable",
      Buffer.from('{"resourceType":"Patient","x":"ø"}', "latin1"),
      null,
    ],
    ["a missing element", "fhir/required", '{\n"resourceType": "EpisodeOfCare",\n"status": "active"\n}', 1],
    [
      "a wrong type",
      "fhir/json-type",
      '{\n"resourceType": "Patient",\n"name": [\n{},\n{"family": "\\"x",\n"given":\n[true]}]}',
      7,
    ],
  ])("finds %s in FHIR", async (name, rule, content, line) => {
    const { code, list } = await verdicts(write(`${name}.json`, content));
    expect(code).toBe(1);
    expect(list[0]?.kind).toBe("fhir-json");
    expect(list[0]?.issues.find((i) => i.rule === rule)).toMatchObject({ level: "error", line });
  });

  it("finds faults in FHIR XML and in one line of many, with the line", async () => {
    const xml =
      '<EpisodeOfCare xmlns="http://hl7.org/fhir">\n<status value="active"/>\n<team>\n<wrong/></team>\n</EpisodeOfCare>';
    const lines = `${stringifyFhirJson(episode())}\n{"resourceType":"EpisodeOfCare","status":"active"}\n`;
    const { list } = await verdicts(write("bad.xml", xml), write("bad.ndjson", lines));
    expect(list[0]?.issues.find((i) => i.rule === "fhir/xml-unknown")?.line).toBe(3);
    expect(list[0]?.issues.find((i) => i.path === "EpisodeOfCare.patient")?.line).toBe(1);
    expect(list[1]?.issues.map((i) => i.line)).toEqual([2]);
  });

  it("holds a resource to a profile when asked, and refuses an unknown profile", async () => {
    const profile = "https://helsekontakt.dev/fhir/StructureDefinition/hk-episode-of-care";
    const { contained: _, team: __, ...bare } = episode();
    const file = write("bare.json", stringifyFhirJson(bare));
    expect((await verdicts(file)).code).toBe(0);
    expect((await verdicts(file, "--profile", profile)).code).toBe(1);
    expect((await verdicts(at("episode.json"), "--profile", profile)).code).toBe(0);
    const unknown = await run("validate", at("episode.json"), "--profile", "http://example.org/none");
    expect(unknown).toMatchObject({ code: 2, out: "" });
    expect(unknown.err).toMatch(/^helsekontakt: \[input\/invalid\] .*\n {2}\S/);
    expect((await run("validate", at("ekontakt.xml"), "--profile", profile)).code).toBe(2);
  });

  it("judges FHIR by profiles of one's own", async () => {
    const module = write(
      "profiles.mjs",
      `export const validator = {
  validate: (resource, { profile } = {}) => ({
    valid: resource.status === "active",
    issues: [{ level: "error", rule: "fhir/own", path: resource.resourceType, message: profile ?? "none" }],
  }),
};
`,
    );
    const files = [at("episode.json"), at("episode.xml"), at("two.ndjson")];
    const { list } = await verdicts(...files, "--profiles", module, "--profile", "urn:p");
    expect(list.map((v) => v.issues.map((i) => `${i.rule} ${i.path} ${i.message}`))).toEqual([
      ["fhir/own EpisodeOfCare urn:p"],
      ["fhir/own EpisodeOfCare urn:p"],
      ["fhir/own EpisodeOfCare urn:p", "fhir/own EpisodeOfCare urn:p"],
    ]);
    expect((await verdicts(files[0] as string, "--profiles", module)).list[0]?.issues[0]?.message).toBe("none");
    expect((await run("validate", at("ekontakt.xml"), "--profiles", module)).err).toMatch(
      /expected FHIR for --profiles,/,
    );
  });

  it.each([
    ["none", "ERR_MODULE_NOT_FOUND", undefined],
    ["one that exports no validator", "found none\\n", "export const other = 1;\n"],
    ["one that is no JavaScript", "no code", "export const = ;\n"],
  ])("refuses as module of profiles %s", async (name, said, content) => {
    const path = at(`${name.length}.mjs`);
    if (content !== undefined) writeFileSync(path, content);
    const { code, out, err } = await run("validate", at("episode.json"), "--profiles", path);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(new RegExp(`^helsekontakt: \\[input/invalid\\] expected [^\n]*${said}`));
    expect(err).toContain("gen:fhir");
    const { list } = await verdicts(at("episode.json"), at("episode.xml"), "--profiles", path);
    expect(list.map((v) => v.issues.map((i) => i.rule))).toEqual([["input/invalid"], ["input/invalid"]]);
  });

  it("goes on past a file that cannot be read, and then ends with 2", async () => {
    const { code, list } = await verdicts(at("none.xml"), at("ekontakt.xml"), at("."));
    expect(code).toBe(2);
    expect(list.map((v) => v.valid)).toEqual([false, true, false]);
    expect(list[0]?.issues[0]?.rule).toBe("input/invalid");
  });

  it("gives a verdict on a message whatever element is missing", async () => {
    const whole = text();
    const files = [...whole.matchAll(/<([\w:]+)[^<>]*?(?:\/>|>[^<]*<\/\1>)/g)].map(({ index, 0: element }, i) =>
      write(`without-${i}.xml`, whole.slice(0, index) + whole.slice(index + element.length)),
    );
    const { code, list } = await verdicts(...files);
    expect(list).toHaveLength(files.length);
    expect(files.length).toBeGreaterThan(30);
    expect(code).toBe(1);
    for (const verdict of list) expect(verdict.valid).toBe(!verdict.issues.some((i) => i.level === "error"));
  });

  it("writes one line an issue for people, without values", async () => {
    const bad = text()
      .replace("<Id>100001</Id>", "")
      .replace(/<GenDate>.*?<\/GenDate>/, "")
      .replace(fnr, `${fnr}9`);
    const { code, out } = await run("validate", write("human.xml", bad), at("ekontakt.xml"));
    expect(code).toBe(1);
    expect(out).toMatch(
      /human\.xml: MsgHead, not valid, \d+ errors?, \d+ warnings?\n {2}error \/MsgHead\S*:\d+ {2}expected/,
    );
    expect(out).toMatch(/ekontakt\.xml: MsgHead, valid/);
    for (const value of [fnr, "Signe", "Syntetisk", "flytte"]) expect(out).not.toContain(value);
  });

  it("never prints a value from ill-formed input", async () => {
    const { out, err } = await run(
      "validate",
      write("secret.json", `{"resourceType":"Patient","name": ${fnr}x}`),
      write("secret.xml", `<MsgHead a=${fnr}>`),
    );
    expect(out + err).not.toContain(fnr);
    expect(readFileSync(at("secret.json"), "utf8")).toContain(fnr);
  });
});
