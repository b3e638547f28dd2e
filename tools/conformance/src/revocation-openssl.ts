import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkTrust, createRevocation, type RevocationMethod } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { createTally } from "./_tally.ts";

// Revocation against an authority of another make: lists of `openssl ca`, answers of `openssl ocsp`, by RSA and by EC
// keys, signed by the authority itself and by a responder that it has appointed.

const work = mkdtempSync(join(tmpdir(), "revocation-"));
const at = (name: string): string => join(work, name);
const tally = createTally();
const counts = { lists: 0, answers: 0 };
let list: Buffer = Buffer.alloc(0);
const server = createServer((_, response) => response.end(list));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const listUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list.crl`;

try {
  for (const key of [
    ["rsa", "rsa:2048"],
    ["ec", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  ] as const)
    await authority(key[0], key.slice(1));
} finally {
  server.close();
  rmSync(work, { recursive: true, force: true });
}
tally.finish("revocation against openssl", counts);

async function authority(name: string, keyOptions: readonly string[]): Promise<void> {
  const port = await freePort();
  mkdirSync(at("new"), { recursive: true });
  writeFileSync(at("index.txt"), "");
  writeFileSync(at("index.txt.attr"), "unique_subject = no\n");
  writeFileSync(at("serial"), "00f001\n");
  writeFileSync(at("crlnumber"), "01\n");
  writeFileSync(
    at("ca.cnf"),
    `[ca]
default_ca = this
[this]
dir = .
database = index.txt
new_certs_dir = new
serial = serial
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 30
default_crl_days = 1
policy = any
crl_extensions = list
[any]
commonName = supplied
[list]
authorityKeyIdentifier = keyid
[ca_extensions]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
keyUsage = critical, nonRepudiation
crlDistributionPoints = URI:${listUrl}
authorityInfoAccess = OCSP;URI:http://127.0.0.1:${port}/
[responder]
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
[req]
distinguished_name = name
[name]
`,
  );
  const newKey = ["req", "-config", "ca.cnf", "-newkey", ...keyOptions, "-nodes", "-subj"];
  openssl(
    ...newKey,
    "/CN=Authority",
    "-x509",
    "-days",
    "30",
    "-extensions",
    "ca_extensions",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  for (const [file, extensions] of [
    ["good", "leaf"],
    ["bad", "leaf"],
    ["responder", "responder"],
  ] as const) {
    openssl(...newKey, `/CN=${file}`, "-keyout", `${file}.key`, "-out", `${file}.csr`);
    openssl(
      "ca",
      "-config",
      "ca.cnf",
      "-batch",
      "-notext",
      "-extensions",
      extensions,
      "-in",
      `${file}.csr`,
      "-out",
      `${file}.pem`,
    );
  }
  openssl("ca", "-config", "ca.cnf", "-revoke", "bad.pem", "-crl_reason", "keyCompromise");
  openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "list.pem");
  openssl("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der");
  list = readFileSync(at("list.der"));
  await judged(name, "crl", "list");
  counts.lists++;
  for (const signer of ["ca", "responder"]) {
    const responder = spawn(
      "openssl",
      [
        "ocsp",
        "-index",
        "index.txt",
        "-port",
        String(port),
        "-CA",
        "ca.pem",
        "-rsigner",
        `${signer}.pem`,
        "-rkey",
        `${signer}.key`,
        "-nmin",
        "60",
      ],
      { cwd: work, stdio: ["ignore", "ignore", "pipe"] },
    );
    try {
      await listening(responder);
      await judged(name, "ocsp", `answer signed by ${signer}`);
      counts.answers++;
    } finally {
      await ended(responder);
    }
  }
}

/** The good one passes, the revoked one does not, and a source that says nothing usable is told. */
async function judged(key: string, method: RevocationMethod, what: string): Promise<void> {
  const failures: string[] = [];
  const revocation = createRevocation({
    mode: "require",
    methods: [method],
    onEvent: (event) => event.kind === "source-failed" && failures.push(event.reason),
  });
  const trust = { anchors: [certificate("ca")], revocation };
  for (const [name, expected] of [
    ["good", "passed"],
    ["bad", "revoked"],
  ] as const) {
    const found = await checkTrust(certificate(name), trust).then(
      () => "passed",
      (reason: unknown) => String(HelsekontaktError.from(reason).context["reason"]),
    );
    tally.check(found === expected, `${key} ${what}: ${name} is ${found} ${failures.join("; ")}`);
  }
}

function certificate(name: string): X509Certificate {
  return new X509Certificate(readFileSync(at(`${name}.pem`)));
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { cwd: work });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${String(stderr)}`);
}

async function freePort(): Promise<number> {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Its own word for it: a connection that asks nothing would hold it up. */
async function listening({ stderr }: ChildProcess): Promise<void> {
  let text = "";
  for await (const part of stderr ?? []) {
    text += String(part);
    if (text.includes("waiting for OCSP client connections")) return;
  }
  throw new Error(`the responder of openssl does not listen: ${text}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await exit;
}
