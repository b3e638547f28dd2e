import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { canonicalInfoset, parseXml, type XmlElement } from "@helsekontakt/types/xml";
import { createOfficialJudge, officialNamespaces } from "./_schemas.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// The command line as outside tests use it, over the official documents: verdicts are those of libxml2 with the official
// schemas and of the listed FHIR instances, round trips give equal infosets, CMS vectors their listed answers, profiles
// their parties.

const tally = createTally();
const counts = {
  validated: 0,
  refused: 0,
  "with rules of their own": 0,
  "round trips": 0,
  "FHIR listed": 0,
  "CMS vectors": 0,
  profiles: 0,
};
const work = mkdtempSync(join(tmpdir(), "cli-seams-"));

interface Cli {
  main(argv: readonly string[]): Promise<number>;
}
// By its place, as the command is no dependency of any other package.
const cli = (await import(new URL("../../../packages/cli/src/index.ts", import.meta.url).href)) as Cli;

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Runs the command in this process; the text that it writes to both streams is kept from the terminal. */
async function run(...argv: string[]): Promise<Ran> {
  const parts: Uint8Array[] = [];
  const stdout = process.stdout.write;
  const stderr = process.stderr.write;
  process.stdout.write = ((chunk: string | Uint8Array) => {
    parts.push(Buffer.from(chunk as string));
    return true;
  }) as typeof process.stdout.write;
  process.stderr.write = (() => true) as typeof process.stderr.write;
  try {
    const code = await cli.main(argv);
    return { code, out: Buffer.concat(parts).toString() };
  } finally {
    process.stdout.write = stdout;
    process.stderr.write = stderr;
  }
}

interface Verdict {
  readonly file: string;
  readonly kind: string;
  readonly valid: boolean;
  readonly issues: readonly { readonly level: string; readonly rule: string; readonly path: string }[];
}

async function validate(files: readonly string[], ...options: string[]): Promise<readonly Verdict[]> {
  const { code, out } = await run("validate", "--json", ...options, ...files);
  const verdicts = JSON.parse(out) as Verdict[];
  tally.check(verdicts.length === files.length, "validate: one verdict a file");
  tally.check(code === (verdicts.every((v) => v.valid) ? 0 : 1), `validate: exit code ${code}`);
  for (const v of verdicts)
    tally.check(v.valid === !v.issues.some((i) => i.level === "error"), `${v.file}: verdict and issues disagree`);
  return verdicts;
}

/** Whether every element with a schema of its own stands in a namespace that specs/ has. */
function inScope(element: XmlElement): boolean {
  if (!officialNamespaces.has(element.ns)) return false;
  const free = element.name === "Sporsmal" || element.name === "TekstNotatInnhold";
  return free || element.content.every((c) => typeof c === "string" || c.ns === "" || inScope(c));
}

async function samples(): Promise<void> {
  const judge = createOfficialJudge();
  const files = upstreamFiles("samples")
    .map(upstreamPath)
    .filter((file) => inScope(parseXml(readFileSync(file))));
  const sound: string[] = [];
  for (const verdict of await validate(files)) {
    counts.validated++;
    const official = judge(readFileSync(verdict.file)).valid;
    const bySchema = !verdict.issues.some((i) => i.level === "error" && /^(?:xsd|xml)\//.test(i.rule));
    if (official) sound.push(verdict.file);
    else counts.refused++;
    if (official && !verdict.valid && bySchema) {
      // A sample that no schema refuses, and Helsenorge's own rules do.
      counts["with rules of their own"]++;
      tally.miss(`${verdict.file}: ${verdict.issues.map((i) => `${i.level} ${i.rule} ${i.path}`).join("; ")}`);
    }
    tally.check(bySchema === official, `${verdict.file}: official ${official}, ours ${bySchema}`);
  }
  const { code } = await run("roundtrip", ...sound, "--out", join(work, "again"));
  tally.check(code === 0, `roundtrip: exit code ${code}`);
  for (const file of sound) {
    counts["round trips"]++;
    const again = readFileSync(join(work, "again", basename(file)));
    tally.check(
      canonicalInfoset(parseXml(again)) === canonicalInfoset(parseXml(readFileSync(file))),
      `${file}: the infoset changed`,
    );
    tally.check(judge(again).valid, `${file}: libxml2 refuses what came back`);
    const decoded = await run("decode", file);
    tally.check(decoded.code === 0 && JSON.parse(decoded.out) !== null, `${file}: does not decode`);
  }
}

interface Listed {
  readonly file: string;
  readonly profile?: string | readonly string[];
  readonly resourceType?: string;
  readonly layer?: string;
}

function listed(index: string): Listed[] {
  return JSON.parse(readFileSync(upstreamPath(`fhir/${index}`), "utf8")) as Listed[];
}

async function fhir(): Promise<void> {
  const broken = listed("broken/index.json").filter((entry) => entry.layer !== "no-basis");
  for (const verdict of await validate(broken.map((entry) => upstreamPath(`fhir/${entry.file}`)))) {
    counts["FHIR listed"]++;
    tally.check(!verdict.valid, `${verdict.file}: listed as broken, found valid`);
  }
}

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly recipientKeys: readonly string[];
  readonly expectedSigner: string;
  readonly expect:
    | { readonly result: "ok"; readonly plaintextSha256: string; readonly signer: string }
    | { readonly result: "error"; readonly kind: string };
}

interface Opened {
  readonly ok: boolean;
  readonly sha256: string | null;
  readonly signer: { readonly thumbprint: string } | null;
  readonly error: { readonly code: string } | null;
}

const codes: Readonly<Record<string, string>> = {
  "signature-invalid": "protection/signature-invalid",
  "signer-mismatch": "protection/signer-unexpected",
  "not-a-recipient": "protection/decryption-failed",
};

async function cms(): Promise<void> {
  const certs = upstreamPath("messaging/certs");
  const password = join(work, "password");
  writeFileSync(password, "developer-test-pw\n");
  for (const vector of JSON.parse(readFileSync(upstreamPath("messaging/cms/vectors.json"), "utf8")) as Vector[]) {
    const pem = vector.recipientKeys.flatMap((k) => ["--key", `${certs}/${k}.key.pem`, "--cert", `${certs}/${k}.cer`]);
    const pkcs12 = vector.recipientKeys.flatMap((k) => ["--key", `${certs}/${k}.legacy.p12`]);
    for (const keys of [pem, [...pkcs12, "--password-file", password]]) {
      counts["CMS vectors"]++;
      const signer = ["--signer-cert", `${certs}/${vector.expectedSigner}.crt.pem`];
      const { code, out } = await run(
        "unprotect",
        "--json",
        upstreamPath(`messaging/cms/${vector.file}`),
        ...keys,
        ...signer,
        "--out",
        join(work, "payloads"),
      );
      const [opened] = JSON.parse(out) as Opened[];
      const { expect } = vector;
      if (expect.result === "error") {
        tally.check(
          code === 1 && opened?.ok === false && opened.error?.code === codes[expect.kind],
          `${vector.id}: ${opened?.error?.code ?? "opened"} for ${expect.kind}`,
        );
      } else {
        tally.check(
          code === 0 && opened?.ok === true && opened.sha256 === expect.plaintextSha256,
          `${vector.id}: ${opened?.error?.code ?? "other content"}`,
        );
      }
    }
  }
}

interface ExpectedProfile {
  readonly file: string;
  readonly cppId?: string;
  readonly cpaId?: string;
  readonly parties: readonly {
    readonly herId: number;
    readonly roles: readonly unknown[];
    readonly encryptionCertificateSha1: string | null;
    readonly signatureCertificateSha1: string | null;
  }[];
  readonly counterpartyFor: Readonly<Record<string, number>>;
}

interface PrintedProfile {
  readonly id: string;
  readonly counterparty?: string;
  readonly parties: readonly {
    readonly herId: string;
    readonly roles: readonly unknown[];
    readonly encryptionCertificate: string | null;
    readonly signatureCertificate: string | null;
  }[];
}

async function profiles(): Promise<void> {
  const folder = upstreamPath("messaging/cpp-cpa");
  for (const expected of JSON.parse(readFileSync(`${folder}/expected.json`, "utf8")) as ExpectedProfile[]) {
    counts.profiles++;
    const file = join(folder, expected.file);
    const { code, out } = await run("profile", file, "--json");
    tally.check(code === 0, `${expected.file}: exit code ${code}`);
    const profile = JSON.parse(out) as PrintedProfile;
    tally.check(profile.id === (expected.cppId ?? expected.cpaId), `${expected.file}: id`);
    tally.check(
      JSON.stringify(
        profile.parties.map((p) => [p.herId, p.roles.length, p.encryptionCertificate, p.signatureCertificate]),
      ) ===
        JSON.stringify(
          expected.parties.map((p) => [
            String(p.herId),
            p.roles.length,
            p.encryptionCertificateSha1,
            p.signatureCertificateSha1,
          ]),
        ),
      `${expected.file}: parties`,
    );
    for (const [own, other] of Object.entries(expected.counterpartyFor)) {
      const side = JSON.parse((await run("profile", file, "--json", "--as", own)).out) as PrintedProfile;
      tally.check(side.counterparty === String(other), `${expected.file}: counterparty for ${own}`);
    }
    const text = await run("profile", file);
    tally.check(
      text.code === 0 && expected.parties.every((p) => text.out.includes(`HER-id ${p.herId}`)),
      `${expected.file}: text`,
    );
  }
}

try {
  await samples();
  await fhir();
  await cms();
  await profiles();
} finally {
  rmSync(work, { recursive: true, force: true });
}
tally.finish("cli-seams", counts);
