import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { parseAmqpUrl, resolveSettings } from "./settings.ts";

describe("parseAmqpUrl()", () => {
  it("reads host, port, credentials and exchange, percent-decoded", () => {
    expect(parseAmqpUrl("amqps://user%40x:p%2Fw%3A@tb.test.nhn.no:5671/NHNTESTServiceBus")).toEqual({
      host: "tb.test.nhn.no",
      port: 5671,
      transport: "tls",
      username: "user@x",
      password: "p/w:",
      namespace: "NHNTESTServiceBus",
    });
  });
  it("defaults the port by scheme, and drops a second slash before the exchange", () => {
    expect(parseAmqpUrl("amqps://h/")).toEqual({ host: "h", port: 5671, transport: "tls" });
    expect(parseAmqpUrl("amqp://h//E")).toEqual({ host: "h", port: 5672, transport: "tcp", namespace: "E" });
  });
  it.each(["", "not a url", "http://h/", "amqp:///E"])("refuses %j without repeating it", (text) => {
    expect(() => parseAmqpUrl(text)).toThrow(HelsekontaktError);
  });
});

describe("resolveSettings()", () => {
  it("O11: the defaults are what they are documented to be", () => {
    const settings = resolveSettings({ host: "h", containerId: "c" });
    expect(settings).toMatchObject({
      port: 5671,
      transport: "tls",
      dialect: "auto",
      idleTimeoutMs: 10_000,
      sendTimeoutMs: 60_000,
      sendWindow: { messages: 100, bytes: 16_777_216 },
      maxMessageBytes: 52_428_800,
    });
    // rhea gives up on a silent peer after twice the idle time-out and one second: within 30 s
    expect(settings.idleTimeoutMs * 2 + 1_000).toBeLessThan(30_000);
  });
  it("lets parts win over the url, and asks a password function", async () => {
    const settings = resolveSettings({ url: "amqp://u:p@h:1/E", port: 2, namespace: "/F", password: () => "q" });
    expect(settings).toMatchObject({ host: "h", port: 2, username: "u", namespace: "F" });
    expect(await settings.password()).toBe("q");
  });
  it("wants a broker, and a window that rhea's session can hold", () => {
    expect(() => resolveSettings({})).toThrow("[config/missing] expected a broker");
    expect(() => resolveSettings({ host: "h", sendWindow: { messages: 5_000, bytes: 1 } })).toThrow("from 1 to 2000");
  });
});
