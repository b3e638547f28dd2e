import { readFileSync, statSync, writeFileSync } from "node:fs";
import { type AmqpConnection, buildEnvelope, connectAmqp } from "@helsekontakt/amqp-messaging";
import { Broker } from "@helsekontakt/sandbox";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, scratch } from "./_run.ts";

const at = scratch();
let broker: Broker;
let connection: AmqpConnection;
let config: string;
let turn = 0;

beforeEach(async () => {
  broker = new Broker({ username: "u", password: "p", namespace: "NS" });
  for (const queue of ["1_async", "1_dl", "spare"]) broker.declare(queue);
  await broker.start();
  const url = `amqp://u:p@127.0.0.1:${broker.port}/NS`;
  connection = await connectAmqp({ url });
  config = at(`config-${++turn}.json`);
  writeFileSync(config, JSON.stringify({ environment: "LOCAL", organisation, helsenorge, amqp: { url } }));
});
afterEach(async () => {
  await connection.close({ drainMs: 100 });
  await broker.close();
});

const party = (herId: string) => ({ herId, name: `Eksempel ${herId}` });
const organisation = { ...party("1"), organisationNumber: "999999999", services: [party("2")] };
const helsenorge = { ...party("3"), service: party("4") };

const queues = (...argv: string[]) => run("queues", ...argv, "--config", config);
const audited = (...argv: string[]) => queues(...argv, "--audit", at(`audit-${turn}.ndjson`), "--by", "kari");

async function put(messageId: string, more: { readonly to?: string; readonly text?: string } = {}): Promise<void> {
  const { to = "1_async", text = "SECRET-CONTENT" } = more;
  const timestamp = Date.now() - 3_600_000;
  await connection.send(
    "1_dl",
    buildEnvelope(
      { messageId, to, function: "TEST", protection: "plain", fromHerId: "93238", toHerId: "2", timestamp },
      Buffer.from(text),
    ),
  );
}

describe("helsekontakt queues", () => {
  it("counts, lists by page and shows headers, never content or national numbers", async () => {
    for (const id of ["a", "b", "13116900216"]) await put(id);
    expect(await queues("count", "1_dl")).toMatchObject({ code: 0, out: "3\n" });
    expect((await queues("count", "1_dl", "--id", "a", "--json")).out).toContain('"messages": 1');
    const listed = await queues("list", "1_dl", "--limit", "2");
    expect([listed.code, listed.out.split("\n").length, listed.err]).toEqual([0, 3, "There are more: --skip 2\n"]);
    const rest = await queues("list", "1_dl", "--limit", "2", "--skip", "2");
    expect([rest.out.includes("[11 digits]"), rest.err]).toEqual([true, ""]);
    const array = JSON.parse((await queues("list", "1_dl", "--json")).out) as { messageId: string }[];
    expect(array.map((e) => e.messageId)).toEqual(["a", "b", "[11 digits]"]);
    const shown = await queues("show", "1_dl", "a");
    expect(shown.out).toContain("property   fromHerId: 93238");
    expect((await queues("show", "1_dl", "nobody")).code).toBe(1);
    for (const { out, err } of [listed, rest, shown]) expect(out + err).not.toMatch(/SECRET|00216/);
    expect((await queues("list", "spare", "--json")).out).toBe("[\n]\n");
  });

  it("tells what it would do until it is told --yes, and keeps an audit trail of both", async () => {
    for (const id of ["a", "b"]) await put(id);
    for (const command of [
      ["move", "1_dl", "spare"],
      ["republish", "1_dl"],
      ["purge", "1_dl", "--all"],
    ]) {
      const dry = await audited(...command);
      expect([dry.code, dry.out]).toEqual([0, expect.stringMatching(/^Dry run: would .* 2 of 2 .*--yes does it\n$/s)]);
      expect((await audited(...command, "--yes", "--dry-run")).out).toMatch(/^Dry run/);
    }
    expect(broker.depth("1_dl")).toBe(2);
    const moved = await audited("move", "1_dl", "spare", "--yes", "--id", "b");
    expect([moved.code, moved.out]).toEqual([0, expect.stringMatching(/^Moved 1 of 1 .*1 to spare\nRun /s)]);
    expect([broker.depth("1_dl"), broker.depth("spare")]).toEqual([1, 1]);
    const lines = readFileSync(at(`audit-${turn}.ndjson`), "utf8")
      .trim()
      .split("\n");
    expect(lines.at(-2)).toContain(
      '"by":"kari","act":"move","queue":"1_dl","dryRun":false,"phase":"batch","ids":{"spare":["b"]}',
    );
    expect(lines).toHaveLength(6 * 2 + 3);
  });

  it("D10: move to a queue that does not exist: the original stays, and the command could not run", async () => {
    await put("a");
    const moved = await audited("move", "1_dl", "nowhere", "--yes");
    expect([moved.code, moved.out]).toEqual([2, ""]);
    expect(moved.err).toContain('[amqp/link-refused] expected a queue "nowhere" that may be read');
    expect(broker.depth("1_dl")).toBe(1);
    await put("b", { to: "nowhere" });
    const republished = await audited("republish", "1_dl", "--yes");
    expect([republished.code, republished.out]).toEqual([
      1,
      expect.stringContaining("1 stay: they have no queue to go to"),
    ]);
    expect([broker.depth("1_dl"), broker.depth("1_async")]).toEqual([1, 1]);
  });

  it("D11: a message that came back is not moved again without --again", async () => {
    await put("poison");
    const killing = connection.receive("1_async", () => Promise.resolve("reject"));
    const died = async (): Promise<void> => {
      while (broker.depth("1_dl") === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    expect((await audited("republish", "1_dl", "--yes")).code).toBe(0);
    await died();
    const second = await audited("republish", "1_dl", "--yes", "--json");
    expect([second.code, JSON.parse(second.out)]).toEqual([
      1,
      expect.objectContaining({ matched: 1, fates: expect.objectContaining({ done: 0, returned: 1 }) }),
    ]);
    await killing.stop();
    expect((await audited("republish", "1_dl", "--yes", "--again")).code).toBe(0);
    expect([broker.depth("1_dl"), broker.depth("1_async")]).toEqual([0, 1]);
  });

  it("exports into files for their owner alone, says what they hold, and replaces none", async () => {
    await put("a");
    const file = at(`out-${turn}.ndjson`);
    const exported = await audited("export", "1_dl", "--out", file);
    expect([exported.code, exported.err]).toEqual([0, expect.stringContaining("personal data")]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(exported.out + exported.err).not.toContain("SECRET");
    expect((await audited("export", "1_dl", "--out", file)).code).toBe(2);
    expect((await audited("export", "1_dl")).code).toBe(2);
    expect((await audited("export", "1_dl", "--dir", at(`files-${turn}`))).code).toBe(0);
    expect(readFileSync(at(`files-${turn}/000001.amqp`)).toString()).toContain("SECRET-CONTENT");
    const purged = await audited("purge", "1_dl", "--all", "--yes", "--export-to", at(`purged-${turn}.ndjson`));
    expect([purged.code, broker.depth("1_dl")]).toEqual([0, 0]);
    expect(readFileSync(at(`purged-${turn}.ndjson`), "utf8")).toContain('"messageId":"a"');
  });

  it("refuses what it cannot mean", async () => {
    await put("a");
    for (const argv of [
      ["purge", "1_dl", "--yes"],
      ["list", "1_dl", "--older-than", "soon"],
      ["list", "1_dl", "--limit", "-1"],
      ["count", "nowhere"],
      ["move", "1_dl", "1_dl", "--yes"],
    ])
      expect((await queues(...argv)).code).toBe(2);
    expect(broker.depth("1_dl")).toBe(1);
    const old = await queues("list", "1_dl", "--older-than", "2h");
    expect([old.code, old.out]).toEqual([0, "No messages\n"]);
    expect((await queues("list", "1_dl", "--older-than", "30m")).out).toContain("  a");
  });
});
