import { connectAmqp, createPartyRegistry } from "@helsekontakt/amqp-messaging";
import { parseProfile } from "@helsekontakt/amqp-messaging/profile";
import {
  changedParties,
  createRestAddressRegistry,
  createServiceBusManager,
  createSoapAddressRegistry,
  createSoapCollaborationRegistry,
  exportParties,
  followRegistryEvents,
  type LookUp,
} from "@helsekontakt/amqp-messaging/registries";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Sandbox, sandboxParties, startSandbox } from "../src/index.ts";
import { BareClient } from "./_client.ts";

let sandbox: Sandbox;
beforeAll(async () => void (sandbox = await startSandbox({ citizens: 10 })));
afterAll(() => sandbox.close());

const at = (path: string) => ({
  url: `${sandbox.registries.soapBaseUrl}${path}`,
  credentials: sandbox.registries.soapCredentials,
});
const basic = () => createSoapAddressRegistry(at("/v1/AR/Basic"));
const wsHttp = () => createSoapAddressRegistry({ ...at("/v1/AR"), binding: "wsHttp" });
const valueOf = <T>(answer: LookUp<T>): T => {
  if (answer.kind !== "found") throw new Error(`expected a value, found ${answer.kind}`);
  return answer.value;
};

describe("the registries by SOAP", () => {
  it("R8: give every party as REST does, by both bindings", async () => {
    const client = await BareClient.create(sandbox);
    const token = await client.accessToken("nhn:cp-api/access-v2-dpop");
    const ath = createHash("sha256").update(token).digest("base64url");
    const rest = createRestAddressRegistry({
      async party(herId) {
        const htu = `${sandbox.registries.communicationPartyBaseUrl}/communicationparty/${herId}`;
        const dpop = await client.proof({ htm: "GET", htu, ath, nonce: undefined });
        const response = await fetch(htu, { headers: { authorization: `DPoP ${token}`, dpop } });
        return response.status === 404 ? undefined : ((await response.json()) as never);
      },
    });
    for (const { herId } of sandboxParties) {
      const byRest = valueOf(await rest.party(herId));
      for (const soap of [basic(), wsHttp()]) expect(valueOf(await soap.party(herId))).toEqual(byRest);
    }
    for (const registry of [basic(), wsHttp(), rest]) expect(await registry.party("1")).toEqual({ kind: "not-found" });
  });

  it("give certificates, searches, changes and the export", async () => {
    const { encryption, signature } = valueOf(await basic().certificates("100002"));
    const { helsenorge } = sandbox.identities;
    expect([encryption?.fingerprint256, signature?.fingerprint256]).toEqual([
      helsenorge.encryption.certificate.fingerprint256,
      helsenorge.signing.certificate.fingerprint256,
    ]);
    expect(valueOf(await wsHttp().search("998888887")).map((p) => p.herId)).toEqual([
      "200001",
      "200002",
      "200003",
      "200004",
    ]);
    expect(valueOf(await basic().search("7"))).toEqual([]);
    expect(valueOf(await basic().ping())).toBe(true);
    const exported = [];
    for await (const party of exportParties(at("/v1/ARExport"))) exported.push(party);
    expect(exported.map((p) => p.herId)).toEqual(sandboxParties.map((p) => p.herId));
    const old = [];
    for await (const { herId } of changedParties(basic(), [{ herId: "100001" }, ...exported.slice(1)])) old.push(herId);
    expect(old).toEqual(["100001"]);
  });

  it("give profiles and agreements, and say of others that there are none", async () => {
    for (const options of [at("/v1/CPPA/Basic"), { ...at("/v1/CPPA"), binding: "wsHttp" as const }]) {
      const cppa = createSoapCollaborationRegistry(options);
      expect(parseProfile(valueOf(await cppa.profile("100002"))).counterparty?.herId).toBe("100002");
      const { id } = parseProfile(valueOf(await cppa.agreementFor("200002", "100002")));
      expect(parseProfile(valueOf(await cppa.agreement(id)), { as: "200002" }).counterparty?.herId).toBe("100002");
      for (const answer of [
        cppa.profile("7"),
        cppa.agreement(id.replace(/^./u, "z")),
        cppa.agreementFor("200002", "200003"),
      ])
        expect(await answer).toEqual({ kind: "not-found" });
    }
  });

  it("R3: refuse another login, another binding and an operation that they do not have", async () => {
    const wrong = createSoapAddressRegistry({ ...at("/v1/AR/Basic"), credentials: { username: "u", password: "p" } });
    expect(await wrong.party("100001")).toMatchObject({ kind: "refused", error: { code: "rest/unauthorized" } });
    const crossed = createSoapAddressRegistry({ ...at("/v1/AR"), binding: "basic" });
    expect(await crossed.party("100001")).toMatchObject({ kind: "refused" });
    sandbox.faults.add("registries-soap", { kind: "status", status: 503 });
    expect(await basic().party("100001")).toMatchObject({ kind: "unavailable" });
  });

  it("R5: tell of changes on a queue, and what was known of the party is asked for again", async () => {
    const serviceBus = createServiceBusManager(at("/v2/serviceBusManager/Basic"));
    const registry = createPartyRegistry({ addressRegistry: basic() });
    const connection = await connectAmqp({ url: sandbox.amqp.url });
    let heard: () => void = () => {};
    const told = new Promise<void>((resolve) => (heard = resolve));
    const followed = followRegistryEvents({
      serviceBus,
      queues: connection,
      registry,
      userSystemIdent: "sandbox-test",
      retryMs: 20,
      onEvent: () => heard(),
    });
    await followed.attached;
    const resolve = () => registry.resolve({ herId: "200002", function: "APPREC" });
    await resolve();
    const before = sandbox.rest.counts["registries-soap"];
    await resolve();
    expect(sandbox.rest.counts["registries-soap"]).toBe(before);
    await sandbox.registries.sendEvent("AddressRegister", "CommunicationPartyUpdated", "200002");
    await told;
    await resolve();
    expect(sandbox.rest.counts["registries-soap"]).toBeGreaterThan(before);
    expect(valueOf(await serviceBus.subscriptions()).map((s) => s.source)).toEqual(["AddressRegister", "Cppa"]);
    await followed.stop();
    for (const { queueName } of valueOf(await serviceBus.subscriptions())) await serviceBus.unsubscribe(queueName);
    expect(valueOf(await serviceBus.subscriptions())).toEqual([]);
    await connection.close();
  });
});
