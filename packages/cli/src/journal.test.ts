import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { openJournal, sqliteStore } from "@helsekontakt/journal";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";

const at = scratch();
let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 10 });
});
afterAll(() => sandbox.close());

const old = { id: "k1", secret: randomBytes(32) };
const fresh = { id: "k2", secret: randomBytes(32) };

function configFor(name: string): string {
  const { organisation, helsenorge } = sandbox.config;
  const part = (key: typeof old) => ({ id: key.id, secret: { file: at(`${key.id}.key`) } });
  for (const key of [old, fresh]) writeFileSync(at(`${key.id}.key`), key.secret.toString("base64"));
  const file = at(`${name}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      environment: "LOCAL",
      organisation,
      helsenorge,
      journal: { sqlite: `${name}.sqlite`, encryptionKey: { ...part(fresh), previous: [part(old)] } },
    }),
  );
  return file;
}

const message = { kind: "DIALOG_X", from: "200002", to: "100002", payload: new TextEncoder().encode("<m/>") };

describe("helsekontakt journal", () => {
  it("lists what was set aside without its content, has it tried again, and drops it only with --yes", async () => {
    const config = configFor("aside");
    const journal = await openJournal({ store: sqliteStore({ file: at("aside.sqlite") }), key: fresh });
    for (const messageId of ["one", "two"]) await journal.outbox.enqueue({ ...message, messageId });
    for (const claim of await journal.outbox.claim({ owner: "a" }))
      await journal.outbox.markFailed(claim, { reason: "registry/party-unknown", retry: "never" });
    const command = (...argv: string[]) => run("journal", ...argv, "--config", config);
    const list = await command("aside", "outbox");
    expect([list.code, list.err]).toEqual([1, ""]);
    expect(list.out.trim().split("\n")).toHaveLength(2);
    expect(list.out).toContain("DIALOG_X  200002 -> 100002  registry/party-unknown (1)");
    expect(list.out).not.toContain("<m/>");
    expect((await command("retry", "outbox", "one")).code).toBe(0);
    expect((await journal.outbox.get("one"))?.transport).toBe("queued");
    expect((await command("drop", "outbox", "two")).code).toBe(2);
    expect((await command("drop", "outbox", "two", "--yes")).code).toBe(0);
    expect(await journal.outbox.get("two")).toMatchObject({ transport: "dropped", reason: "operator/dropped" });
    expect(await command("aside", "outbox", "--json")).toMatchObject({ code: 0, out: "[]\n" });
    expect((await command("retry", "outbox", "two")).code).toBe(2);
    expect((await command("aside", "both")).code).toBe(2);
    await journal.close();
  });

  it("encrypts older rows anew, tells what is left, and deletes what is finished by age and size", async () => {
    const config = configFor("rotate");
    const journal = await openJournal({ store: sqliteStore({ file: at("rotate.sqlite") }), key: old });
    for (let i = 0; i < 3; i++) await journal.outbox.enqueue({ ...message, messageId: `m${i}` });
    const [first] = await journal.outbox.claim({ owner: "a", limit: 1 });
    if (first !== undefined) await journal.outbox.markSent(first);
    await journal.close();
    const command = (...argv: string[]) => run("journal", ...argv, "--config", config, "--quiet");
    const rotated = await command("rotate-keys");
    expect([rotated.code, rotated.out]).toEqual([0, "3 rows encrypted anew, 0 left: older keys may go\n"]);
    expect(JSON.parse((await command("rotate-keys", "--json")).out)).toEqual({ done: 0, left: 0 });
    expect((await command("prune")).code).toBe(2);
    const pruned = await command("prune", "--payload-bytes", "1", "--rows-older-than", "400d");
    expect([pruned.code, pruned.out]).toEqual([
      0,
      "1 payloads emptied; deleted: 0 sent, 0 received, 0 AppRecs, 0 threads\n",
    ]);
    const after = await openJournal({ store: sqliteStore({ file: at("rotate.sqlite") }), key: fresh });
    expect(await after.outbox.payload(first?.id ?? "")).toBeUndefined();
    expect(await after.outbox.list({ transport: "queued" })).toHaveLength(2);
    await after.close();
  });
});
