import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { cpaId, cpaOf, cppOf, down, factsOf, found, notFound, testRegistry } from "../messenger/_registries.ts";

const minute = 60_000;
const hour = 60 * minute;
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("answers of the registries", () => {
  it("O7: one resolve on a cold cache makes each registry call once; a hundred at a time as well", async () => {
    for (const many of [1, 100]) {
      const s = testRegistry();
      await Promise.all(Array.from({ length: many }, () => s.resolve({ cpaId })));
      await s.resolve({ cpaId });
      expect(s.calls).toEqual({ party: 1, certificates: 1, agreement: 1, agreementFor: 1, profile: 1 });
    }
  });

  it("R5: after an event the next look-up is fresh, whatever it is about", async () => {
    const s = testRegistry();
    s.answers.agreement = found(cpaOf([{ herId: "1" }, { herId: "2" }]));
    for (const herId of ["2", "1"]) {
      s.answers.party = found(factsOf("2"));
      expect(await s.code({ cpaId })).toBe("cpa");
      s.answers.party = found({ ...factsOf("2"), name: "New" });
      s.answers.agreement = notFound;
      s.answers.profile = found(cppOf({ herId: "2" }));
      expect((await s.resolve({ cpaId })).kind).toBe("cpa");
      s.registry.invalidate(herId);
      // The agreement is both parties': an event about either makes it old.
      expect((await s.resolve({ cpaId })).kind).toBe("cpp");
      if (herId === "2") expect((await s.resolve()).name).toBe("New");
      s.registry.invalidate("2");
      s.answers.profile = notFound;
      s.answers.agreement = found(cpaOf([{ herId: "1" }, { herId: "2" }]));
    }
  });

  it("R5: an answer that was asked for before the event is not kept", async () => {
    const s = testRegistry();
    const before = s.resolve({ cpaId });
    await Promise.resolve();
    s.registry.invalidate("2");
    s.answers.profile = found(cppOf({ herId: "2" }));
    await before;
    expect((await s.resolve({ cpaId })).kind).toBe("cpp");
    expect(s.calls.party).toBe(2);
  });

  it("R5: soft expiry answers at once and renews behind, hard expiry waits for the new answer", async () => {
    const s = testRegistry();
    const name = async () => (await s.resolve()).name;
    expect(await name()).toBe("Party 2");
    s.answers.party = found({ ...factsOf("2"), name: "B" });
    s.answers.now += 14 * minute;
    expect([await name(), s.calls.party]).toEqual(["Party 2", 1]);
    s.answers.now += 2 * minute;
    expect(await Promise.all([name(), name(), name()])).toEqual(["Party 2", "Party 2", "Party 2"]);
    await settled();
    expect([await name(), s.calls.party]).toEqual(["B", 2]);
    s.answers.party = found({ ...factsOf("2"), name: "C" });
    s.answers.now += hour;
    expect([await name(), s.calls.party]).toEqual(["C", 3]);
  });

  it("R5: that there is no such party is kept for a short time, that there is no agreement is renewed behind", async () => {
    const s = testRegistry();
    s.answers.party = notFound;
    for (let n = 0; n < 3; n++) expect(await s.code()).toBe("registry/party-unknown");
    expect(s.calls).toMatchObject({ party: 1, agreementFor: 1, profile: 1 });
    s.answers.party = found(factsOf("2"));
    s.answers.now += minute + 1;
    expect(await s.code()).toBe("dummy");
    await settled();
    expect(s.calls).toMatchObject({ party: 2, agreementFor: 2, profile: 2 });
    s.answers.agreementFor = found(cpaOf([{ herId: "1" }, { herId: "2" }]));
    s.answers.now += minute + 1;
    expect(await s.code()).toBe("dummy");
    await settled();
    expect(await s.code()).toBe("cpa");
  });

  it("R5: a bounded number of answers is kept, those used last", async () => {
    const s = testRegistry({ cache: { maxEntries: 2 } });
    const ask = (herId: string) => s.resolve({ herId, ownHerId: undefined });
    for (const herId of ["2", "3", "2", "4", "2", "3"]) await ask(herId);
    expect(s.calls.party).toBe(4);
  });

  it("R5: documents are bounded by their bytes", async () => {
    const document = cppOf({ herId: "2", functions: Array.from({ length: 50 }, (_, n) => `F${n}`) });
    const s = testRegistry({ cache: { maxDocumentBytes: 2 * document.byteLength + 10 } });
    s.answers.profile = found(document);
    // Each kept under the party it was asked for; only number 2 is in the document.
    const ask = () => s.resolve({ herId: "2", ownHerId: "1" });
    await ask();
    await ask();
    expect(s.calls.profile).toBe(1);
    const tight = testRegistry({ cache: { maxDocumentBytes: document.byteLength - 1 } });
    tight.answers.profile = found(document);
    await tight.resolve();
    await tight.resolve();
    expect(tight.calls.profile).toBe(2);
  });

  it("leaves a failing registry alone for a while where there is a last answer", async () => {
    const s = testRegistry({ cache: { pauseMs: 10_000 } });
    await s.resolve();
    s.answers.party = down;
    s.answers.now += 2 * hour;
    for (let n = 0; n < 5; n++) expect(await s.code()).toBe("dummy");
    expect(s.calls.party).toBe(2);
    s.answers.now += 10_001;
    await s.resolve();
    expect(s.calls.party).toBe(3);
  });

  it("keeps nothing for as long as a clock was wrong that has been set back since", async () => {
    const s = testRegistry({ cache: { pauseMs: 10_000, outageMs: 48 * hour } });
    s.answers.now += 6 * hour;
    await s.resolve();
    s.registry.invalidate();
    s.answers.now -= 6 * hour;
    await s.resolve();
    await settled();
    expect(s.calls.party).toBe(2);
    await s.resolve();
    expect(s.calls.party, "the new answer is of the right time").toBe(2);
    s.answers.now += 6 * hour;
    s.answers.party = down;
    await s.resolve();
    s.answers.now -= 4 * hour;
    s.answers.party = found({ ...factsOf("2"), name: "New" });
    expect((await s.resolve()).name, "the pause was of the wrong time").toBe("New");
  });

  it("does not tell of a document that cannot be read for as long as a clock was wrong", async () => {
    const s = testRegistry({ cache: { pauseMs: 10_000 } });
    s.answers.now += 6 * hour;
    s.answers.profile = found(new TextEncoder().encode("<not a profile>"));
    await expect(s.resolve()).rejects.toThrow("[registry/profile-invalid]");
    s.answers.profile = found(cppOf({ herId: "2" }));
    await expect(s.resolve()).rejects.toThrow("[registry/profile-invalid]");
    s.answers.now -= 6 * hour;
    expect((await s.resolve()).kind).toBe("cpp");
  });

  it("ends one caller's wait on its signal, and no other's", async () => {
    const s = testRegistry();
    const abort = new AbortController();
    const cancelled = s.resolve({ signal: abort.signal });
    const other = s.resolve();
    abort.abort();
    await expect(cancelled).rejects.toThrow("[abort/cancelled]");
    expect((await other).kind).toBe("dummy");
    await expect(s.resolve({ signal: abort.signal })).rejects.toBeInstanceOf(HelsekontaktError);
  });
});
