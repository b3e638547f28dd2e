/** Protects a message for a receiver and opens it again, with the certificates of a sandbox. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSandbox, writeIdentities } from "@helsekontakt/sandbox";
import { main } from "helsekontakt";

const dir = await mkdtemp(join(tmpdir(), "helsekontakt-example-"));
const sandbox = await startSandbox({ citizens: 10 });
await writeIdentities(sandbox.identities, dir);
await sandbox.close();

const message = join(dir, "message.xml");
await writeFile(message, "<Melding>Kan vi flytte timen?</Melding>");
const file = (name: string): string => join(dir, name);

await main([
  "protect",
  message,
  "--key",
  file("provider-signing.key.pem"),
  "--cert",
  file("provider-signing.crt.pem"),
  "--recipient",
  file("helsenorge-encryption.crt.pem"),
  "--out",
  file("message.xml.p7m"),
]);
process.exitCode = await main([
  "unprotect",
  file("message.xml.p7m"),
  "--key",
  file("helsenorge-encryption.key.pem"),
  "--cert",
  file("helsenorge-encryption.crt.pem"),
  "--signer-cert",
  file("provider-signing.crt.pem"),
  "--json",
]);
