import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fhirToXml, stringifyFhirJson } from "@helsekontakt/types/fhir";
import { canonicalInfoset, parseXml, serializeXml } from "@helsekontakt/types/xml";
import { describe, expect, it } from "vitest";
import { appRec, ekontakt, episode, notifikasjon, tjenesteoversikt } from "./_messages.ts";
import { run, scratch } from "./_run.ts";

const at = scratch();

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

const infoset = (bytes: Uint8Array) => canonicalInfoset(parseXml(bytes));

describe("roundtrip", () => {
  it.each([
    ["ekontakt.xml", ekontakt],
    ["notifikasjon.xml", notifikasjon],
    ["tjenesteoversikt.xml", tjenesteoversikt],
    ["apprec10.xml", () => appRec("1.0")],
    ["apprec11.xml", () => appRec("1.1")],
    ["episode.xml", () => serializeXml(fhirToXml(episode()))],
  ])("gives %s back with an equal infoset, under its name", async (name, build) => {
    const file = write(name, build());
    const { code, out } = await run("roundtrip", file, "--out", at("out/deep"));
    expect(out).toBe(`${file}: comes back equal, written to ${at(`out/deep/${name}`)}\n`);
    expect(code).toBe(0);
    expect(infoset(readFileSync(at(`out/deep/${name}`)))).toBe(infoset(readFileSync(file)));
  });

  it("keeps the schema location of FHIR inside a message and the prefixes of another writer", async () => {
    const xml = notifikasjon()
      .toString()
      .replace(
        "<EpisodeOfCare ",
        '<EpisodeOfCare xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="http://hl7.org/fhir fhir-single.xsd" ',
      )
      .replaceAll("<MsgHead ", '<?x y?><MsgHead xmlns:other="urn:other" ');
    const { code } = await run("roundtrip", write("hints.xml", xml), "--out", at("out"));
    expect(code).toBe(0);
    expect(readFileSync(at("out/hints.xml"), "utf8")).toContain("fhir-single.xsd");
  });

  it("keeps every digit of JSON, alone and by lines", async () => {
    const json = '{"resourceType":"Location","position":{"longitude":10.50,"latitude":59.900}}';
    const files = [write("place.json", json), write("places.ndjson", `${json}\n${stringifyFhirJson(episode())}`)];
    expect((await run("roundtrip", ...files, "--out", at("out"))).code).toBe(0);
    expect(readFileSync(at("out/place.json"), "utf8")).toContain("10.50");
    expect(readFileSync(at("out/places.ndjson"), "utf8").trim().split("\n")).toHaveLength(2);
  });

  it("names the place of what does not decode, writes nothing for it, and goes on", async () => {
    const bad = write(
      "bad.xml",
      ekontakt()
        .toString()
        .replace(/<GenDate>.*?<\/GenDate>/, ""),
    );
    const { code, out, err } = await run("roundtrip", bad, write("good.xml", ekontakt()), "--out", at("out"));
    expect(code).toBe(1);
    expect(err).toMatch(/bad\.xml: \[xml\/missing-element\] .*\/MsgHead\/MsgInfo/);
    expect(out).toContain("good.xml: comes back equal");
    expect(existsSync(at("out/bad.xml"))).toBe(false);
  });

  it("refuses FHIR that its types would not give back; tolerant decoding shows it as a tree", async () => {
    const odd = write("odd.xml", notifikasjon().toString().replace("<status ", "<unheard/><status "));
    const { code, err } = await run("roundtrip", odd);
    expect(code).toBe(1);
    expect(err).toContain("[fhir/not-readable]");
    expect((await run("decode", odd)).code).toBe(1);
    expect((await run("decode", odd, "--tolerant")).out).toContain('"unheard"');
  });

  it("refuses one name twice and its own folder before it writes, and a file that is not there", async () => {
    const file = write("same.xml", ekontakt());
    await run("roundtrip", file, "--out", at("other"));
    expect((await run("roundtrip", file, at("other/same.xml"), "--out", at("third"))).code).toBe(2);
    expect(existsSync(at("third"))).toBe(false);
    expect((await run("roundtrip", file, "--out", at("."))).code).toBe(2);
    expect((await run("roundtrip", at("none.xml"))).code).toBe(2);
  });
});

describe("decode", () => {
  it("shows a message as its typed object, FHIR inside as a resource", async () => {
    const { code, out } = await run("decode", write("n.xml", notifikasjon()));
    expect(code).toBe(0);
    const message = JSON.parse(out) as { name: string; value: { Document: { RefDoc: { Content: unknown } }[] } };
    expect(message.name).toBe("{http://www.kith.no/xmlstds/msghead/2006-05-24}MsgHead");
    expect(message.value.Document[0]?.RefDoc.Content).toEqual({
      $any: [
        { name: "{http://hl7.org/fhir}EpisodeOfCare", value: JSON.parse(stringifyFhirJson(episode())) as unknown },
      ],
    });
  });

  it("shows FHIR of both forms as the same JSON", async () => {
    const json = await run("decode", write("e.json", stringifyFhirJson(episode())));
    const xml = await run("decode", write("e.xml", serializeXml(fhirToXml(episode()))));
    expect(JSON.parse(xml.out)).toEqual(JSON.parse(json.out));
  });

  it("is strict unless told otherwise, and lists what it tolerated", async () => {
    const file = write(
      "t.xml",
      ekontakt()
        .toString()
        .replace(/<GenDate>.*?<\/GenDate>/, ""),
    );
    const strict = await run("decode", file);
    expect(strict).toMatchObject({ code: 1, out: "" });
    expect(strict.err).toContain("[xml/missing-element]");
    const tolerant = await run("decode", file, "--tolerant");
    expect(tolerant.code).toBe(0);
    expect((JSON.parse(tolerant.out) as { tolerated: unknown[] }).tolerated).toHaveLength(1);
  });

  it("tells an unknown root from an unreadable file", async () => {
    const unknown = await run("decode", write("u.xml", "<Other/>"));
    expect(unknown.code).toBe(1);
    expect(unknown.err).toMatch(/\[xml\/unknown-root\][^]*\n {2}messages have the root/);
    expect((await run("decode", at("none"))).code).toBe(2);
  });
});
