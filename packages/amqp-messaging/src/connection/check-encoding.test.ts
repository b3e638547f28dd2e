import * as fc from "fast-check";
import rhea from "rhea";
import { describe, expect, it } from "vitest";
import { checkEncoding } from "./check-encoding.ts";
import { decodeWireMessage, encodeWireMessage } from "./wire-message.ts";

const section = (code: number, value: Buffer) => Buffer.concat([Buffer.from([0x00, 0x53, code]), value]);
const bytes = (...list: number[]) => Buffer.from(list);
const u32 = (n: number) => [n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff];
const array32 = (count: number, ...rest: number[]) => bytes(0xf0, ...u32(4 + rest.length), ...u32(count), ...rest);
/** "a" as a string. */
const key = [0xa1, 1, 0x61];
const message = encodeWireMessage({
  messageId: "m",
  to: "q",
  subject: "S",
  contentType: "text/plain",
  replyTo: "r",
  ttlMs: 5,
  applicationProperties: { a: "b", c: "d".repeat(300) },
  body: Buffer.alloc(70_000, "x"),
});

describe("checkEncoding()", () => {
  it("takes every type that rhea writes", () => {
    const { types } = rhea;
    const all = {
      application_properties: {
        a: types.wrap_uuid(Buffer.alloc(16)),
        b: types.wrap_ulong(5),
        c: types.wrap_long(-5),
        d: types.wrap_double(1.5),
        e: true,
        f: types.wrap_timestamp(1),
        g: types.wrap_symbol("s"),
        h: types.wrap_list([1, "x", [2]]),
        i: types.wrap_array([1, 2], 0x54, undefined as never),
        j: types.wrap_map({ k: 1 }),
        k: types.wrap_binary(Buffer.alloc(300)),
      },
      body: rhea.message.data_sections([Buffer.from("a"), Buffer.from("b")]),
    };
    expect(() => checkEncoding(rhea.message.encode(all as never))).not.toThrow();
    expect(() => checkEncoding(message)).not.toThrow();
    expect(() => checkEncoding(bytes())).not.toThrow();
  });
  it.each<[string, Buffer]>([
    ["an array that claims four thousand million elements of no width", section(0x77, array32(0xffff_ffff, 0x41))],
    ["the same of empty lists", section(0x77, array32(0xffff_ffff, 0x45))],
    ["the same of nothing", section(0x77, array32(0xffff_ffff, 0x40))],
    ["an array without a constructor", section(0x77, array32(1))],
    [
      "a list that claims more than it has",
      section(0x77, bytes(0xd0, ...u32(8), ...u32(0xffff_ffff), 0x40, 0x40, 0x40, 0x40)),
    ],
    ["a list with something after its last item", section(0x77, bytes(0xc0, 3, 1, 0x40, 0x40))],
    ["a map with a key without value", section(0x77, bytes(0xc1, 2, 1, 0x40))],
    ["a string that ends beyond the message", section(0x77, bytes(0xb1, ...u32(0xffff_ffff), 0x61))],
    ["a binary that ends beyond its list", section(0x77, bytes(0xc0, 4, 1, 0xa0, 9, 1))],
    ["an unknown type", section(0x77, bytes(0x3f))],
    ["a section of an unknown number", section(0x79, bytes(0x40))],
    ["a section with a name in place of a number", bytes(0x00, 0xa3, 1, 0x61, 0x40)],
    ["a section of a number that does not fit", bytes(0x00, 0x80, 1, 0, 0, 0, 0, 0, 0, 0x77, 0x40)],
    ["a value outside a section", bytes(0x40)],
    ["properties twice", Buffer.concat([section(0x73, bytes(0x45)), section(0x73, bytes(0x45))])],
    ["an application property twice", section(0x74, bytes(0xc1, 9, 4, ...key, 0x40, ...key, 0x41))],
    [
      "an application property twice, in two forms",
      section(0x74, bytes(0xc1, 12, 4, ...key, 0x40, 0xb1, ...u32(1), 0x61, 0x40)),
    ],
    [
      "an application property twice, once as a symbol",
      section(0x74, bytes(0xd1, ...u32(12), ...u32(4), ...key, 0x40, 0xa3, 1, 0x61, 0x40)),
    ],
    ["two values as body", Buffer.concat([section(0x77, bytes(0x40)), section(0x77, bytes(0x40))])],
    [
      "ten thousand descriptors of a descriptor",
      section(0x77, Buffer.concat([Buffer.alloc(20_000, bytes(0x00, 0x43)), bytes(0x40)])),
    ],
  ])("refuses %s, before anything is built of it", (_, hostile) => {
    expect(() => checkEncoding(hostile)).toThrow(TypeError);
    expect(() => decodeWireMessage(hostile)).toThrow("[amqp/header-invalid]");
  });
  it("refuses lists inside lists beyond any use", () => {
    let deep = bytes(0x40);
    for (let i = 0; i < 40; i++) deep = Buffer.concat([bytes(0xd0, ...u32(deep.length + 4), ...u32(1)), deep]);
    expect(() => checkEncoding(section(0x77, deep))).toThrow("levels");
  });
  it("refuses every beginning of a message", () => {
    const short = encodeWireMessage({
      messageId: "m",
      to: "q",
      subject: "S",
      applicationProperties: { a: "b" },
      body: Buffer.from("x"),
    });
    const ends = new Set<number>([0]);
    for (let n = 1; n < short.length; n++)
      try {
        checkEncoding(short.subarray(0, n));
        ends.add(n);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
    // Between two sections it is a message still.
    expect(ends.size).toBe(4);
  });
  it("never lets a changed message end in anything but an answer or a typed error", () => {
    const head = message.subarray(0, 400);
    fc.assert(
      fc.property(fc.nat(head.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(message);
        changed[at] = value;
        try {
          decodeWireMessage(changed);
        } catch (error) {
          expect(error).toMatchObject({ code: "amqp/header-invalid" });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
