import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cipher } from "./cipher.ts";

const key = { id: "k1", secret: randomBytes(32) };
const cipher = new Cipher(key);

describe("Cipher", () => {
  it("opens what it sealed, for any bytes, and never seals the same twice", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.string(), (bytes, place) => {
        const sealed = cipher.seal(bytes, place);
        expect(sealed.length).toBe(bytes.length + 29);
        expect(Buffer.from(cipher.open("k1", sealed, place)).equals(bytes)).toBe(true);
        expect(Buffer.from(cipher.seal(bytes, place)).equals(sealed)).toBe(false);
      }),
    );
  });

  it("refuses any changed byte, any cut, and another place", () => {
    const sealed = Buffer.from(cipher.seal(Buffer.from("01818010083"), "member:person:1"));
    const opens =
      (value: Uint8Array, place = "member:person:1") =>
      () =>
        cipher.open("k1", value, place);
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(opens(changed)).toThrow("[journal/corrupt] expected an authentic stored value, found a changed one");
      expect(opens(sealed.subarray(0, i))).toThrow("[journal/corrupt]");
    }
    expect(opens(sealed, "member:person:2")).toThrow("[journal/corrupt]");
  });

  it("names the missing key and shows neither secret nor value", () => {
    const sealed = cipher.seal(Buffer.from("x"), "p");
    const other = new Cipher({ id: "k2", secret: randomBytes(32) });
    expect(() => other.open("k1", sealed, "p")).toThrow(
      "[journal/key-unknown] expected the key that the row is encrypted under, not given",
    );
    expect(() => new Cipher({ id: "k", secret: randomBytes(16) })).toThrow(
      "[config/invalid] expected a journal key of 32 bytes, found another length",
    );
    expect(() => new Cipher({ ...key, previous: [key] })).toThrow("[config/invalid]");
  });

  it("hashes under every key, the present one first, and differently per key and label", () => {
    const both = new Cipher({ id: "k2", secret: randomBytes(32), previous: [key] });
    const [present, previous] = both.hashes("member", "01818010083");
    expect(previous).toBe(cipher.hash("member", "01818010083"));
    expect(present).toBe(both.hash("member", "01818010083"));
    expect(new Set([...both.hashes("member", "1"), ...both.hashes("inbox", "1")]).size).toBe(6);
    expect(both.hashUnder("k1", "member", "01818010083")).toBe(previous);
  });
});
