import { writeIdentities, type SandboxParty, startSandbox } from "@helsekontakt/sandbox";

// HelseID and the registries, in a process of their own. Two senders' services with a queue each, and Helsenorge.

const [folder = ""] = process.argv.slice(2);
const queues = (herId: string): SandboxParty["queues"] => ({
  async: `${herId}_async`,
  sync: `${herId}_sync`,
  error: `${herId}_error`,
});
const helsenorge = { organisationNumber: "999999999", active: true, owner: "helsenorge" } as const;
const provider = { organisationNumber: "998888887", active: true, owner: "provider" } as const;
const service = (herId: string, name: string): SandboxParty => ({
  ...provider,
  herId,
  name,
  parentHerId: "200001",
  parentName: "Eksempel kommune",
  queues: queues(herId),
});
const parties: readonly SandboxParty[] = [
  { ...helsenorge, herId: "100001", name: "Helsenorge (eksempel)", queues: queues("100002") },
  {
    ...helsenorge,
    herId: "100002",
    name: "Digitale innbyggertjenester (eksempel)",
    parentHerId: "100001",
    parentName: "Helsenorge (eksempel)",
    queues: queues("100002"),
  },
  { ...provider, herId: "200001", name: "Eksempel kommune", queues: queues("200002") },
  service("200002", "Hjemmetjenesten Nord"),
  service("200003", "Skolehelsetjenesten"),
];

const sandbox = await startSandbox({ parties, citizens: 400 });
await writeIdentities(sandbox.identities, folder);
const { keys: _keys, amqp: _amqp, ...config } = sandbox.config;
process.on("disconnect", () => process.exit(0));
process.send?.({
  config,
  citizens: sandbox.citizens
    .filter((c) => c.status === "self")
    .map(({ fnr, givenName, familyName }) => ({ fnr, givenName, familyName })),
});
