import { readdirSync, readFileSync } from "node:fs";
import { Personal, systemClock } from "@helsekontakt/core";
import { startSandbox } from "@helsekontakt/sandbox";
import { describe, expect, it } from "vitest";
import { accept, createHelsekontakt, openJournal, sqliteStore } from "../src/index.ts";

const year = 365 * 86_400_000;

describe("the test kit", () => {
  it("U6: is one package: broker, registries, HelseID, certificates and counterpart, all by a clock of the test's own", async () => {
    // A day of next year: certificates, tokens and messages are of that day.
    const day = Date.now() + year;
    const clock = { now: () => day, sleep: systemClock.sleep };
    const sandbox = await startSandbox({ citizens: 20, now: clock.now });
    const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
    const sdk = createHelsekontakt({ ...sandbox.config, journal, clock });
    try {
      sdk.ekontakt.onMessage(() => accept());
      await sdk.start();
      const citizen = sandbox.citizens.find((c) => c.status === "self");
      const { fnr = "", familyName = "", givenName = "" } = citizen ?? {};
      const asked = await sandbox.counterpart.sendRequest({
        citizen: { fnr, familyName, givenName, status: "self" },
        toHerId: "200002",
        subject: "Emne",
        text: "Tekst",
      });
      expect((await asked.receipt()).status).toBe("accepted");
      const sent = await sdk.ekontakt.ask({
        patient: { fnr: new Personal(fnr), familyName, givenName },
        subject: "Emne",
        text: "Tekst",
      });
      expect((await sent.receipt()).status).toBe("accepted");
      const { counts } = await sdk.aktivsjekk.check([fnr]);
      expect(counts.self).toBe(1);
      const { validToDate } = sandbox.identities.provider.signing.certificate;
      expect(validToDate.getTime()).toBeGreaterThan(day);
    } finally {
      await sdk.stop();
      await journal.close();
      await sandbox.close();
    }
  });

  it("U6: is what the SDK's own tests use, by its public face", () => {
    const folder = new URL("./", import.meta.url);
    const users = readdirSync(folder).filter((file) => {
      const text = readFileSync(new URL(file, folder), "utf8");
      expect(text).not.toMatch(/sandbox\/(?:src|dist)\//);
      return /from "@helsekontakt\/sandbox"|from "\.\/_harness\.ts"/.test(text);
    });
    expect(users.length).toBeGreaterThan(15);
  });
});
