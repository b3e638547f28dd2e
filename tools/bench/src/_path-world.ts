import { startSandbox, writeIdentities } from "@helsekontakt/sandbox";

// HelseID, the registries and a broker in a process of their own; Helsenorge's side is played by another process.
const [folder = ""] = process.argv.slice(2);
const sandbox = await startSandbox({ citizens: 200 });
await sandbox.counterpartTransport.close();
await writeIdentities(sandbox.identities, folder);
const { keys: _keys, ...config } = sandbox.config;
const citizen = sandbox.citizens.find((c) => c.status === "self");
process.on("disconnect", () => process.exit());
process.send?.({ config, citizen });
