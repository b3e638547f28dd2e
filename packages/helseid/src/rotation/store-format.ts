import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { describeKey } from "./jwk.ts";
import type { KeyState, StoredKey, StoredKeys } from "./types.ts";

const format = "helsekontakt-keys";
const cost = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const states: readonly string[] = ["created", "registered", "active", "retiring"] satisfies readonly KeyState[];

/** The file's text: JSON, its content encrypted when there is a passphrase. */
export async function encodeKeys(keys: StoredKeys, passphrase: string | undefined): Promise<string> {
  const content = { keys: keys.keys };
  if (passphrase === undefined) return `${JSON.stringify({ format, version: 1, ...content }, undefined, 2)}\n`;
  const salt = randomBytes(16);
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", await derive(passphrase, salt), iv);
  const data = Buffer.concat([cipher.update(JSON.stringify(content), "utf8"), cipher.final()]);
  const part = (bytes: Buffer): string => bytes.toString("base64url");
  const encrypted = { kdf: "scrypt", salt: part(salt), iv: part(iv), tag: part(cipher.getAuthTag()), data: part(data) };
  return `${JSON.stringify({ format, version: 1, encrypted }, undefined, 2)}\n`;
}

function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, cost, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

/** @throws {HelsekontaktError} `auth/key-store`; the message never quotes the content */
export async function decodeKeys(text: string, passphrase: string | undefined): Promise<StoredKeys> {
  const outer = parse(text);
  if (outer["format"] !== format || outer["version"] !== 1)
    throw refuse("expected a key store of version 1, found another file");
  const { encrypted } = outer;
  if (encrypted === undefined) return readContent(outer);
  if (passphrase === undefined) throw refuse("expected a passphrase for the encrypted key store, found none");
  return readContent(parse(await decrypt(encrypted, passphrase)));
}

async function decrypt(encrypted: unknown, passphrase: string): Promise<string> {
  try {
    const parts = encrypted as Readonly<Record<string, string>>;
    const bytes = (name: string): Buffer => Buffer.from(parts[name] as string, "base64url");
    const key = await derive(passphrase, bytes("salt"));
    const decipher = createDecipheriv("aes-256-gcm", key, bytes("iv"), { authTagLength: 16 });
    decipher.setAuthTag(bytes("tag"));
    return Buffer.concat([decipher.update(bytes("data")), decipher.final()]).toString("utf8");
  } catch {
    throw refuse("expected the key store's passphrase, found another one or a damaged file");
  }
}

function readContent(content: Readonly<Record<string, unknown>>): StoredKeys {
  const { keys } = content;
  if (!Array.isArray(keys)) throw refuse("expected a list of keys in the key store, found none");
  const read = keys.map(readKey);
  if (read.filter((k) => k.state === "active").length > 1 || new Set(read.map((k) => k.kid)).size < read.length)
    throw refuse("expected one active key and each key once in the key store, found more");
  return { keys: read };
}

function readKey(entry: unknown): StoredKey {
  if (typeof entry !== "object" || entry === null)
    throw refuse("expected a key in the key store, found something else");
  const { jwk, state, createdAt, expiresAt, forgetAt } = entry as Record<string, unknown>;
  if (typeof jwk !== "object" || jwk === null || !states.includes(String(state)) || typeof createdAt !== "number")
    throw refuse("expected a key with its state in the key store, found something else");
  return {
    ...describeKey(jwk as Record<string, unknown>, createdAt),
    state: state as KeyState,
    ...(typeof expiresAt === "number" ? { expiresAt } : {}),
    ...(typeof forgetAt === "number" ? { forgetAt } : {}),
  };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // The parser's own message quotes the text.
  }
  throw refuse("expected JSON in the key store, found another text");
}

function refuse(message: string): HelsekontaktError {
  return new HelsekontaktError("auth/key-store", message, {
    hint: "take the file from its backup; a key that HelseID does not list can be made anew",
  });
}
