import { describe, expect, it } from "vitest";
import { Personal, ValidationError } from "../src/index.ts";
import { failure, until, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const contact = {
  team: { name: "Helsesykepleier, Nord skole", members: [{ role: "Helsesykepleier" }, { role: "Skolelege" }] },
  from: "2026-11-25",
  access: "N" as const,
};

describe("notifikasjon.send()", () => {
  it("journals, sends and gets a positive AppRec; Helsenorge holds the contact", async () => {
    const { sdk, journal, seen } = await harness.run();
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact, from: "200003" });
    expect(await sent.receipt()).toEqual({ status: "accepted", errors: [] });
    expect(sent.msgId).toBe(sent.conversationId);
    const episode = harness.sandbox.counterpart.contacts.get(sent.contactId);
    expect(episode?.contained?.[0]).toMatchObject({ resourceType: "CareTeam", name: contact.team.name });
    expect(await journal.outbox.get(sent.id)).toMatchObject({
      transport: "sent",
      application: "accepted",
      attempts: 1,
    });
    expect(await seen("sent")).toMatchObject({ id: sent.id, msgId: sent.msgId, attempt: 1 });
    expect(await seen("receipt")).toMatchObject({ originalMsgId: sent.msgId, accepted: true, outcome: "accepted" });
  });

  it("updates the same contact under the same id", async () => {
    const { sdk } = await harness.run();
    const first = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    await first.receipt();
    const ended = { ...contact, id: first.contactId, to: "2026-12-01" };
    const second = await sdk.notifikasjon.send({ patient: harness.patient(), contact: ended });
    await second.receipt();
    expect(second.contactId).toBe(first.contactId);
    expect(harness.sandbox.counterpart.contacts.get(first.contactId)?.period?.end).toBe("2026-12-01");
  });

  it("ends as not-active on E35, tells the register of members, and sends nothing again", async () => {
    const { sdk, journal } = await harness.run();
    const patient = harness.patient("none");
    await journal.members.upsert([
      { person: new Personal(patient.fnr), organisation: "998888887", start: "2026-01-01", end: "2026-12-31" },
    ]);
    const sent = await sdk.notifikasjon.send({ patient, contact });
    expect(await sent.receipt()).toEqual({
      status: "not-active",
      errors: [{ code: "E35", meaning: "Pasienten finnes ikke i mottakersystemet" }],
    });
    expect(await until(async () => ((await journal.members.count()).inactive === 1 ? true : undefined))).toBe(true);
    expect((await journal.outbox.get(sent.id))?.attempts).toBe(1);
  });

  it("ends as rejected on another code", async () => {
    const { sdk } = await harness.run();
    harness.sandbox.counterpart.plannedOutcomes.push({ status: "rejected", errors: [{ code: "T02" }] });
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect(await sent.receipt()).toEqual({
      status: "rejected",
      errors: [{ code: "T02", meaning: "XML validerer ikke" }],
    });
  });

  it("refuses what breaks the profile before it is journalled", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    const error = await failure(
      sdk.notifikasjon.send({ patient: harness.patient(), contact: { ...contact, from: "i dag" } }),
    );
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as unknown as ValidationError).issues.map((i) => i.path).join()).toContain("EpisodeOfCare");
    expect(await journal.outbox.list()).toEqual([]);
  });

  it("refuses to send for a service that is not an own one", async () => {
    const { sdk } = await harness.run({ start: false });
    const error = await failure(sdk.notifikasjon.send({ patient: harness.patient(), contact, from: "999" }));
    expect(error.code).toBe("input/invalid");
    expect(error.context).toEqual({ services: ["200002", "200003", "200004"] });
  });
});

describe("tjenesteoversikt.send()", () => {
  const services = [
    { id: "HJ-1", name: "Hjemmesykepleie", from: "2026-09-01", to: "2026-12-31", deliveredBy: "Sone Nord" },
    { id: "HJ-2", name: "Praktisk bistand", from: "2026-10-01" },
  ];

  it("replaces the whole list; an empty one ends all services", async () => {
    const { sdk } = await harness.run();
    const patient = harness.patient("self", 3);
    const lists = harness.sandbox.counterpart.serviceLists;
    const full = await sdk.tjenesteoversikt.send({ patient, services, from: "200002" });
    expect((await full.receipt()).status).toBe("accepted");
    expect([...lists.values()].map((l) => l.map((s) => s.name))).toEqual([["Hjemmesykepleie", "Praktisk bistand"]]);
    const empty = await sdk.tjenesteoversikt.send({ patient, services: [], from: "200002" });
    expect((await empty.receipt()).status).toBe("accepted");
    expect([...lists.values()]).toEqual([[]]);
  });

  it("takes the guide's spelling as a setting, and warns that the published schema has another", async () => {
    const { sdk } = await harness.run();
    const spelled = await sdk.tjenesteoversikt.send({
      patient: harness.patient(),
      services: [{ id: "HJ-1", name: "Hjemmesykepleie", from: "2026-09-01" }],
      spelling: "TjenesteOmrade",
    });
    expect(spelled.warnings.map((w) => w.rule)).toContain("profile/tjenesteoversikt-spelling");
    expect((await spelled.receipt()).status).toBe("accepted");
  });

  it("ends as not-active for a citizen whom Helsenorge does not know", async () => {
    const { sdk } = await harness.run();
    const sent = await sdk.tjenesteoversikt.send({ patient: harness.patient("unknown"), services });
    expect((await sent.receipt()).status).toBe("not-active");
  });

  it("refuses a list that its schema refuses, with the place", async () => {
    const { sdk } = await harness.run({ start: false });
    const error = (await failure(
      sdk.tjenesteoversikt.send({ patient: harness.patient(), services: [{ id: "1", name: "N", from: "snart" }] }),
    )) as unknown as ValidationError;
    expect(error.code).toBe("xml/not-valid");
    expect(error.issues[0]?.path).toMatch(/^\/MsgHead\/Document/);
  });
});

describe("a message that gets no AppRec", () => {
  it("is overdue after the deadline, and a late AppRec still settles it", async () => {
    const { sdk, journal, seen } = await harness.run({ config: { receiptDeadlineMs: 400 } });
    const broker = harness.sandbox.amqp.broker;
    harness.sandbox.counterpart.silent = true;
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect(await sent.receipt()).toEqual({ status: "overdue" });
    expect(await seen("overdue")).toMatchObject({ id: sent.id, msgId: sent.msgId });
    harness.sandbox.counterpart.silent = false;
    await journal.outbox.resend(sent.id);
    await seen("receipt", (e) => e.originalMsgId === sent.msgId);
    expect(await sent.receipt()).toEqual({ status: "accepted", errors: [] });
    expect(broker.counts.unroutable).toBe(0);
  });

  it("can stop waiting", async () => {
    const { sdk } = await harness.run({ start: false });
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    expect((await failure(sent.receipt({ signal: AbortSignal.abort() }))).code).toBe("abort/cancelled");
  });
});
