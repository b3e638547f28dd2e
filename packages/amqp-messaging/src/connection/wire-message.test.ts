import * as fc from "fast-check";
import rhea from "rhea";
import { describe, expect, it } from "vitest";
import { decodeWireMessage, encodeWireMessage, type WireMessage } from "./wire-message.ts";

const base: WireMessage = { messageId: "m", to: "q", subject: "S", applicationProperties: {}, body: Buffer.alloc(0) };

const kind = (body: unknown) => {
  const m = decodeWireMessage(rhea.message.encode({ body } as never));
  return [m.bodyKind, Buffer.from(m.body).toString()];
};

describe("encodeWireMessage()", () => {
  it("writes header, properties, application properties and one data section, which rhea reads back", () => {
    const bytes = encodeWireMessage({
      ...base,
      ttlMs: 15_000,
      contentType: "text/plain",
      replyTo: "r",
      applicationProperties: { fromHerId: "1" },
      body: Buffer.from("<a/>"),
    });
    const message = rhea.message.decode(bytes);
    expect(message).toMatchObject({
      durable: true,
      ttl: 15_000,
      message_id: "m",
      to: "q",
      subject: "S",
      reply_to: "r",
      content_type: "text/plain",
    });
    expect(message["application_properties"]).toEqual({ fromHerId: "1" });
    expect(message["body"]).toMatchObject({ typecode: 0x75 });
  });
  it("is read back equal, whatever the texts and the size of the body", () => {
    const text = fc.string({ minLength: 1, maxLength: 400, unit: "grapheme" });
    fc.assert(
      fc.property(
        text,
        text,
        fc.dictionary(
          text.filter((k) => k !== "__proto__"),
          text,
          { maxKeys: 5 },
        ),
        fc.uint8Array({ maxLength: 1_000 }),
        (messageId, subject, applicationProperties, body) => {
          const read = decodeWireMessage(
            encodeWireMessage({ ...base, messageId, subject, applicationProperties, body }),
          );
          expect(read.messageId).toBe(messageId);
          expect(read.subject).toBe(subject);
          expect(Object.fromEntries(read.applicationProperties)).toEqual(applicationProperties);
          expect(Buffer.from(read.body).equals(Buffer.from(body))).toBe(true);
          expect(read.bodyKind).toBe("data");
        },
      ),
    );
  });
  it("D9: the wire takes no ttl above 49.7 days, which would overflow", () => {
    expect(() => encodeWireMessage({ ...base, ttlMs: 50 * 86_400_000 })).toThrow(
      "[input/invalid] expected ttlMs from 1 to 4294967295",
    );
    expect(() => encodeWireMessage({ ...base, ttlMs: 0 })).toThrow("input/invalid");
  });
  it.each(["messageId", "to", "subject"])("refuses an empty %s", (field) => {
    expect(() => encodeWireMessage({ ...base, [field]: "" })).toThrow(`expected ${field} to have a value`);
  });
});

describe("decodeWireMessage()", () => {
  it("D8: body kinds are told apart, and data sections joined", () => {
    expect(kind(rhea.message.data_sections([Buffer.from("a"), Buffer.from("b"), Buffer.from("c")]))).toEqual([
      "data",
      "abc",
    ]);
    expect(kind("text")).toEqual(["value", ""]);
    expect(kind({ a: 1 })).toEqual(["value", ""]);
    expect(kind(rhea.message.sequence_section([1, 2]))).toEqual(["sequence", ""]);
    const none = rhea.message.encode({ message_id: "x", body: rhea.message.data_section(Buffer.alloc(0)) } as never);
    expect(decodeWireMessage(none.subarray(0, -5))).toMatchObject({ messageId: "x", bodyKind: "none" });
  });
  it("answers arbitrary bytes with a message or with one typed error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeWireMessage(bytes);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("amqp/header-invalid");
        }
      }),
    );
  });
  it("answers every one-byte change and cut of a good message the same way", () => {
    const good = encodeWireMessage({
      ...base,
      contentType: "text/plain",
      applicationProperties: { a: "b" },
      body: Buffer.from("x"),
    });
    for (let i = 0; i < good.length; i++)
      for (const bytes of [
        good.subarray(0, i),
        Buffer.concat([good.subarray(0, i), Buffer.from([(good[i] ?? 0) ^ 0xff]), good.subarray(i + 1)]),
      ])
        try {
          decodeWireMessage(bytes);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("amqp/header-invalid");
        }
  });
});
