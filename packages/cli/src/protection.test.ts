import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createIdentity, type Identity } from "@helsekontakt/amqp-messaging/protection";
import { beforeAll, describe, expect, it } from "vitest";
import { ekontakt } from "./_messages.ts";
import { run, scratch } from "./_run.ts";
import type { UnprotectOutcome } from "./commands/unprotect.ts";

const at = scratch();
const dates = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2044-01-01T00:00:00Z") };
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function identity(name: string, options: object): Promise<Identity> {
  const made = await createIdentity({ subject: { commonName: name }, usage: [], ...dates, ...options } as never);
  writeFileSync(at(`${name}.crt.pem`), made.certificate.toString());
  writeFileSync(at(`${name}.cer`), made.certificate.raw);
  writeFileSync(at(`${name}.key.pem`), made.key.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(
    at(`${name}.locked.pem`),
    made.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hemmelig" }),
  );
  writeFileSync(at(`${name}.pem`), readFileSync(at(`${name}.key.pem`), "utf8") + made.certificate.toString());
  return made;
}

const opened = async (...argv: string[]): Promise<{ code: number; list: UnprotectOutcome[] }> => {
  const { code, out } = await run("unprotect", "--json", ...argv);
  return { code, list: JSON.parse(out) as UnprotectOutcome[] };
};
const signing = () => ["--key", at("alice.key.pem"), "--cert", at("alice.crt.pem")];
const opening = () => ["--key", at("bob.key.pem"), "--cert", at("bob.crt.pem")];
const signer = () => ["--signer-cert", at("alice.cer")];

describe("protect and unprotect", () => {
  let alice: Identity;
  const message = ekontakt();

  beforeAll(async () => {
    const authority = await identity("authority", { usage: ["keyCertSign", "cRLSign"], authority: true });
    alice = await identity("alice", { issuer: authority, usage: ["nonRepudiation"] });
    await identity("bob", { issuer: authority, usage: ["keyEncipherment"] });
    await identity("carol", { issuer: authority, usage: ["keyEncipherment"] });
    await identity("stranger", { usage: ["nonRepudiation"] });
    writeFileSync(at("message.xml"), message);
    writeFileSync(at("password"), "hemmelig\n");
    const { code, err } = await run(
      "protect",
      at("message.xml"),
      ...signing(),
      "--recipient",
      at("bob.crt.pem"),
      "--out",
      at("message.xml.p7m"),
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  it("gives the payload back byte for byte, with hash and signer", async () => {
    const { code, list } = await opened(at("message.xml.p7m"), ...opening(), ...signer(), "--out", at("payloads"));
    expect(code).toBe(0);
    expect(list).toEqual([
      {
        file: at("message.xml.p7m"),
        ok: true,
        sha256: hash(message),
        signer: {
          thumbprint: alice.certificate.fingerprint.replaceAll(":", "").toLowerCase(),
          subject: "C=NO, CN=alice",
        },
        error: null,
      },
    ]);
    expect(readFileSync(at("payloads/message.xml")).equals(message)).toBe(true);
  });

  it("writes to standard output, to a folder, and takes every form", async () => {
    const piped = await run("protect", at("message.xml"), "--key", at("alice.pem"), "--recipient", at("bob.cer"));
    writeFileSync(at("piped.p7m"), piped.bytes);
    mkdirSync(at("folder"), { recursive: true });
    const forms = ["--oaep", "--oaep-hash", "sha256", "--pss", "--signed-attributes", "--digest", "sha512"];
    const both = ["--recipient", at("carol.crt.pem"), "--recipient", at("bob.crt.pem")];
    const cipher = ["--cipher", "3des", "--chain", at("authority.crt.pem")];
    const out = ["--out", at("folder")];
    expect((await run("protect", at("message.xml"), ...signing(), ...both, ...forms, ...cipher, ...out)).code).toBe(0);
    expect(readdirSync(at("folder"))).toEqual(["message.xml.p7m"]);
    const files = [at("piped.p7m"), at("folder/message.xml.p7m")];
    const { list } = await opened(...files, ...opening(), ...signer());
    expect(list.map((o) => o.sha256)).toEqual([hash(message), hash(message)]);
    const strict = await opened(files[1] as string, ...opening(), ...signer(), "--no-triple-des");
    expect(strict.list[0]?.error?.code).toBe("protection/algorithm-refused");
  });

  it("pairs several keys with their certificates in any order, and opens locked keys", async () => {
    const { code, list } = await opened(
      "--key",
      at("carol.key.pem"),
      "--key",
      at("bob.locked.pem"),
      "--cert",
      at("bob.cer"),
      "--cert",
      at("carol.crt.pem"),
      "--password-file",
      at("password"),
      ...signer(),
      at("message.xml.p7m"),
    );
    expect({ code, ok: list[0]?.ok }).toEqual({ code: 0, ok: true });
  });

  it("asks authorities whom to trust, from a file or a folder that holds keys too", async () => {
    const file = at("message.xml.p7m");
    expect((await opened(file, ...opening(), "--trust", at("authority.crt.pem"))).code).toBe(0);
    expect((await opened(file, ...opening(), "--trust", at("."))).code).toBe(0);
    const other = await opened(file, ...opening(), "--trust", at("stranger.crt.pem"));
    expect(other.list[0]?.error?.code).toBe("protection/certificate-invalid");
    const late = await opened(file, ...opening(), "--trust", at("authority.crt.pem"), "--at", "2050-01-01T00:00:00Z");
    expect(late.list[0]?.error?.code).toBe("protection/certificate-invalid");
    expect((await run("unprotect", file, ...opening(), "--trust", at("authority.crt.pem"), "--at", "soon")).code).toBe(
      2,
    );
  });

  it("gives one finding a file for tampering, wrong key, wrong signer and what is no CMS", async () => {
    const whole = readFileSync(at("message.xml.p7m"));
    const tampered = Buffer.from(whole);
    tampered[whole.length - 40] = (tampered[whole.length - 40] ?? 0) ^ 1;
    writeFileSync(at("tampered.p7m"), tampered);
    writeFileSync(at("cut.p7m"), whole.subarray(0, 700));
    writeFileSync(at("plain.bin"), message);
    const files = ["tampered.p7m", "cut.p7m", "plain.bin", "message.xml.p7m"].map(at);
    const { code, list } = await opened(...files, ...opening(), ...signer(), "--out", at("none"));
    expect(code).toBe(1);
    expect(list.map((o) => [o.ok, o.sha256, o.signer === null, o.error?.code])).toEqual([
      [false, null, true, expect.stringMatching(/^protection\/(?:decryption-failed|signature-invalid)$/)],
      [false, null, true, "protection/not-cms"],
      [false, null, true, "protection/not-cms"],
      [true, hash(message), false, undefined],
    ]);
    expect(readdirSync(at("none"))).toEqual(["message.xml"]);
    const carol = ["--key", at("carol.key.pem"), "--cert", at("carol.crt.pem")];
    const wrong = await opened(at("message.xml.p7m"), ...carol, ...signer());
    expect(wrong.list[0]?.error?.code).toBe("protection/decryption-failed");
    const stranger = await opened(at("message.xml.p7m"), ...opening(), "--signer-cert", at("stranger.crt.pem"));
    expect(stranger.list[0]?.error?.code).toBe("protection/signer-unexpected");
    expect((await opened(at("message.xml.p7m"), ...opening(), "--any-signer")).code).toBe(0);
  });

  it("says in one line what is wrong with files and keys, with a hint, and ends with 2", async () => {
    const file = at("message.xml.p7m");
    const cases: [string[], RegExp][] = [
      [[file, ...opening()], /\[config\/missing\] .*\n {2}give --signer-cert/],
      [
        [file, "--key", at("bob.locked.pem"), "--cert", at("bob.crt.pem"), ...signer()],
        /\[protection\/key-unreadable\] .*bob\.locked\.pem.*password/,
      ],
      [
        [file, "--key", at("bob.key.pem"), "--cert", at("carol.crt.pem"), ...signer()],
        /\[protection\/key-unreadable\]/,
      ],
      [[file, "--key", at("none"), ...signer()], /\[input\/invalid\] .*\n {2}check the path/],
      [[file, ...opening(), "--signer-cert", at("message.xml")], /\[protection\/certificate-invalid\]/],
      [[file, ...opening(), ...signer(), "--trust", at("none-such")], /\[input\/invalid\]/],
    ];
    for (const [argv, expected] of cases) {
      const { code, err } = await run("unprotect", ...argv);
      expect(err).toMatch(expected);
      expect(code).toBe(2);
    }
    const missing = await opened(at("none.p7m"), file, ...opening(), ...signer());
    expect(missing.code).toBe(2);
    expect(missing.list.map((o) => o.ok)).toEqual([false, true]);
    expect(existsSync(at("none.p7m"))).toBe(false);
  });

  it("warns of a recipient's certificate that cannot be used, and writes one line for people", async () => {
    const warned = await run(
      "protect",
      at("message.xml"),
      ...signing(),
      "--recipient",
      at("alice.crt.pem"),
      "--out",
      at("w.p7m"),
    );
    expect(warned.err).toMatch(/^warning: recipient certificate [0-9a-f]{40} is wrong-usage\n$/);
    const text = await run("unprotect", at("message.xml.p7m"), ...opening(), ...signer());
    expect(text.out).toMatch(/message\.xml\.p7m: opened, \d+ bytes, signed by C=NO, CN=alice \([0-9a-f]{40}\)\n$/);
    const failed = await run("unprotect", at("message.xml"), ...opening(), ...signer());
    expect(failed).toMatchObject({ code: 1, out: expect.stringMatching(/not opened, \[protection\/not-cms\]/) });
  });
});
