import { inspect } from "node:util";
import type { LogFields } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { type HelsekontaktConfig, reject, reply } from "../src/index.ts";
import { until, useSandbox } from "./_harness.ts";
import { requestXml, sendBytes } from "./_wire.ts";

const harness = useSandbox();

/** Values that belong into messages and nowhere else. */
const markers = {
  familyName: "Markørnavnesen",
  givenName: "Markørfornavn",
  subject: "Markøremne",
  text: "Markørtekst om helse",
  answer: "Markørsvar",
  file: "Markørfil",
  fault: "Markørfeil i behandleren",
  password: "sandbox",
};

describe("events, log lines and errors", () => {
  it("show no person's data, no content, no token and no key, whatever happens", async () => {
    const shown: string[] = [];
    const show = (value: unknown): void => {
      const hidden = inspect(value, { depth: 20, showHidden: true });
      shown.push(hidden, String(value), JSON.stringify(value) ?? "");
    };
    const line = (message: string, fields?: LogFields): void => show({ message, fields });
    const logger = { debug: line, info: line, warn: line, error: line };
    const failed = async (attempt: () => unknown): Promise<void> => {
      try {
        await attempt();
      } catch (error) {
        show(error);
        return;
      }
      throw new Error("expected a failure, found a result");
    };

    const { sandbox } = harness;
    const tokens = collectTokens();
    const config: Partial<HelsekontaktConfig> = { logger, receiptDeadlineMs: 60_000 };
    const { sdk, events, seen, journal } = await harness.run({ config });
    const patient = { fnr: harness.citizen("self").fnr, familyName: markers.familyName, givenName: markers.givenName };
    const fnrs = sandbox.citizens.map((c) => c.fnr);

    // Good traffic both ways.
    sdk.ekontakt.onMessage((message, { tries }) => {
      show(message.patient);
      if (message.subject === "kast" && tries === 1) throw new Error(markers.fault);
      return message.subject === "avvis" ? reject("E31") : reply(markers.answer);
    });
    const citizen = { ...harness.citizen("self"), familyName: markers.familyName, givenName: markers.givenName };
    const attachments = [
      { mimeType: "application/pdf" as const, description: markers.file, content: Buffer.from(markers.text) },
    ];
    for (const subject of [markers.subject, "kast", "avvis"]) {
      const asked = await sandbox.counterpart.sendRequest({
        citizen,
        toHerId: "200002",
        subject,
        text: markers.text,
        attachments,
      });
      await asked.receipt();
    }
    const sent = await sdk.ekontakt.ask({ patient, subject: markers.subject, text: markers.text });
    show(sent);
    show(await sent.receipt());
    show(await sdk.aktivsjekk.check(fnrs.slice(0, 5)));
    show(
      await sdk.medlemstjenester.register(
        fnrs.slice(0, 3).map((fnr) => ({ fnr, from: "2026-01-01", to: "2026-12-31" })),
      ),
    );

    // Bad traffic: unreadable, invalid, tampered, and an AppRec that quotes.
    const xml = await requestXml(sandbox, { citizen, subject: markers.subject, text: markers.text });
    await sendBytes(sandbox, xml.slice(0, -30));
    await sendBytes(
      sandbox,
      xml.replace(/<MIGversion>[^<]*<\/MIGversion>/, `<MIGversion>${markers.text}</MIGversion>`),
    );
    await sendBytes(sandbox, xml, { tamper: (body) => body.subarray(0, body.length - 9) });
    await seen("received", (e) => e.rejection !== undefined);
    await until(() => (events.filter((e) => e.type === "refused").length >= 2 ? true : undefined));
    sandbox.counterpart.plannedOutcomes.push({
      status: "rejected",
      errors: [{ code: "E31", detail: `${markers.familyName} ${patient.fnr}` }],
    });
    const rejected = await sdk.ekontakt.ask({ patient, subject: markers.subject, text: markers.text });
    show(await rejected.receipt());

    // Bad calls.
    await failed(() => sdk.ekontakt.ask({ patient, subject: markers.subject, text: { xhtml: `<p>${markers.text}` } }));
    await failed(() => sdk.tjenesteoversikt.send({ patient, services: [{ id: "1", name: "N", from: markers.text }] }));
    await failed(() => sdk.aktivsjekk.check([patient.fnr, `${patient.fnr}1`]));
    await failed(() => sdk.medlemstjenester.register([{ fnr: patient.fnr, from: markers.text, to: "" }]));
    for (const status of [400, 401, 500]) {
      const body = { Code: "EHAPI-1", Message: `${markers.familyName} ${patient.fnr}`, ErrorCategory: 1 };
      sandbox.faults.add("aktivsjekken", { kind: "status", status, body }, 3);
      await failed(() => sdk.aktivsjekk.check([patient.fnr]));
      sandbox.faults.clear();
    }
    const wrong = { ...sandbox.config.amqp, password: markers.answer, url: sandbox.amqp.url.replace(":sandbox@", "@") };
    const other = await harness.run({ start: false, config: { logger, amqp: wrong } });
    await failed(() => other.sdk.start());

    for (const event of events) show(event);
    show(sdk);
    show(await journal.outbox.list());
    show(await journal.inbox.list());

    const everything = shown.join("\n");
    expect(events.length).toBeGreaterThan(20);
    expect(shown.length).toBeGreaterThan(80);
    const { password: _inUrlsOnly, ...content } = markers;
    for (const [name, value] of Object.entries(content)) expect(everything.includes(value), name).toBe(false);
    expect(everything).not.toContain(":sandbox@");
    for (const fnr of fnrs) expect(everything.includes(fnr), "a national identity number").toBe(false);
    expect(tokens().length).toBeGreaterThan(0);
    for (const token of tokens()) expect(everything.includes(token), "a token").toBe(false);
    expect(everything).not.toContain(String(sandbox.client.jwk["d"]));
    expect(everything).not.toMatch(/PRIVATE KEY|eyJ[\w-]{20,}/);
  });
});

/** Tokens that the sandbox gives out from now on. */
function collectTokens(): () => readonly string[] {
  const { service } = harness.sandbox.helseid;
  const found: string[] = [];
  const handle = service.handle.bind(service);
  service.handle = async (request) => {
    const response = await handle(request);
    const { access_token: token } = (response.body ?? {}) as { access_token?: string };
    if (token !== undefined) found.push(token);
    return response;
  };
  return () => found;
}
