import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HelsekontaktError, type Logger } from "@helsekontakt/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeIdentity, makePki, type TestIdentity, type TestPki } from "../protection/_test-certificates.ts";
import { protect } from "../protection/protect.ts";
import { unprotect } from "../protection/unprotect.ts";
import { loadIdentities } from "./load-identity.ts";
import { type OwnKeys, reloadKeys } from "./own-keys.ts";

let pki: TestPki;
let next: TestIdentity;
const file = join(tmpdir(), `own-keys-${process.pid}.pem`);
beforeAll(async () => {
  pki = await makePki();
  next = await makeIdentity("Receiver", { issuer: pki.issuing, usage: ["keyEncipherment"] });
});
afterAll(() => rm(file, { force: true }));

const pem = (...identities: readonly TestIdentity[]) =>
  identities.map((i) => `${i.key.export({ format: "pem", type: "pkcs8" })}${i.certificate}`).join("");
const lines: string[] = [];
const record = (message: string, fields?: object): void =>
  void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
const logger: Logger = { debug: record, info: record, warn: record, error: record };

/** A source over the file, with a clock of the test's own. */
function source() {
  const state = { now: 0, reads: 0 };
  const changes: OwnKeys[] = [];
  const keys = reloadKeys(
    async () => {
      state.reads++;
      return { decryption: loadIdentities({ pem: await readFile(file, "utf8") }) };
    },
    {
      everyMs: 1_000,
      clock: { now: () => state.now, sleep: () => Promise.resolve() },
      logger,
      onChange: (k) => changes.push(k),
    },
  );
  return { keys, state, changes };
}

describe("reloadKeys()", () => {
  it("S15: the key is swapped while messages come: none is lost, those for the previous key included", async () => {
    const { keys, state, changes } = source();
    const content = Buffer.from("x");
    const sealed = (recipient: TestIdentity) =>
      protect(content, { signer: pki.sender, recipients: recipient.certificate });
    const [forOld, forNew] = await Promise.all([sealed(pki.receiver), sealed(next)]);
    const open = async (message: Uint8Array) => {
      const { decryption = [] } = await keys();
      return unprotect(message, { keys: decryption, expectedSigner: pki.sender.certificate });
    };
    await writeFile(file, pem(pki.receiver));
    expect((await open(forOld)).content).toEqual(content);
    await expect(open(forNew)).rejects.toMatchObject({ code: "protection/decryption-failed" });
    await writeFile(file, pem(next, pki.receiver));
    state.now += 1_000;
    await expect
      .poll(() =>
        open(forNew).then(
          () => "opened",
          (e: HelsekontaktError) => e.code,
        ),
      )
      .toBe("opened");
    expect((await open(forOld)).content).toEqual(content);
    expect(changes).toHaveLength(1);
    expect(state.reads).toBe(2);
    expect(lines.join("\n")).not.toContain("PRIVATE KEY");
  });

  it("reads once for all who ask at first, and throws what the first reading throws", async () => {
    await rm(file, { force: true });
    const { keys, state } = source();
    await expect(keys()).rejects.toThrow("ENOENT");
    await writeFile(file, pem(next));
    const [a, b] = await Promise.all([keys(), keys()]);
    expect(a).toBe(b);
    expect(state.reads).toBe(2);
  });

  it("reads again when the clock has been set back by more than the time between two readings", async () => {
    await writeFile(file, pem(next));
    const { keys, state } = source();
    state.now += 6 * 3_600_000;
    await keys();
    state.now -= 6 * 3_600_000;
    keys();
    await expect.poll(() => state.reads).toBe(2);
  });

  it("keeps the keys in use when new ones cannot be read, and the objects when nothing has changed", async () => {
    await writeFile(file, pem(next));
    const { keys, state, changes } = source();
    const before = await keys();
    state.now += 1_000;
    keys();
    await expect.poll(() => state.reads).toBe(2);
    await expect.poll(() => keys()).toBe(before);
    await writeFile(file, "half a fi");
    state.now += 1_000;
    expect(keys()).toBe(before);
    await expect.poll(() => lines.at(-1)).toContain("those in use stay");
    expect(keys()).toBe(before);
    expect(changes).toEqual([]);
  });

  it("needs no signing key to receive, and none to decrypt for who sends", async () => {
    const sending = await reloadKeys(() => ({ signing: pki.sender }))();
    const message = await protect(Buffer.from("x"), {
      signer: sending.signing as TestIdentity,
      recipients: pki.receiver.certificate,
    });
    const receiving = await reloadKeys(() => ({ decryption: [pki.receiver] }), { logger })();
    expect(receiving.signing).toBeUndefined();
    const opened = await unprotect(message, {
      keys: receiving.decryption ?? [],
      expectedSigner: pki.sender.certificate,
    });
    expect(opened.content.toString()).toBe("x");
  });
});
