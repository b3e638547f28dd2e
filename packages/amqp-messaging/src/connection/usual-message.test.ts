import * as fc from "fast-check";
import rhea from "rhea";
import { describe, expect, it } from "vitest";
import { readUsualMessage } from "./usual-message.ts";
import { decodeAnyMessage, decodeWireMessage } from "./wire-message.ts";

const text = fc.string({ maxLength: 300, unit: "grapheme" });
const simple = fc.oneof(
  text,
  fc.nat({ max: 300 }),
  fc.boolean(),
  fc.uint8Array({ maxLength: 20 }).map((b) => Buffer.from(b)),
  fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((d) => rhea.types.wrap_timestamp(+d)),
  fc.constant(null),
);
const keys = fc.oneof(
  fc.constantFrom("fromHerId", "toHerId", "x-opt-a", "1", "0x", "__proto__", "constructor", ""),
  text,
);
const fields = fc.record(
  {
    durable: fc.boolean(),
    priority: fc.nat({ max: 9 }),
    ttl: fc.nat({ max: 0xffff_ffff }),
    first_acquirer: fc.boolean(),
    delivery_count: fc.nat({ max: 300 }),
    message_id: fc.oneof(text, fc.nat({ max: 1_000 })),
    to: text,
    subject: text,
    reply_to: text,
    correlation_id: text,
    content_type: fc.constantFrom("text/plain", "application/pkcs7-mime; smime-type=signed-and-enveloped-data"),
    creation_time: fc.nat({ max: 2_000_000_000_000 }),
    application_properties: fc.dictionary(keys, simple, { maxKeys: 6 }),
    message_annotations: fc.dictionary(keys, simple, { maxKeys: 4 }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 400 }).map((b) => rhea.message.data_section(Buffer.from(b))),
      fc.uint8Array({ maxLength: 4 }).map((b) => rhea.message.data_sections([Buffer.from(b), Buffer.from(b)])),
      text,
    ),
  },
  { requiredKeys: ["body"] },
);
const encoded = fields.map((message) => rhea.message.encode(message as never));

const usual: Parameters<typeof rhea.message.encode>[0] = {
  durable: true,
  first_acquirer: true,
  message_id: "m",
  to: "q",
  subject: "S",
  reply_to: "r",
  correlation_id: "c",
  content_type: "text/plain",
  creation_time: 1_735_787_045_000 as never,
  application_properties: { fromHerId: "1", count: 3 },
  message_annotations: { "x-exchange": "e" },
  body: rhea.message.data_section(Buffer.from("<a/>")),
};

describe("readUsualMessage()", () => {
  it("reads a message of this protocol, its body a view of the same memory", () => {
    const bytes = rhea.message.encode(usual);
    const read = readUsualMessage(bytes);
    expect(read?.body?.toString()).toBe("<a/>");
    expect(read?.body?.buffer).toBe(bytes.buffer);
    expect(decodeWireMessage(bytes)).toStrictEqual(decodeAnyMessage(bytes));
  });

  it.each([
    ["two data sections", { ...usual, body: rhea.message.data_sections([Buffer.from("a"), Buffer.from("b")]) }],
    ["a value as the body", { ...usual, body: "text" }],
    ["a footer", { ...usual, footer: { a: "b" } }],
    ["a key that an object would put first", { ...usual, application_properties: { b: "x", 1: "y" } }],
  ])("leaves a message with %s to rhea", (_, message) => {
    expect(readUsualMessage(rhea.message.encode(message as never))).toBeUndefined();
  });

  it("reads what rhea reads, whatever the message", () => {
    fc.assert(
      fc.property(encoded, (bytes) => {
        expect(decodeWireMessage(bytes)).toStrictEqual(decodeAnyMessage(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it("takes nothing that is refused or read otherwise the long way, whatever bytes are changed, cut off or added", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
    const end = fc.oneof(
      { weight: 4, arbitrary: fc.constant([0, new Uint8Array()] as const) },
      { weight: 1, arbitrary: fc.tuple(fc.integer({ min: -3, max: 0 }), fc.uint8Array({ maxLength: 3 })) },
    );
    fc.assert(
      fc.property(encoded, changes, end, (bytes, many, [cut, more]) => {
        const changed = Buffer.concat([bytes.subarray(0, bytes.length + cut), more]);
        for (const [at, value] of many) if (changed.length > 0) changed[at % Math.min(changed.length, 120)] = value;
        if (readUsualMessage(changed) === undefined) return;
        expect(decodeWireMessage(changed)).toStrictEqual(decodeAnyMessage(changed));
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes no usual message with a changed byte that is refused or read otherwise the long way", () => {
    const good = rhea.message.encode(usual);
    const values = [0, 1, 0x40, 0x41, 0x43, 0x45, 0x50, 0x53, 0x56, 0x70, 0x72, 0x73, 0x74, 0x75, 0x78, 0x83, 0x98];
    let taken = 0;
    for (let at = 0; at < good.length; at++)
      for (const value of [...values, 0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xff]) {
        const changed = Buffer.from(good);
        changed[at] = value;
        if (readUsualMessage(changed) === undefined) continue;
        taken++;
        expect(decodeWireMessage(changed)).toStrictEqual(decodeAnyMessage(changed));
      }
    expect(taken).toBeGreaterThan(1_000);
  });
});
