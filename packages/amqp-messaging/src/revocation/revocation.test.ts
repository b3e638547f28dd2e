import type { X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import type { Clock } from "@helsekontakt/core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkTrust } from "../keys/check-trust.ts";
import { makeIdentity, type TestIdentity } from "../protection/_test-certificates.ts";
import { derBytes, integer, objectIdentifier, sequence, tlv } from "../protection/der-writer.ts";
import { extension, makeAnswer, makeList, startSource, type TestSource } from "./_test-authority.ts";
import { createRevocation } from "./revocation.ts";
import type { RevocationEvent, RevocationMode, RevocationOptions } from "./types.ts";

// One long file: every case asks the same authority, whose keys take a second to make.

const day = 86_400_000;
const ocspSigning = "1.3.6.1.5.5.7.3.9";
let source: TestSource;
let root: TestIdentity;
let issuing: TestIdentity;
let byList: TestIdentity;
let byAnswer: TestIdentity;
let byBoth: TestIdentity;
let bare: TestIdentity;
let responder: TestIdentity;
let stranger: TestIdentity;
let now: number;
let events: RevocationEvent[];
const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };

beforeAll(async () => {
  source = await startSource();
  const lists = { revocationLists: [`${source.url}/crl`] };
  const ocsp = { ocspResponders: [`${source.url}/ocsp`] };
  root = await makeIdentity("Root", { usage: ["keyCertSign", "cRLSign"], authority: true });
  issuing = await makeIdentity("Issuing", { usage: ["keyCertSign", "cRLSign"], authority: true, issuer: root });
  [byList, byAnswer, byBoth, bare, responder, stranger] = await Promise.all([
    makeIdentity("By list", { issuer: issuing, ...lists }),
    makeIdentity("By answer", { issuer: issuing, ...ocsp }),
    makeIdentity("By both", { issuer: issuing, ...lists, ...ocsp }),
    makeIdentity("Bare", { issuer: issuing }),
    makeIdentity("Responder", { issuer: issuing, usage: ["digitalSignature"], extendedUsage: [ocspSigning] }),
    makeIdentity("Stranger", { usage: ["keyCertSign", "cRLSign"], authority: true }),
  ]);
});
afterAll(() => source.close());
beforeEach(() => {
  now = Date.UTC(2026, 5, 1);
  events = [];
});
afterEach(() => {
  source.served.clear();
  source.requests.length = 0;
  source.deaf = false;
});

const checker = (mode: RevocationMode, options: Partial<RevocationOptions> = {}) =>
  createRevocation({ mode, clock, timeoutMs: 2_000, onEvent: (e) => events.push(e), ...options });
/** The anchor is the issuing authority, so that one certificate is asked about. */
const path = (identity: TestIdentity) => [identity.certificate, issuing.certificate];
const serveList = (revoked: readonly X509Certificate[] = [], fields: Partial<Parameters<typeof makeList>[1]> = {}) =>
  source.served.set("/crl", makeList(issuing, { thisUpdate: now - day, nextUpdate: now + day, revoked, ...fields }));
const serveAnswer = (
  identity: TestIdentity,
  fields: Partial<Parameters<typeof makeAnswer>[3]> = {},
  by: TestIdentity = issuing,
) =>
  source.served.set(
    "/ocsp",
    makeAnswer(identity.certificate, issuing.certificate, by, {
      thisUpdate: now - 1_000,
      nextUpdate: now + day,
      ...fields,
    }),
  );
const because = (reason: string) =>
  expect.objectContaining({
    code: "protection/certificate-invalid",
    context: expect.objectContaining({ reason }) as unknown,
  });

describe("revocation lists", () => {
  it("refuse what they name and pass the rest, in both modes", async () => {
    for (const mode of ["require", "prefer"] as const) {
      serveList([byList.certificate]);
      await expect(checker(mode).check(path(byList))).rejects.toThrow(because("revoked"));
      serveList([byBoth.certificate]);
      await expect(checker(mode).check(path(byList))).resolves.toBeUndefined();
    }
    expect(events.map(({ kind }) => kind)).toEqual(["revoked", "revoked"]);
  });

  it("are asked for every certificate below the anchor", async () => {
    const middle = await makeIdentity("Middle", {
      usage: ["keyCertSign", "cRLSign"],
      authority: true,
      issuer: root,
      revocationLists: [`${source.url}/root`],
    });
    const leaf = await makeIdentity("Leaf", { issuer: middle, revocationLists: [`${source.url}/middle`] });
    const serve = (revoked: X509Certificate[]) => {
      const times = { thisUpdate: now - day, nextUpdate: now + day };
      source.served.set("/root", makeList(root, { ...times, revoked }));
      source.served.set("/middle", makeList(middle, times));
    };
    const trust = { anchors: [root.certificate], intermediates: [middle.certificate], at: new Date(now) };
    serve([]);
    const found = await checkTrust(leaf.certificate, { ...trust, revocation: checker("require") });
    expect(found).toHaveLength(3);
    serve([middle.certificate]);
    await expect(checkTrust(leaf.certificate, { ...trust, revocation: checker("require") })).rejects.toThrow(
      because("revoked"),
    );
  });

  it("may be long: read without the library's limit, and by other callers' turns", async () => {
    const entries = Array.from({ length: 20_000 }, (_, i) => integer(0x1000000 + i));
    source.served.set(
      "/crl",
      makeList(issuing, { thisUpdate: now - day, nextUpdate: now + day, revoked: [...entries, byList.certificate] }),
    );
    let turns = 0;
    const ticking = setInterval(() => turns++, 0);
    await expect(checker("require").check(path(byList))).rejects.toThrow(because("revoked"));
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(3);
    await expect(checker("require").check(path(byBoth))).resolves.toBeUndefined();
  });

  const unusable: [string, () => void][] = [
    ["of another issuer", () => source.served.set("/crl", makeList(root, { thisUpdate: now, nextUpdate: now + day }))],
    [
      "signed by another key under the issuer's name",
      () =>
        source.served.set(
          "/crl",
          makeList({ certificate: issuing.certificate, key: stranger.key }, { thisUpdate: now, nextUpdate: now + day }),
        ),
    ],
    [
      "that do not say when the next one comes",
      () => source.served.set("/crl", makeList(issuing, { thisUpdate: now })),
    ],
    ["of the future", () => serveList([], { thisUpdate: now + day, nextUpdate: now + 2 * day })],
    ["that ended long ago", () => serveList([], { thisUpdate: now - 9 * day, nextUpdate: now - 8 * day })],
    ["that are deltas", () => serveList([], { extensions: [extension("2.5.29.27", integer(1), true)] })],
    [
      "of other authorities' certificates",
      () => serveList([], { extensions: [extension("2.5.29.28", sequence(Uint8Array.of(0x84, 1, 255)), true)] }),
    ],
    [
      "for authorities alone",
      () => serveList([], { extensions: [extension("2.5.29.28", sequence(Uint8Array.of(0x82, 1, 255)), true)] }),
    ],
    [
      "that belong to another address",
      () =>
        serveList([], {
          extensions: [
            extension(
              "2.5.29.28",
              sequence(tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from("http://elsewhere.example/crl"))))),
              true,
            ),
          ],
        }),
    ],
    [
      "with an unknown critical extension",
      () => serveList([], { extensions: [extension("1.2.3.4", integer(1), true)] }),
    ],
    [
      "signed with SHA-1",
      () => serveList([], { algorithm: sequence(objectIdentifier("1.2.840.113549.1.1.5"), Uint8Array.of(5, 0)) }),
    ],
    ["cut off", () => source.served.set("/crl", Buffer.from(source.served.get("/crl") as Uint8Array).subarray(0, 200))],
    ["that are none", () => source.served.set("/crl", Buffer.from("<html>"))],
    ["that answer 404", () => source.served.delete("/crl")],
  ];
  it.each(unusable)("are not believed: those %s", async (_, serve) => {
    serveList();
    serve();
    await expect(checker("require").check(path(byList))).rejects.toMatchObject({
      code: "protection/certificate-invalid",
      context: { reason: expect.stringMatching(/^revocation-/u) as unknown },
    });
    await expect(checker("prefer").check(path(byList))).resolves.toBeUndefined();
  });

  it("are not read beyond their size", async () => {
    serveList();
    await expect(checker("require", { maxBytes: 100 }).check(path(byList))).rejects.toThrow(
      because("revocation-offline"),
    );
  });

  it("of users alone count for a user", async () => {
    serveList([], { extensions: [extension("2.5.29.28", sequence(Uint8Array.of(0x81, 1, 255)), true)] });
    await expect(checker("require").check(path(byList))).resolves.toBeUndefined();
  });
});

describe("OCSP answers", () => {
  it("are believed of the issuer, by name or key, and of a responder that it has appointed", async () => {
    const attach = [responder.certificate];
    for (const serve of [
      () => serveAnswer(byAnswer),
      () => serveAnswer(byAnswer, { byKey: true }),
      () => serveAnswer(byAnswer, { attach }, responder),
      () => serveAnswer(byAnswer, { attach, byKey: true }, responder),
    ]) {
      serve();
      await expect(checker("require").check(path(byAnswer))).resolves.toBeUndefined();
    }
    serveAnswer(byAnswer, { status: "revoked", attach }, responder);
    await expect(checker("require").check(path(byAnswer))).rejects.toThrow(because("revoked"));
    expect(source.requests[0]).toMatchObject({ method: "POST" });
  });

  it.each([
    ["a stranger", () => serveAnswer(byAnswer, { attach: [stranger.certificate] }, stranger)],
    [
      "a certificate of the issuer that is no responder's",
      () => serveAnswer(byAnswer, { attach: [bare.certificate] }, bare),
    ],
    ["a responder whose certificate is not there", () => serveAnswer(byAnswer, {}, responder)],
    ["another key", () => serveAnswer(byAnswer, { key: stranger.key })],
    ["the right one about another certificate", () => serveAnswer(byBoth)],
    ["the right one of the future", () => serveAnswer(byAnswer, { thisUpdate: now + day, nextUpdate: now + 2 * day })],
    [
      "the right one, ended long ago",
      () => serveAnswer(byAnswer, { thisUpdate: now - 9 * day, nextUpdate: now - 8 * day }),
    ],
    ["nobody", () => source.served.set("/ocsp", derBytes(sequence(tlv(0x0a, Uint8Array.of(3)))))],
    ["garbage", () => source.served.set("/ocsp", Buffer.from("3003020101", "hex"))],
  ])("are not believed of %s", async (_, serve) => {
    serve();
    await expect(checker("require").check(path(byAnswer))).rejects.toThrow(because("revocation-offline"));
  });

  it("that know nothing of the certificate leave it unknown", async () => {
    serveAnswer(byAnswer, { status: "unknown" });
    await expect(checker("require").check(path(byAnswer))).rejects.toThrow(because("revocation-unknown"));
    await expect(checker("prefer").check(path(byAnswer))).resolves.toBeUndefined();
    expect(events.at(-1)).toMatchObject({ kind: "unchecked", reason: "not-covered" });
  });

  it("stand in when the list cannot be had, and the other way round", async () => {
    serveAnswer(byBoth);
    await expect(checker("require").check(path(byBoth))).resolves.toBeUndefined();
    expect(source.requests.map((r) => r.path)).toEqual(["/crl", "/ocsp"]);
    source.served.clear();
    serveList([byBoth.certificate]);
    const ocspFirst = checker("require", { methods: ["ocsp", "crl"] });
    await expect(ocspFirst.check(path(byBoth))).rejects.toThrow(because("revoked"));
  });

  it("without an end hold for an hour", async () => {
    const { nextUpdate: _, ...open } = { thisUpdate: now, nextUpdate: 0 };
    source.served.set("/ocsp", makeAnswer(byAnswer.certificate, issuing.certificate, issuing, open));
    const revocation = checker("require", { staleMs: 0 });
    await revocation.check(path(byAnswer));
    now += 3_600_001;
    source.deaf = false;
    source.served.clear();
    await expect(revocation.check(path(byAnswer))).rejects.toThrow(because("revocation-offline"));
  });
});

describe("what has been answered", () => {
  it("S10: a thousand checks at once cause one fetch of the list", async () => {
    serveList();
    const revocation = checker("require");
    await Promise.all(Array.from({ length: 1_000 }, () => revocation.check(path(byList))));
    for (let i = 0; i < 1_000; i++) await revocation.check(path(byBoth));
    expect(source.requests).toHaveLength(1);
  });

  it("S10: the list's server is down: checks go on with the list at hand, past its end within the policy", async () => {
    serveList();
    const revocation = checker("require", { staleMs: day, retryMs: 60_000 });
    await revocation.check(path(byList));
    source.served.set("/crl", 503);
    now += 1.5 * day;
    for (let i = 0; i < 1_000; i++) await revocation.check(path(byList));
    // One try in the background, not one for each.
    await expect.poll(() => events.length).toBe(1);
    expect(source.requests).toHaveLength(2);
    now += day;
    await expect(revocation.check(path(byList))).rejects.toThrow(because("revocation-offline"));
    expect(source.requests).toHaveLength(3);
    // Back again: the next try after a while finds it.
    serveList();
    await expect(revocation.check(path(byList))).rejects.toThrow(because("revocation-offline"));
    now += 60_001;
    await expect(revocation.check(path(byList))).resolves.toBeUndefined();
  });

  it("is asked for again, however far ahead the clock was when it could not be had", async () => {
    source.served.set("/crl", 503);
    const revocation = checker("require", { retryMs: 60_000 });
    now += 6 * 3_600_000;
    await expect(revocation.check(path(byList))).rejects.toThrow(because("revocation-offline"));
    now -= 6 * 3_600_000;
    serveList();
    await expect(revocation.check(path(byList))).resolves.toBeUndefined();
  });

  it("is renewed in the background before it ends, and nobody waits for it", async () => {
    serveList();
    const revocation = checker("require", { maxAgeMs: 3_600_000 });
    await revocation.check(path(byList));
    serveList([byList.certificate]);
    now += 3_600_001;
    await revocation.check(path(byList));
    await expect
      .poll(() =>
        revocation.check(path(byList)).then(
          () => "good",
          () => "revoked",
        ),
      )
      .toBe("revoked");
    expect(source.requests).toHaveLength(2);
  });

  it("is not replaced by an older list", async () => {
    serveList([byList.certificate]);
    const revocation = checker("require");
    await expect(revocation.check(path(byList))).rejects.toThrow(because("revoked"));
    now += day / 1.2;
    source.served.set("/crl", makeList(issuing, { thisUpdate: now - 5 * day, nextUpdate: now + day }));
    await expect(revocation.check(path(byList))).rejects.toThrow(because("revoked"));
    await expect.poll(() => source.requests.length).toBe(2);
    await expect(revocation.check(path(byList))).rejects.toThrow(because("revoked"));
  });

  it("is bounded: the answer used longest ago goes first", async () => {
    const revocation = checker("require", { maxEntries: 1, methods: ["ocsp"] });
    for (const identity of [byAnswer, byBoth, byAnswer]) {
      serveAnswer(identity);
      await revocation.check(path(identity));
      await revocation.check(path(identity));
    }
    expect(source.requests).toHaveLength(3);
  });
});

describe("modes", () => {
  it.each(["refuses connections", "never answers"] as const)(
    "S11: a responder that %s: require waits, prefer passes with an alarm, off asks nobody",
    async (how) => {
      const dead = how === "never answers" ? source : await startSource();
      const url = dead.url;
      if (how === "refuses connections") await dead.close();
      else dead.deaf = true;
      for (const sources of [{ revocationLists: [`${url}/crl`] }, { ocspResponders: [`${url}/ocsp`] }]) {
        const identity = await makeIdentity("Asked in vain", { issuer: issuing, ...sources });
        const options = { timeoutMs: 50 };
        await expect(checker("require", options).check(path(identity))).rejects.toMatchObject({
          code: "protection/certificate-invalid",
          retryable: true,
          context: { reason: "revocation-offline" },
        });
        events = [];
        const prefer = checker("prefer", options);
        await prefer.check(path(identity));
        await prefer.check(path(identity));
        expect(events.map((e) => e.kind)).toEqual(["source-failed", "unchecked"]);
        events = [];
        source.requests.length = 0;
        await checker("off", options).check(path(identity));
        expect(events).toEqual([]);
        expect(source.requests).toEqual([]);
      }
    },
  );

  it("of a certificate that names no source: require refuses, prefer passes", async () => {
    await expect(checker("require").check(path(bare))).rejects.toMatchObject({
      retryable: false,
      context: { reason: "revocation-unknown" },
    });
    await checker("prefer").check(path(bare));
    expect(events).toMatchObject([{ kind: "unchecked", reason: "no-source" }]);
  });

  it("tell a caller's abort from a failure, and leave the fetch to the others", async () => {
    source.deaf = true;
    const revocation = checker("require", { timeoutMs: 200 });
    const abort = new AbortController();
    const cancelled = revocation.check(path(byList), { signal: abort.signal });
    const other = revocation.check(path(byList));
    abort.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "abort/cancelled" });
    await expect(other).rejects.toThrow(because("revocation-offline"));
    expect(source.requests).toHaveLength(1);
    await expect(revocation.check(path(byList), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "abort/cancelled",
    });
  });

  it("end a fetch that heeds no signal, and outlive a listener that throws", async () => {
    const revocation = checker("prefer", {
      timeoutMs: 20,
      fetch: () => new Promise(() => {}),
      onEvent: () => {
        throw new Error("listener");
      },
    });
    await expect(revocation.check(path(byList))).resolves.toBeUndefined();
  });

  it("show what is known of one certificate", async () => {
    serveList([byList.certificate]);
    const revocation = checker("prefer");
    expect(await revocation.status(byList.certificate, issuing.certificate)).toEqual({
      status: "revoked",
      method: "crl",
      stale: false,
    });
    expect(await revocation.status(bare.certificate, issuing.certificate)).toEqual({
      status: "unknown",
      reason: "no-source",
    });
    expect(inspect(events)).not.toContain("PRIVATE");
  });
});
