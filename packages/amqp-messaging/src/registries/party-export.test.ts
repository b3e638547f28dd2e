import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type ExportShape, listEnd, listStart, partyXml, startExport } from "./_export.ts";
import { soap11, startServer } from "./_server.ts";
import { HerIdSet } from "./her-id-set.ts";
import { changedParties, exportParties, type PartyExportOptions } from "./party-export.ts";
import { XmlRecords } from "./xml-records.ts";

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of closing.splice(0)) await server.close();
});

const credentials = { username: "u", password: "p" };
const upTo = (n: number, from = 1) =>
  function* () {
    for (let herId = from; herId <= n; herId++) yield herId;
  };

async function exported(shape: Partial<ExportShape>, options: Partial<PartyExportOptions> = {}) {
  const server = await startExport({ herIds: upTo(50), form: "base64", ...shape });
  closing.push(server);
  const pauses: number[] = [];
  const clock = { now: Date.now, sleep: (ms: number) => Promise.resolve(void pauses.push(ms)) };
  return { server, pauses, parties: exportParties({ url: server.url, credentials, clock, ...options }) };
}

async function all(parties: AsyncIterable<{ readonly herId: string }>): Promise<string[]> {
  const herIds: string[] = [];
  for await (const { herId } of parties) herIds.push(herId);
  return herIds;
}

describe("exportParties()", () => {
  it.each(["base64", "elements", "bare"] as const)(
    "R9: reads the export as it streams, in the form %s",
    async (form) => {
      const { parties } = await exported({ form });
      const read = [];
      for await (const party of parties) read.push(party);
      expect(read.map((p) => p.herId)).toEqual([...upTo(50)()].map(String));
      expect(read[2]).toMatchObject({
        name: "Part 3 <\u00e6\u00f8\u00e5\u{1f3e5}>",
        active: true,
        parent: { herId: "7000" },
        queues: { async: "tb.example/NS/3_async", sync: "tb.example/NS/3_sync", error: "tb.example/NS/3_error" },
      });
    },
  );

  it("R9: goes on after an answer that breaks off, whatever the order of the next one, each party once", async () => {
    let answer = 0;
    const { parties, server, pauses } = await exported({
      herIds: () => (++answer % 2 === 1 ? upTo(300)() : [...upTo(300)()].reverse()),
      cut: (n) => [100, 150, 299][n - 1],
    });
    const read = await all(parties);
    expect(read.length).toBe(300);
    expect(new Set(read).size).toBe(300);
    expect(server.requests()).toBe(4);
    expect(pauses).toEqual([5_000, 5_000, 5_000]);
  });

  it("R9: resumes from a mark in another process; the party at hand when it was left comes again", async () => {
    const first = await exported({ herIds: upTo(120) });
    const before: string[] = [];
    for await (const { herId } of first.parties) {
      before.push(herId);
      if (before.length === 70) break;
    }
    expect(first.parties.delivered).toBe(69);
    const second = await exported({ herIds: upTo(120) }, { resumeFrom: first.parties.mark() });
    const after = await all(second.parties);
    expect([...before.slice(0, 69), ...after]).toEqual([...upTo(120)()].map(String));
    expect(second.parties.delivered).toBe(120);
  });

  it("R9: reads no more than is asked for, so that what it holds does not grow with the export", async () => {
    let made = 0;
    const { parties } = await exported({
      herIds: function* () {
        for (made = 1; made <= 5_000; made++) yield made;
      },
    });
    let count = 0;
    for await (const _ of parties) {
      // A slow reader: the sender has time to run ahead as far as anybody lets it.
      if (++count % 500 === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(made - count, `after ${count}`).toBeLessThan(2_500);
      }
    }
    expect(count).toBe(5_000);
  });

  it.each<[string, number, string]>([
    ["a login page", 200, "<html><body>Logg inn</body></html>"],
    ["a fault with status 200", 200, soap11("<s:Fault><faultcode>s:Server</faultcode></s:Fault>")],
    ["a fault", 500, soap11("<s:Fault><faultcode>s:Server</faultcode></s:Fault>")],
    ["an export without parties", 200, `${listStart}${listEnd}`],
    ["an export that ends too early", 200, listStart + partyXml(1)],
    ["a document type", 200, `<!DOCTYPE a>${listStart}${partyXml(1)}${listEnd}`],
    ["one inside", 200, `${listStart}<!ENTITY a "b">${listEnd}`],
    ["a record without end", 200, `${listStart}<CommunicationParty>${"<a>x</a>".repeat(700_000)}`],
    ["a tag without end", 200, `${listStart}<CommunicationParty a="${"x".repeat(70_000)}`],
    ["markup that is broken", 200, `${listStart}<CommunicationParty><a></b></CommunicationParty>${listEnd}`],
    ["no text at all", 200, ""],
  ])("ends with an error for %s, after three tries", async (_, status, body) => {
    const server = await startServer((_seen, response) => {
      response.writeHead(status, { "content-type": "text/xml" }).end(body);
    });
    closing.push(server);
    const parties = exportParties({ url: server.url, credentials, pauseMs: 0 });
    await expect(all(parties)).rejects.toMatchObject({ code: "registry/unavailable", retryable: true });
    expect(server.seen).toHaveLength(parties.delivered > 0 ? 4 : 3);
  });

  it("asks once when it is refused, and stops for the caller's signal", async () => {
    const server = await startServer((_seen, response) => void response.writeHead(401).end());
    closing.push(server);
    await expect(all(exportParties({ url: server.url, credentials }))).rejects.toMatchObject({
      code: "registry/unavailable",
      context: { code: "rest/unauthorized" },
    });
    expect(server.seen).toHaveLength(1);
    const abort = new AbortController();
    const { parties } = await exported({ herIds: upTo(3_000) }, { signal: abort.signal });
    await expect(
      (async () => {
        for await (const { herId } of parties) if (herId === "10") abort.abort();
      })(),
    ).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it("ends a wait for more that does not come", async () => {
    const server = await startServer((_seen, response) => {
      response.writeHead(200, { "content-type": "text/xml" }).write(listStart + partyXml(1));
    });
    closing.push(server);
    const parties = exportParties({ url: server.url, credentials, idleMs: 30, tries: 1, pauseMs: 0 });
    await expect(all(parties)).rejects.toMatchObject({ context: { code: "rest/timeout" } });
    expect(parties.delivered).toBe(1);
  });

  it("leaves out and counts what cannot be read, and reads the rest", async () => {
    const bad = [partyXml(2).replace("<HerId>2", "<HerId>x"), partyXml(3).replace(/<HerId>\d+<\/HerId>/u, "")];
    const server = await startServer((_seen, response) => {
      response.writeHead(200, { "content-type": "text/xml" });
      response.end(listStart + partyXml(1) + bad.join("") + partyXml(4) + listEnd);
    });
    closing.push(server);
    const parties = exportParties({ url: server.url, credentials });
    expect(await all(parties)).toEqual(["1", "4"]);
    expect(parties.unreadable).toBe(2);
  });
});

describe("XmlRecords", () => {
  const document = `\uFEFF<?xml version="1.0"?>\n<!-- <CommunicationParty/> --><l:list xmlns:l="urn:l" a='>"'><x:CommunicationParty xmlns:x="urn:x" b='/>'><i l:c=">"/>a&amp;\u{1f3e5}<![CDATA[<]]></x:CommunicationParty><other/><![CDATA[<CommunicationParty>]]><in><CommunicationParty/></in></l:list>\n`;
  const read = (pieces: readonly string[]): unknown[] => {
    const records: unknown[] = [];
    const reader = new XmlRecords("CommunicationParty", { record: (element) => void records.push(element) });
    for (const piece of pieces) reader.push(piece);
    reader.end();
    return records;
  };

  it("finds the same records however the text is divided", () => {
    const whole = read([document]);
    expect(whole).toMatchObject([
      { ns: "urn:x", attributes: [{ name: "b", value: "/>" }], content: [{ name: "i" }, "a&\u{1f3e5}<"] },
      { ns: "", content: [] },
    ]);
    expect(read([...document])).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(document.length), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), document.length];
        expect(read(at.slice(1).map((end, n) => document.slice(at[n], end)))).toEqual(whole);
      }),
    );
  });

  it.each([
    "<a><CommunicationParty></a>",
    "<a></b>",
    "<a/><b/>",
    "x<a/>",
    "<a",
    "<a><!-- ",
    "",
    "</a>",
    "<a><b <c></a>",
  ])("refuses %j", (text) => expect(() => read([text])).toThrow("[xml/not-well-formed]"));
});

describe("HerIdSet", () => {
  it("comes back from its mark as it was", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: 2_147_483_647 }), fc.integer({ min: 1, max: 300 }))),
        (herIds) => {
          const set = new HerIdSet();
          for (const herId of herIds) set.add(herId);
          const again = HerIdSet.fromMark(set.toMark());
          expect([again.size, herIds.every((id) => again.has(id))]).toEqual([herIds.length, true]);
        },
      ),
      { numRuns: 50 },
    );
  });
  it.each(["", "1.", "1.AAAA", "2.abc", `1.${"A".repeat(100)}`, "x"])("refuses %j", (mark) =>
    expect(() => HerIdSet.fromMark(mark)).toThrow("[input/invalid]"),
  );
});

describe("changedParties()", () => {
  it("R9: learns by the thousand which copies are old", async () => {
    const asked: number[] = [];
    const registry = {
      changes: (herIds: readonly string[]) => {
        asked.push(herIds.length);
        const value = herIds.map((herId) => ({ herId, lastUpdated: "2026-01-02T00:00:00" }));
        return Promise.resolve({
          kind: "found" as const,
          value: [...value, { herId: "999999", lastUpdated: "2027-01-01T00:00:00" }],
        });
      },
    };
    const known = Array.from({ length: 2_500 }, (_, n) => ({
      herId: String(n + 1),
      ...(n === 7 ? {} : { lastChanged: n % 1000 === 3 ? "2026-01-01T23:59:59.99" : "2026-01-02T00:00:00" }),
    }));
    const old = [];
    for await (const { herId } of changedParties(registry, known)) old.push(herId);
    expect(old).toEqual(["4", "8", "1004", "2004"]);
    expect(asked).toEqual([1000, 1000, 500]);
  });
});
