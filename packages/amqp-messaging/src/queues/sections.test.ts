import fc from "fast-check";
import rhea from "rhea";
import { describe, expect, it } from "vitest";
import { decodeWireMessage } from "../connection/wire-message.ts";
import { rewriteMessage } from "./sections.ts";

const { types, message } = rhea;
const untouched = { drop: () => false, dropAnnotation: () => false, set: {} };
const encode = (fields: object): Buffer => message.encode(fields as never) as Buffer;

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.string(),
  fc.string({ minLength: 300, maxLength: 400 }),
  fc.double({ noNaN: true, noInteger: true }),
  fc.integer({ min: -100_000, max: 100_000 }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
  fc.integer({ min: 0, max: 1_000 }).map((n) => types.wrap_ulong(n)),
  fc.array(fc.integer(), { maxLength: 5 }),
);
// rhea, which reads what came out, gives a map as an object, and makes `__proto__`, which is looked at below, its prototype.
const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text !== "__proto__");
const values = fc.dictionary(name, scalar, { maxKeys: 8, noNullPrototype: true });

describe("rewriteMessage()", () => {
  it("keeps every section and value as it came, of whatever type", () => {
    fc.assert(
      fc.property(values, values, fc.uint8Array({ maxLength: 600 }), (properties, annotations, body) => {
        const bytes = encode({
          priority: 7,
          ttl: 60_000,
          delivery_count: 3,
          first_acquirer: false,
          message_id: "id",
          application_properties: properties,
          message_annotations: annotations,
          body: message.data_section(Buffer.from(body)),
        });
        const before = message.decode(bytes) as unknown as Record<string, unknown>;
        const after = message.decode(rewriteMessage(bytes, { ...untouched, set: { Mark: "æ1" } })) as unknown as Record<
          string,
          unknown
        >;
        const { Mark, ...kept } = after["application_properties"] as Record<string, unknown>;
        const { Mark: _, ...had } = (before["application_properties"] ?? {}) as Record<string, unknown>;
        expect(Mark).toBe("æ1");
        expect(kept).toEqual(had);
        expect(after["message_annotations"] ?? {}).toEqual(before["message_annotations"] ?? {});
        expect(after["body"]).toEqual(before["body"]);
        expect([after["durable"], after["priority"], after["ttl"]]).toEqual([true, 7, 60_000]);
        expect([after["delivery_count"], after["first_acquirer"]]).toEqual([undefined, undefined]);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps a property of whatever name, also of one that JavaScript's objects have", () => {
    const names = ["__proto__", "constructor", "toString"];
    const bytes = encode({ application_properties: Object.fromEntries(names.map((n) => [n, `${n} 1`])), body: "x" });
    const after = rewriteMessage(bytes, { ...untouched, set: { Mark: "1" } });
    // In the bytes: rhea makes a prototype of the first.
    for (const n of names) expect(after.includes(Buffer.from([0xa1, n.length, ...Buffer.from(n)]))).toBe(true);
    expect([...decodeWireMessage(after).applicationProperties].slice(-3)).toEqual([
      ["constructor", "constructor 1"],
      ["toString", "toString 1"],
      ["Mark", "1"],
    ]);
  });

  it("leaves out what is named, replaces what is set, and drops what is for one hop only", () => {
    const bytes = encode({
      delivery_annotations: { "x-opt-hop": 1 },
      message_annotations: { "x-exchange": "e", "x-opt-kept": 1 },
      application_properties: { a: "1", b: "2", "x-death": "q" },
      body: message.data_section(Buffer.from("x")),
    });
    const after = decodeWireMessage(
      rewriteMessage(bytes, {
        drop: (name) => name === "x-death",
        dropAnnotation: (name) => name === "x-exchange",
        set: { b: "3", c: "4" },
      }),
    );
    expect([...after.applicationProperties]).toEqual([
      ["a", "1"],
      ["b", "3"],
      ["c", "4"],
    ]);
    expect([...after.annotations.keys()]).toEqual(["x-opt-kept"]);
    expect(rewriteMessage(bytes, untouched).includes("x-opt-hop")).toBe(false);
    const bare = encode({ body: message.data_section(Buffer.from("x")) });
    expect([...decodeWireMessage(rewriteMessage(bare, untouched)).applicationProperties]).toEqual([]);
  });

  it("keeps several data sections, long lists and a footer", () => {
    const data = (text: string): number[] => [0x00, 0x53, 0x75, 0xa0, text.length, ...Buffer.from(text)];
    const footer = [0x00, 0x53, 0x78, 0xc1, 0x04, 0x02, 0xa1, 0x00, 0x40];
    const bytes = Buffer.from([...data("one"), ...data("two"), ...footer]);
    expect(rewriteMessage(bytes, untouched).subarray(-bytes.length).equals(bytes)).toBe(true);
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`name${i}`, "x".repeat(300)]));
    const again = rewriteMessage(encode({ application_properties: wide, body: "x" }), untouched);
    expect(decodeWireMessage(again).applicationProperties.size).toBe(300);
  });

  it("refuses bytes that are no message, cut or mutated ones too, with one error and in bounded time", () => {
    const bytes = encode({ message_id: "id", application_properties: { a: 1, b: [1, 2] }, body: "text" });
    const attempt = (input: Buffer): void => {
      try {
        rewriteMessage(input, { ...untouched, set: { m: "1" } });
      } catch (error) {
        expect(error).toMatchObject({ code: "amqp/header-invalid" });
      }
    };
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const mutated = Buffer.from(bytes);
        mutated[at] = value;
        attempt(mutated);
        attempt(bytes.subarray(0, at));
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (input) => attempt(Buffer.from(input))),
      { numRuns: 2_000 },
    );
    // Described values in each other, a thousand deep.
    attempt(Buffer.from([0x00, 0x53, 0x74, ...Array.from({ length: 1_000 }, () => 0x00), 0x40]));
  });
});
