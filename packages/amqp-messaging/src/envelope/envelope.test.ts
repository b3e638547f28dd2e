import { randomUUID } from "node:crypto";
import rhea from "rhea";
import { describe, expect, it } from "vitest";
import { decodeWireMessage, encodeWireMessage } from "../connection/wire-message.ts";
import { bodyProtection } from "./content-type.ts";
import { buildEnvelope, readEnvelope } from "./envelope.ts";
import { herIdText, idText, instant, invariantInstant, isoInstant } from "./values.ts";

const at = Date.UTC(2025, 0, 2, 3, 4, 5);
const input = {
  messageId: "c0ffee00-1111-4222-8333-944444444444",
  to: "93238_async",
  function: "DIALOG_INNBYGGER_TEST",
  replyTo: "93252_async",
  protection: "protected" as const,
  fromHerId: "93252",
  toHerId: "93238",
  timestamp: at,
};
const raw = (message: object) => readEnvelope(decodeWireMessage(rhea.message.encode(message as never)));
const headers = { fromHerId: "93252", toHerId: "93238", applicationTimeStamp: "2025-01-02T03:04:05Z" };

describe("buildEnvelope()", () => {
  it("sets every property of the profile, and the correlation id to the message id", () => {
    const wire = buildEnvelope(
      { ...input, cpaId: "ABCDEF00-0000-4000-8000-000000000000", systemIdentifier: "EPJ" },
      Buffer.from("x"),
    );
    expect(wire).toMatchObject({
      correlationId: input.messageId,
      subject: "DIALOG_INNBYGGER_TEST",
      replyTo: "93252_async",
      contentType: "application/pkcs7-mime; smime-type=signed-and-enveloped-data",
      applicationProperties: {
        fromHerId: "93252",
        toHerId: "93238",
        applicationTimeStamp: "2025-01-02T03:04:05Z",
        enqueuedTimeUtc: "2025-01-02T03:04:05",
        cpaId: "abcdef00-0000-4000-8000-000000000000",
        "X-SystemIdentifier": "EPJ",
      },
    });
    expect(wire.ttlMs).toBeUndefined();
  });
  it("is read back with nothing missing", () => {
    const envelope = readEnvelope(
      decodeWireMessage(encodeWireMessage(buildEnvelope({ ...input, conversationId: "c" }, Buffer.from("x")))),
    );
    expect(envelope).toMatchObject({
      ...input,
      timestamp: new Date(at),
      conversationId: "c",
      correlationId: input.messageId,
      missing: [],
      bodyKind: "data",
    });
  });
  it("lets configured properties win", () => {
    expect(
      buildEnvelope({ ...input, properties: { "X-ExecutingAssembly": "mine" } }, Buffer.alloc(0)).applicationProperties[
        "X-ExecutingAssembly"
      ],
    ).toBe("mine");
  });
});

describe("readEnvelope()", () => {
  it("names missing fields in the official library's order", () => {
    expect(raw({ message_id: "x", body: "" }).missing).toEqual([
      "toHerId",
      "fromHerId",
      "Label",
      "applicationTimeStamp",
      "ContentType",
    ]);
    const all = { subject: "S", content_type: "text/plain", application_properties: headers };
    expect(raw(all).missing).toEqual([]);
    expect(raw({ ...all, application_properties: { ...headers, toHerId: "0" } }).missing).toEqual(["toHerId"]);
    expect(raw({ ...all, application_properties: { ...headers, fromHerId: "12a" } }).missing).toEqual(["fromHerId"]);
    expect(raw({ ...all, application_properties: { ...headers, applicationTimeStamp: "soon" } }).missing).toEqual([
      "applicationTimeStamp",
    ]);
  });
  it("D8: ids are taken as string, uuid, ulong and binary", () => {
    const uuid = randomUUID();
    expect(raw({ message_id: uuid, body: "" }).messageId).toBe(uuid);
    expect(raw({ message_id: rhea.string_to_uuid(uuid), body: "" }).messageId).toBe(uuid);
    expect(raw({ message_id: 42, body: "" }).messageId).toBe("42");
    expect(raw({ correlation_id: rhea.types.wrap_binary(Buffer.from("abc")), body: "" }).correlationId).toBe("616263");
  });
  it("D8: HER-ids are taken as text or integer, time stamps as text or AMQP timestamp", () => {
    const e = raw({
      application_properties: { fromHerId: 93252, toHerId: " 093238 ", applicationTimeStamp: new Date(at) },
      body: "",
    });
    expect(e).toMatchObject({ fromHerId: "93252", toHerId: "93238", timestamp: new Date(at) });
  });
  it("reads the content type without regard to case; whatever is not known counts as protected", () => {
    expect(bodyProtection("TEXT/Plain")).toBe("plain");
    expect(bodyProtection("application/SOAP+xml")).toBe("soap");
    expect(bodyProtection("Application/PKCS7-mime; smime-type=Signed-and-enveloped-data")).toBe("protected");
    expect(bodyProtection("image/png")).toBe("protected");
  });
});

describe("instant()", () => {
  it.each([
    ["2025-01-02T03:04:05Z", at],
    ["2025-01-02T04:04:05+01:00", at],
    ["2025-01-02T03:04:05", at],
    ["2025-01-02T03:04:05.5000000Z", at + 500],
    ["2025-01-01T22:04:05-0500", at],
    ["01/02/2025 03:04:05", at],
  ])("reads %s", (text, want) => expect(instant(text)?.getTime()).toBe(want));
  it.each(["", "2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z", "13/01/2025 00:00:00", "now", 5, null])(
    "does not guess at %j",
    (value) => expect(instant(value)).toBeUndefined(),
  );
  it("is the inverse of both writers", () => {
    expect(instant(isoInstant(at))?.getTime()).toBe(at);
    expect(instant(invariantInstant(at))?.getTime()).toBe(at);
    expect(invariantInstant(at)).toBe("01/02/2025 03:04:05");
  });
});

describe("herIdText() and idText()", () => {
  it("accept positive integers only", () => {
    for (const bad of ["", "0", "-1", "1.5", "99999999999", "x", null, true, -3, 1.5])
      expect(herIdText(bad)).toBeUndefined();
    expect(herIdText(8141703n)).toBe("8141703");
  });
  it("write a uuid in its usual form", () => {
    expect(idText(Buffer.from("c0ffee00111142228333944444444444", "hex"))).toBe("c0ffee00-1111-4222-8333-944444444444");
    expect(idText("")).toBeUndefined();
  });
});
