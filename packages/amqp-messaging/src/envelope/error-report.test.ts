import rhea from "rhea";
import { describe, expect, it } from "vitest";
import { decodeWireMessage, encodeWireMessage } from "../connection/wire-message.ts";
import { buildErrorReport, readErrorQueueMessage } from "./error-report.ts";

const at = Date.UTC(2025, 0, 2, 3, 4, 9);
const original = {
  messageId: "c0ffee00-1111-4222-8333-944444444444",
  correlationId: "corr",
  function: "DIALOG_INNBYGGER_TEST",
  fromHerId: "93252",
  toHerId: "93238",
};
const read = (message: object) => readErrorQueueMessage(decodeWireMessage(rhea.message.encode(message as never)));

const condition = (errorCondition: string) => read({ application_properties: { errorCondition }, body: "" });

describe("buildErrorReport()", () => {
  it("swaps the parties, keeps the function, has content type and correlation id, and no body", () => {
    const wire = buildErrorReport({
      original,
      condition: "transport:invalid-field-value",
      description: "One or more fields are missing",
      data: ["Label", "ContentType"],
      messageId: "r",
      to: "93252_error",
      receivedAt: at,
    });
    expect(wire).toMatchObject({
      messageId: "r",
      correlationId: "corr",
      to: "93252_error",
      subject: "DIALOG_INNBYGGER_TEST",
      contentType: "text/plain",
      applicationProperties: {
        fromHerId: "93238",
        toHerId: "93252",
        originalMessageId: original.messageId,
        receiverTimeStamp: "01/02/2025 03:04:09",
        "X-ReceiverTimeStamp": "2025-01-02T03:04:09Z",
        errorCondition: "transport:invalid-field-value",
        errorDescription: "One or more fields are missing",
        errorConditionData: "Label;ContentType;",
      },
    });
    expect(wire.body).toHaveLength(0);
    expect(wire.replyTo).toBeUndefined();
  });
  it("states no HER-id that the original did not have, and empty data where the library states it", () => {
    const { toHerId: _, ...unaddressed } = original;
    const { applicationProperties } = buildErrorReport({
      original: { ...unaddressed, toHerId: undefined },
      condition: "transport:missing-certificate",
      data: [],
      messageId: "r",
      to: "q",
      receivedAt: at,
    });
    expect(applicationProperties).not.toHaveProperty("fromHerId");
    expect(applicationProperties["errorConditionData"]).toBe("");
  });
  it("O12: a report is read back, items with semicolons and all", () => {
    const data = ["Subject: CN=A; O=B", "Thumbprint: 00"];
    const bytes = encodeWireMessage(
      buildErrorReport({
        original,
        condition: "transport:expired-certificate",
        data,
        messageId: "r",
        to: "q",
        receivedAt: at,
      }),
    );
    expect(readErrorQueueMessage(decodeWireMessage(bytes))).toMatchObject({
      kind: "report",
      report: {
        originalMessageId: original.messageId,
        condition: "transport:expired-certificate",
        data,
        receivedAt: new Date(at),
        fromHerId: "93238",
        toHerId: "93252",
      },
    });
  });
});

describe("readErrorQueueMessage()", () => {
  const properties = {
    fromHerId: "93238",
    toHerId: "93252",
    applicationTimeStamp: "2025-01-02T03:04:09Z",
    originalMessageId: original.messageId,
    receiverTimeStamp: "01/02/2025 03:04:09",
    errorCondition: "transport:not-well-formed-xml",
    errorDescription: "Could not deserialize payload",
    errorConditionData: "a;b;",
  };
  it("O12: the newer form, which has no content type and the US form of the time without zone, is read", () => {
    expect(
      read({
        message_id: "00112233445566778899aabbccddeeff",
        subject: "DIALOG_INNBYGGER_TEST",
        application_properties: properties,
        body: rhea.message.data_section(Buffer.alloc(0)),
      }),
    ).toMatchObject({
      kind: "report",
      report: {
        messageId: "00112233445566778899aabbccddeeff",
        condition: "transport:not-well-formed-xml",
        data: ["a", "b"],
        receivedAt: new Date(at),
      },
    });
  });
  it("O12: the older form, a copy of the message with an empty body, is read", () => {
    const message = read({
      message_id: original.messageId,
      content_type: "application/pkcs7-mime; smime-type=signed-and-enveloped-data",
      application_properties: { ...properties, cpaId: "x" },
      body: rhea.message.data_section(Buffer.alloc(0)),
    });
    expect(message).toMatchObject({ kind: "report", report: { messageId: original.messageId } });
  });
  it("puts the known misprint right and keeps unknown conditions", () => {
    expect(condition("transport:revoked-cerificate")).toMatchObject({
      report: { condition: "transport:revoked-certificate" },
    });
    expect(condition("transport:new")).toMatchObject({ report: { condition: "transport:new", data: [] } });
  });
  it("reads a SOAP fault, and calls what it cannot read unknown", () => {
    const fault = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang="no">Feil</s:Text></s:Reason><s:Detail><messageId xmlns="http://www.kith.no/xmlstds/digitaldialog/2013-10-08">m1</messageId><applicationTimeStamp xmlns="http://www.kith.no/xmlstds/digitaldialog/2013-10-08">2025-01-02T03:04:09Z</applicationTimeStamp></s:Detail></s:Fault></s:Body></s:Envelope>`;
    const soap = (body: string) =>
      read({
        subject: "AMQP_SOAP_FAULT",
        content_type: "application/soap+xml",
        body: rhea.message.data_section(Buffer.from(body)),
      });
    expect(soap(fault)).toMatchObject({
      kind: "soap-fault",
      fault: { code: "s:Sender", reason: "Feil", messageId: "m1", timestamp: new Date(at) },
    });
    expect(soap("not xml").kind).toBe("unknown");
    expect(read({ body: "" }).kind).toBe("unknown");
  });
});

describe("ErrorReport.detail", () => {
  const detail = (errorCondition: string, errorConditionData: string) => {
    const message = read({ application_properties: { errorCondition, errorConditionData }, body: "" });
    return message.kind === "report" ? message.report.detail : message.kind;
  };
  it.each([
    ["transport:invalid-field-value", "toHerId;Label;", { kind: "fields", fields: ["toHerId", "Label"] }],
    ["transport:required-field-missing", '["subject"]', { kind: "fields", fields: ["subject"] }],
    ["transport:invalid-field-value", "FromHerId;93252;", { kind: "sender", herId: "93252" }],
    ["transport:invalid-field-value", "1;2;", { kind: "mismatch", expected: "1", received: "2" }],
    [
      "transport:expired-certificate",
      "Subject: CN=A; O=B;Thumbprint: AB12;",
      { kind: "certificate", subject: "CN=A; O=B", thumbprint: "ab12" },
    ],
    [
      "transport:invalid-certificate",
      '{"thumbprint":{"expected":"AA","actual":"BB"}}',
      { kind: "certificate", expected: "aa", thumbprint: "bb" },
    ],
    ["transport:invalid-signature", '{"thumbprint":"AA"}', { kind: "certificate", thumbprint: "aa" }],
    [
      "abuse:spoofing-attack",
      '{"amqp":["1"],"application":["2","3"]}',
      { kind: "her-ids", amqp: ["1"], application: ["2", "3"] },
    ],
    ["abuse:spoofing-attack", "1;2;3;", { kind: "her-ids", amqp: ["1"], application: ["2", "3"] }],
    ["transport:invalid-encoding", "Unicode;", { kind: "other", items: ["Unicode"] }],
    ["transport:missing-certificate", "", { kind: "none" }],
    ["transport:x", "{broken", { kind: "other", items: ["{broken"] }],
    ["transport:x", '{"thumbprint":5}', { kind: "other", items: ['{"thumbprint":5}'] }],
    ["transport:x", "[5]", { kind: "other", items: ["[5]"] }],
  ])("O12: %s with %j is an object of its own kind", (condition, data, want) => {
    expect(detail(condition, data)).toEqual(want);
  });
});
