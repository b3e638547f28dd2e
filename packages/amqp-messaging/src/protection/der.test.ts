import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { berToDer, readBer, readObjectIdentifier } from "./ber-reader.ts";
import { derBytes, integer, objectIdentifier, octetString, sequence, setOf, tlv } from "./der-writer.ts";

const notCms = expect.objectContaining({ code: "protection/not-cms" });
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("tlv()", () => {
  it("writes lengths in the shortest form and keeps contents", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000), (size) => {
        const content = Buffer.alloc(size, 0x5a);
        const encoded = derBytes(sequence(octetString(content)));
        expect(readBer(encoded).at(0).octets().equals(content)).toBe(true);
        expect(berToDer(readBer(encoded)).equals(encoded)).toBe(true);
      }),
    );
  });

  it.each([
    [0, "020100"],
    [127, "02017f"],
    [128, "02020080"],
    [0x7fffffff, "02047fffffff"],
  ])("writes INTEGER %i", (value, want) => {
    expect(derBytes(integer(value)).toString("hex")).toBe(want);
  });

  it("sorts the elements of a SET OF by their encodings", () => {
    expect(derBytes(setOf(hex("0401 02"), hex("0400"), hex("0401 01"))).toString("hex")).toBe("31080400040101040102");
  });
});

describe("objectIdentifier()", () => {
  it.each(["1.2.840.113549.1.7.2", "2.16.840.1.101.3.4.1.42", "2.5.4.97", "0.9.2342.19200300.100.1.25", "2.999.3"])(
    "round-trips %s",
    (dotted) => {
      expect(readObjectIdentifier(readBer(objectIdentifier(dotted)))).toBe(dotted);
    },
  );

  it.each(["0600", "060180", "06032a86", `0609${"ff".repeat(9)}`])("refuses %s", (encoded) => {
    expect(() => readObjectIdentifier(readBer(hex(encoded)))).toThrow(notCms);
  });
});

describe("readBer()", () => {
  it("joins octet strings that are split, nested and of indefinite length", () => {
    const split = hex("2480 0402 0102 2406 0401 03 0401 04 2480 0401 05 0000 0000");
    expect(readBer(split).octets().toString("hex")).toBe("0102030405");
    expect(berToDer(readBer(split)).toString("hex")).toBe("04050102030405");
  });

  it("turns indefinite lengths into definite ones", () => {
    expect(berToDer(readBer(hex("3080 020101 3180 0401ff 040100 0000 0000"))).toString("hex")).toBe(
      "300b0201013106040100 0401ff".replace(" ", ""),
    );
  });

  it.each([
    ["nothing", ""],
    ["a head cut off", "30"],
    ["a length beyond the end", "3005 0201"],
    ["a length of five octets", "3085 0000000001 00"],
    ["an indefinite primitive", "0480 0000"],
    ["an indefinite length without end", "3080 020101"],
    ["a long tag", "1f8101 00"],
    ["bytes after the structure", "0500 01"],
  ])("refuses %s", (_, encoded) => {
    expect(() => readBer(hex(encoded), { trailingZeros: true })).toThrow(notCms);
  });

  it("takes zero octets after the structure only when asked", () => {
    expect(readBer(hex("0500 0000"), { trailingZeros: true }).tag).toBe(5);
    expect(() => readBer(hex("0500 0000"))).toThrow(notCms);
  });

  it("refuses nesting beyond its limit, in either form of length", () => {
    const indefinite = Buffer.alloc(2 * 100_000, Buffer.from([0x30, 0x80]));
    expect(() => readBer(indefinite)).toThrow(notCms);
    let nested = tlv(0x05);
    for (let i = 0; i < 40; i++) nested = sequence(nested);
    const descend = () => {
      let element = readBer(derBytes(nested));
      while (element.tag === 0x30) element = element.at(0);
    };
    expect(descend).toThrow(notCms);
  });

  it("refuses more children than any real structure has", () => {
    const many = derBytes(sequence(...Array.from({ length: 1025 }, () => hex("0500"))));
    expect(() => readBer(many).children).toThrow(notCms);
  });

  it("never throws anything but its own error on random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          berToDer(readBer(bytes));
        } catch (error) {
          expect(error).toEqual(notCms);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
