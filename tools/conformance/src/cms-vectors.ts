import { spawnSync } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createIdentity,
  type Identity,
  type ProtectOptions,
  type ProtectionPolicy,
  loadCertificates,
  loadIdentity,
  protect,
  unprotect,
  verifySigned,
} from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { createRandom } from "./_schema-instances.ts";
import { createTally, upstreamFolder } from "./_tally.ts";

// Message protection against messages and key files that others made: the published vectors, the openssl command both
// ways, and thousands of damaged messages, none of which may give other content than what was signed. One long file: all
// of it is counted in one row.

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly recipientKeys: readonly string[];
  readonly expectedSigner: string;
  readonly expect:
    | { readonly result: "ok"; readonly plaintextSha256: string; readonly signer: string }
    | { readonly result: "error"; readonly kind: string };
}

const upstream = `${upstreamFolder()}/messaging`;
const work = mkdtempSync(join(tmpdir(), "cms-vectors-"));
const tally = createTally();
const counts = {
  vectors: 0,
  "key files": 0,
  "key forms": 0,
  "from openssl": 0,
  "to openssl": 0,
  damaged: 0,
  unharmed: 0,
};
const withTripleDes: ProtectionPolicy = { contentEncryption: ["aes256", "aes192", "aes128", "3des"] };
const codes: Readonly<Record<string, string>> = {
  "signature-invalid": "protection/signature-invalid",
  "signer-mismatch": "protection/signer-unexpected",
  "not-a-recipient": "protection/decryption-failed",
};

try {
  await vectors();
  keyFiles();
  await keyForms();
  for (const bits of [2048, 3072, 4096]) await openssl(bits);
  await damage();
} finally {
  rmSync(work, { recursive: true, force: true });
}
tally.finish("message protection", counts);

async function vectors(): Promise<void> {
  for (const vector of JSON.parse(readFileSync(`${upstream}/cms/vectors.json`, "utf8")) as Vector[]) {
    counts.vectors++;
    const bytes = readFileSync(`${upstream}/cms/${vector.file}`);
    const keys = vector.recipientKeys.map((name) => identityOf(name));
    const expectedSigner = certificateOf(vector.expectedSigner);
    const strict = await outcome(() => unprotect(bytes, { keys, expectedSigner }));
    const lenient = await outcome(() => unprotect(bytes, { keys, expectedSigner, policy: withTripleDes }));
    const { expect } = vector;
    if (expect.result === "error") {
      tally.check(strict === codes[expect.kind], `${vector.id}: ${String(strict)} for ${expect.kind}`);
      continue;
    }
    const opened = typeof lenient === "string" ? undefined : lenient;
    const sha256 = createHash("sha256")
      .update(opened?.content ?? "")
      .digest("hex");
    tally.check(sha256 === expect.plaintextSha256, `${vector.id}: ${typeof lenient === "string" ? lenient : "text"}`);
    tally.check(opened?.signer.raw.equals(certificateOf(expect.signer).raw) === true, `${vector.id}: signer`);
    // Triple DES is a matter of policy, and off unless asked for.
    const refused = vector.id.includes("3des");
    tally.check((strict === "protection/algorithm-refused") === refused, `${vector.id}: default policy`);
    const anchors = [loadCertificates(readFileSync(`${upstream}/certs/root.cer`))[0] as X509Certificate];
    const intermediates = loadCertificates(readFileSync(`${upstream}/certs/issuing.crt.pem`));
    const at = new Date(expectedSigner.validFromDate.getTime() + 1000);
    const trusted = await outcome(() =>
      unprotect(bytes, { keys, trust: { anchors, intermediates, at }, policy: withTripleDes }),
    );
    tally.check(typeof trusted !== "string", `${vector.id}: by trust anchor: ${String(trusted)}`);
  }
}

function keyFiles(): void {
  const password = "developer-test-pw";
  for (const name of ["alice-sign", "alice-enc", "bob-sign", "bob-enc", "bob-enc-old"]) {
    const file = (suffix: string) => readFileSync(`${upstream}/certs/${name}${suffix}`);
    const der = file(".cer");
    const pem = identityOf(name);
    for (const suffix of [".p12", ".legacy.p12"]) {
      counts["key files"]++;
      const identity = loadIdentity({ pkcs12: file(suffix), password });
      tally.check(identity.certificate.raw.equals(der), `${name}${suffix}: certificate`);
      tally.check(sameKey(identity, pem), `${name}${suffix}: key`);
      tally.check(identity.chain?.length === 2, `${name}${suffix}: chain`);
      for (const wrong of ["", "developer-test-pW"]) {
        const refused = outcomeNow(() => loadIdentity({ pkcs12: file(suffix), password: wrong }));
        tally.check(refused === "protection/key-unreadable", `${name}${suffix}: wrong password`);
      }
    }
    const combined = `${file(".crt.pem").toString()}${file(".key.pem").toString()}`;
    tally.check(sameKey(loadIdentity({ pem: combined }), pem), `${name}: one PEM text`);
  }
}

/** Every form in which the openssl command writes a private key: opened, or refused by the algorithm's name. */
async function keyForms(): Promise<void> {
  const dates = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2034-01-01T00:00:00Z") };
  const made = await createIdentity({ subject: { commonName: "key forms" }, usage: ["nonRepudiation"], ...dates });
  writeFileSync(join(work, "form.pem"), made.certificate.toString());
  writeFileSync(join(work, "form.key"), made.key.export({ format: "pem", type: "pkcs8" }));
  const legacy = ["-provider", "default", "-provider", "legacy"];
  const pkcs8 = (...options: string[]) => [
    "pkcs8",
    "-topk8",
    ...legacy,
    ...options,
    "-in",
    "form.key",
    "-passout",
    "pass:x",
  ];
  const traditional = (cipher: string) => ["rsa", cipher, "-traditional", "-in", "form.key", "-passout", "pass:x"];
  const pkcs12 = (...options: string[]) => [
    "pkcs12",
    "-export",
    ...options,
    "-in",
    "form.pem",
    "-inkey",
    "form.key",
    "-passout",
    "pass:x",
  ];
  const forms: readonly (readonly [command: readonly string[], refusedAs?: string])[] = [
    ...["-aes128", "-aes192", "-aes256", "-des3"].map((cipher) => [traditional(cipher)] as const),
    ...["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"].map((cipher) => [pkcs8("-v2", cipher)] as const),
    [pkcs8("-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512")],
    [pkcs8("-scrypt")],
    [pkcs8("-v1", "PBE-SHA1-3DES")],
    [pkcs8("-v1", "PBE-SHA1-2DES")],
    [pkcs8("-v1", "PBE-SHA1-RC2-40"), "pbeWithSHA1And40BitRC2-CBC"],
    [pkcs8("-v1", "PBE-SHA1-RC2-128"), "pbeWithSHA1And128BitRC2-CBC"],
    [pkcs8("-v1", "PBE-SHA1-RC4-128"), "pbeWithSHA1And128BitRC4"],
    [pkcs8("-v1", "PBE-MD5-DES"), "pbeWithMD5AndDES-CBC"],
    [pkcs8("-v2", "des"), "DES-CBC"],
    [pkcs8("-v2", "rc2"), "RC2-CBC"],
    [pkcs12()],
    [pkcs12("-nomac")],
    [pkcs12("-keypbe", "AES-128-CBC", "-certpbe", "NONE")],
    [pkcs12("-macalg", "SHA512", "-iter", "10000")],
    [pkcs12("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "SHA1")],
    [pkcs12("-legacy"), "pbeWithSHA1And40BitRC2-CBC"],
  ];
  for (const [command, refusedAs] of forms) {
    counts["key forms"]++;
    const { status, stdout, stderr } = spawnSync("openssl", command, { cwd: work });
    if (status !== 0) throw new Error(`openssl ${command.join(" ")}: ${String(stderr)}`);
    const source =
      command[0] === "pkcs12"
        ? { pkcs12: stdout, password: "x" }
        : { key: stdout, certificate: made.certificate, password: "x" };
    const result = outcomeNow(() => loadIdentity(source));
    const label = command.slice(0, -5).join(" ");
    if (refusedAs === undefined)
      tally.check(typeof result === "object" && sameKey(result as Identity, made), `${label}: ${String(result)}`);
    else
      try {
        loadIdentity(source);
        tally.miss(`${label}: opened`);
      } catch (error) {
        const { code, context } = HelsekontaktError.from(error);
        tally.check(code === "protection/key-unreadable" && context["algorithm"] === refusedAs, `${label}: ${code}`);
      }
  }
}

/** Both ways with the openssl command, for RSA keys of one length. */
async function openssl(bits: number): Promise<void> {
  const dates = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2034-01-01T00:00:00Z") };
  const make = (commonName: string, usage: "nonRepudiation" | "keyEncipherment") =>
    createIdentity({ subject: { commonName }, usage: [usage], modulusLength: bits, ...dates });
  const signer = await make(`signer ${bits}`, "nonRepudiation");
  const receiver = await make(`receiver ${bits}`, "keyEncipherment");
  for (const [name, identity] of Object.entries({ sign: signer, enc: receiver })) {
    writeFileSync(join(work, `${name}.pem`), identity.certificate.toString());
    writeFileSync(join(work, `${name}.key`), identity.key.export({ format: "pem", type: "pkcs8" }));
  }
  const plain = randomBytes(bits === 3072 ? 300_000 : 5_000);
  writeFileSync(join(work, "plain"), plain);
  const oaep = ["-keyopt", "rsa_padding_mode:oaep"];
  const signs = [
    ["-noattr"],
    [],
    ["-stream"],
    ["-keyid", "-noattr"],
    ["-nocerts", "-noattr"],
    ["-keyopt", "rsa_padding_mode:pss"],
  ];
  const encrypts: { readonly cipher: string; readonly before?: string[]; readonly after?: string[] }[] = [
    { cipher: "-aes-256-cbc" },
    { cipher: "-aes-192-cbc", before: ["-keyid"] },
    { cipher: "-aes-128-cbc", before: ["-stream"] },
    { cipher: "-aes-256-cbc", after: oaep },
    { cipher: "-aes-256-cbc", after: [...oaep, "-keyopt", "rsa_oaep_md:sha256"] },
    { cipher: "-aes-256-cbc", after: [...oaep, "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha1"] },
    { cipher: "-des3" },
  ];
  for (const digest of ["sha256", "sha512"]) {
    for (const sign of signs) {
      run(
        "-sign",
        "-binary",
        "-nodetach",
        "-in",
        "plain",
        "-signer",
        "sign.pem",
        "-inkey",
        "sign.key",
        "-md",
        digest,
        "-outform",
        "DER",
        "-out",
        "signed",
        ...sign,
      );
      for (const { cipher, before = [], after = [] } of encrypts) {
        run(
          "-encrypt",
          "-binary",
          cipher,
          ...before,
          "-in",
          "signed",
          "-outform",
          "DER",
          "-out",
          "message",
          "-recip",
          "enc.pem",
          ...after,
        );
        counts["from openssl"]++;
        const opened = await outcome(() =>
          unprotect(readFileSync(join(work, "message")), {
            keys: [receiver],
            expectedSigner: signer.certificate,
            policy: withTripleDes,
          }),
        );
        const label = `openssl ${bits} ${digest} ${[...sign, cipher, ...before, ...after].join(" ")}`;
        tally.check(typeof opened !== "string" && opened.content.equals(plain), `${label}: ${String(opened)}`);
      }
    }
  }
  const forms: Omit<ProtectOptions, "signer" | "recipients">[] = [
    {},
    { signedAttributes: true },
    { digest: "sha512", signedAttributes: true, contentEncryption: "aes128" },
    { signaturePadding: "pss", keyTransport: "oaep" },
    { keyTransport: "oaep", oaepHash: "sha256", contentEncryption: "aes192" },
    { contentEncryption: "3des", certificates: "signer" },
  ];
  for (const form of forms) {
    writeFileSync(join(work, "message"), await protect(plain, { signer, recipients: receiver.certificate, ...form }));
    run(
      "-decrypt",
      "-inform",
      "DER",
      "-in",
      "message",
      "-inkey",
      "enc.key",
      "-recip",
      "enc.pem",
      "-binary",
      "-out",
      "signed",
    );
    run(
      "-verify",
      "-inform",
      "DER",
      "-in",
      "signed",
      "-CAfile",
      "sign.pem",
      "-purpose",
      "any",
      "-binary",
      "-out",
      "opened",
    );
    counts["to openssl"]++;
    tally.check(readFileSync(join(work, "opened")).equals(plain), `to openssl ${bits} ${JSON.stringify(form)}`);
  }
}

/** One changed bit or a cut-off, in the envelope and in the signed structure: never other content. */
async function damage(): Promise<void> {
  const random = createRandom(20260702);
  const keys = [identityOf("bob-enc"), identityOf("bob-enc-old")];
  const expectedSigner = certificateOf("alice-sign");
  const plain = readFileSync(`${upstream}/plain/kommunikasjonstest.xml`);
  for (const file of ["dev-01-baseline-aes256", "dev-02-signed-attributes", "dev-04-ber-indefinite", "dev-05-oaep"]) {
    const message = readFileSync(`${upstream}/cms/${file}.p7m`);
    writeFileSync(join(work, "message"), message);
    run(
      "-decrypt",
      "-inform",
      "DER",
      "-in",
      "message",
      "-inkey",
      `${upstream}/certs/bob-enc.key.pem`,
      "-recip",
      `${upstream}/certs/bob-enc.crt.pem`,
      "-binary",
      "-out",
      "signed",
    );
    const signed = readFileSync(join(work, "signed"));
    for (let i = 0; i < 600; i++) {
      await expectUnforged(`${file} envelope`, plain, () =>
        unprotect(damaged(message, random), { keys, expectedSigner }),
      );
      await expectUnforged(`${file} signed`, plain, () => verifySigned(damaged(signed, random), { expectedSigner }));
    }
  }
}

async function expectUnforged(
  label: string,
  plain: Buffer,
  open: () => Promise<{ readonly content: Buffer }>,
): Promise<void> {
  counts.damaged++;
  const result = await outcome(open);
  if (typeof result !== "string") counts.unharmed++;
  const fine = typeof result === "string" ? result.startsWith("protection/") : result.content.equals(plain);
  tally.check(fine, `${label}: ${typeof result === "string" ? result : "forged content"}`);
}

function damaged(bytes: Buffer, random: (n: number) => number): Buffer {
  if (random(10) === 0) return bytes.subarray(0, random(bytes.length));
  const copy = Buffer.from(bytes);
  // Half of the faults go to the structure at the start, where they do most.
  const at = random(random(2) === 0 ? Math.min(600, copy.length) : copy.length);
  copy[at] = (copy[at] as number) ^ (1 << random(8));
  return copy;
}

function run(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", ["cms", ...args], { cwd: work });
  if (status !== 0) throw new Error(`openssl cms ${args.join(" ")}: ${String(stderr)}`);
}

/** What came out, or the code of the error; another kind of error is named by its class. */
async function outcome<T>(action: () => Promise<T>): Promise<T | string> {
  try {
    return await action();
  } catch (error) {
    return error instanceof HelsekontaktError ? error.code : `thrown ${String((error as Error).name)}`;
  }
}

function outcomeNow(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error instanceof HelsekontaktError ? error.code : `thrown ${String((error as Error).name)}`;
  }
}

function certificateOf(name: string): X509Certificate {
  return new X509Certificate(readFileSync(`${upstream}/certs/${name}.cer`));
}

function identityOf(name: string): Identity {
  return loadIdentity({
    key: readFileSync(`${upstream}/certs/${name}.key.pem`),
    certificate: readFileSync(`${upstream}/certs/${name}.crt.pem`),
  });
}

function sameKey(a: Identity, b: Identity): boolean {
  return "equals" in a.key && "equals" in b.key && a.key.equals(b.key);
}
