import { randomBytes, sign as cryptoSign } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { makeIdentity, makePki, openPkcs1, type TestPki } from "./_test-certificates.ts";
import { protect, type ProtectOptions } from "./protect.ts";
import { unprotect } from "./unprotect.ts";

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const code = (value: string) => expect.objectContaining({ code: value });

describe("protect() and unprotect()", () => {
  it("give back any content", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (content) => {
        const message = await protect(content, { signer: pki.sender, recipients: pki.receiver.certificate });
        const opened = await unprotect(message, { keys: [pki.receiver], expectedSigner: pki.sender.certificate });
        expect(opened.content.equals(content)).toBe(true);
        expect(opened.signer).toBe(pki.sender.certificate);
        expect(opened.vouchedBy).toBe("expected");
      }),
      { numRuns: 20 },
    );
  });

  it("agree on every form that can be asked for", async () => {
    const forms: Omit<ProtectOptions, "signer" | "recipients">[] = [];
    for (const digest of ["sha256", "sha384", "sha512"] as const) {
      for (const signedAttributes of [true, false]) {
        for (const signaturePadding of ["pkcs1", "pss"] as const)
          forms.push({ digest, signedAttributes, signaturePadding });
      }
    }
    for (const contentEncryption of ["aes128", "aes192", "aes256", "3des"] as const) {
      forms.push({ contentEncryption }, { contentEncryption, keyTransport: "oaep", oaepHash: "sha256" });
    }
    const content = randomBytes(2000);
    for (const form of forms) {
      const message = await protect(content, { signer: pki.sender, recipients: pki.receiver.certificate, ...form });
      const opened = await unprotect(message, {
        keys: [pki.receiver],
        expectedSigner: pki.sender.certificate,
        policy: { contentEncryption: ["aes128", "aes192", "aes256", "3des"] },
      });
      expect(opened.content.equals(content)).toBe(true);
      expect(opened.digest).toBe(form.digest ?? "sha256");
    }
  });

  it("carry a large message in slices", async () => {
    const content = randomBytes(3 * 1024 * 1024 + 17);
    const message = await protect(content, {
      signer: pki.sender,
      recipients: pki.receiver.certificate,
      signedAttributes: true,
    });
    const opened = await unprotect(message, { keys: [pki.receiver], expectedSigner: pki.sender.certificate });
    expect(opened.content.equals(content)).toBe(true);
  });

  it("let any of several recipients read, and say whose key it was", async () => {
    const message = await protect(Buffer.from("x"), {
      signer: pki.sender,
      recipients: [pki.previous.certificate, pki.receiver.certificate],
    });
    for (const keys of [[pki.receiver], [pki.previous], [pki.receiver, pki.previous]]) {
      const opened = await unprotect(message, { keys, expectedSigner: pki.sender.certificate });
      expect(keys).toContain(opened.recipient);
    }
  });

  it("send the chain without its root, or the signer's certificate alone", async () => {
    const send = (certificates: "chain" | "signer") =>
      protect(Buffer.from("x"), { signer: pki.sender, recipients: pki.receiver.certificate, certificates });
    const trust = { anchors: pki.anchors, at: pki.at };
    const opened = await unprotect(await send("chain"), { keys: [pki.receiver], trust });
    expect(opened.vouchedBy).toBe("anchor");
    await expect(unprotect(await send("signer"), { keys: [pki.receiver], trust })).rejects.toThrow(
      code("protection/certificate-invalid"),
    );
    const withIssuer = { ...trust, intermediates: [pki.issuing.certificate] };
    await expect(unprotect(await send("signer"), { keys: [pki.receiver], trust: withIssuer })).resolves.toMatchObject({
      vouchedBy: "anchor",
    });
  });

  it("S15: work with keys that stay outside the process", async () => {
    const calls: string[] = [];
    const signer = {
      certificate: pki.sender.certificate,
      key: {
        sign: async (data: Uint8Array, how: { digest: string; padding: string }) => {
          calls.push(`sign ${how.digest} ${how.padding}`);
          return cryptoSign(how.digest, data, pki.sender.key);
        },
      },
    };
    const keys = [
      {
        certificate: pki.receiver.certificate,
        key: {
          decrypt: async (encrypted: Uint8Array, how: { padding: string }) => {
            calls.push(`decrypt ${how.padding}`);
            return openPkcs1(pki.receiver.key, encrypted);
          },
        },
      },
    ];
    const message = await protect(Buffer.from("x"), { signer, recipients: pki.receiver.certificate });
    const opened = await unprotect(message, { keys, expectedSigner: pki.sender.certificate });
    expect(opened.content.toString()).toBe("x");
    expect(calls).toEqual(["sign sha256 pkcs1", "decrypt pkcs1"]);
    await expect(protect(Buffer.from("x"), { signer: keys[0] as never, recipients: [] })).rejects.toThrow(
      code("config/missing"),
    );
  });

  it("tell a vault that is away from a key that does not fit", async () => {
    const away = new HelsekontaktError("protection/key-unreadable", "expected the vault", { retryable: true });
    const signing = (reason: Error) =>
      protect(Buffer.from("x"), {
        signer: { certificate: pki.sender.certificate, key: { sign: () => Promise.reject(reason) } },
        recipients: pki.receiver.certificate,
      });
    await expect(signing(new Error("socket"))).rejects.toMatchObject({
      code: "protection/key-unreadable",
      retryable: true,
    });
    await expect(signing(away)).rejects.toBe(away);
    const message = await protect(Buffer.from("x"), { signer: pki.sender, recipients: pki.receiver.certificate });
    const opening = (reason: Error, signal?: AbortSignal) =>
      unprotect(message, {
        keys: [{ certificate: pki.receiver.certificate, key: { decrypt: () => Promise.reject(reason) } }],
        expectedSigner: pki.sender.certificate,
        ...(signal === undefined ? {} : { signal }),
      });
    await expect(opening(away)).rejects.toBe(away);
    await expect(opening(new Error("wrong padding"))).rejects.toThrow(code("protection/decryption-failed"));
    const controller = new AbortController();
    const cancelled = opening(new Error("cancelled"), controller.signal);
    controller.abort();
    await expect(cancelled).rejects.toThrow(code("abort/cancelled"));
  });

  it("refuse to start without recipients and after an abort", async () => {
    const signer = pki.sender;
    await expect(protect(Buffer.from("x"), { signer, recipients: [] })).rejects.toThrow(code("input/invalid"));
    const signal = AbortSignal.abort();
    const recipients = pki.receiver.certificate;
    await expect(protect(Buffer.from("x"), { signer, recipients, signal })).rejects.toThrow(code("abort/cancelled"));
    await expect(unprotect(Buffer.from("x"), { keys: [], signal })).rejects.toThrow(code("abort/cancelled"));
  });

  it("refuse keys that are not RSA before anything is sent", async () => {
    const { createCertificate } = await import("../keys/create-certificate.ts");
    const { generateKeyPairSync } = await import("node:crypto");
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const certificate = createCertificate({
      subject: { commonName: "EC" },
      publicKey: pair.publicKey,
      issuer: { key: pair.privateKey },
      usage: ["keyEncipherment"],
      notBefore: new Date("2024-01-01T00:00:00Z"),
      notAfter: new Date("2034-01-01T00:00:00Z"),
    });
    const ec = { certificate, key: pair.privateKey };
    await expect(protect(Buffer.from("x"), { signer: pki.sender, recipients: certificate })).rejects.toThrow(
      code("protection/certificate-invalid"),
    );
    await expect(protect(Buffer.from("x"), { signer: ec, recipients: pki.receiver.certificate })).rejects.toThrow(
      code("protection/algorithm-refused"),
    );
  });

  it("refuse short RSA keys of a signer unless policy allows them", async () => {
    const weak = await makeIdentity("Weak", { modulusLength: 1024 });
    const message = await protect(Buffer.from("x"), { signer: weak, recipients: pki.receiver.certificate });
    const options = { keys: [pki.receiver], expectedSigner: weak.certificate };
    await expect(unprotect(message, options)).rejects.toThrow(code("protection/algorithm-refused"));
    await expect(unprotect(message, { ...options, policy: { minimumRsaBits: 1024 } })).resolves.toBeDefined();
  });
});
