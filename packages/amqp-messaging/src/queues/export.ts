import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";
import { decodeWireMessage } from "../connection/wire-message.ts";
import { instant } from "../envelope/values.ts";
import type { MessageSink, QueueEntry } from "./types.ts";

/**
 * Messages as one file of lines, each a JSON object: `headers` (properties, application properties, annotations), and
 * `message`, the whole message's bytes in base64, from which it can be sent again. The content is personal data: only the
 * owner may read the file. It must not exist.
 *
 * The sink throws `input/invalid` when the file cannot be made or written.
 */
export function exportLines(path: string): MessageSink {
  let file: FileHandle | undefined;
  return {
    write: (entry, bytes) =>
      written(async () => {
        file ??= await open(path, "wx", 0o600);
        const line = { headers: headersOf(entry, bytes), message: Buffer.from(bytes).toString("base64") };
        await file.appendFile(`${JSON.stringify(line)}\n`);
      }),
    sync: () => written(async () => await file?.datasync()),
    close: () => written(async () => await file?.close()),
  };
}

/**
 * Messages as files of their own in a folder: `000001.amqp` holds a whole message's bytes, `000001.json` its headers. Only
 * the owner may read them. Files that exist are not replaced.
 *
 * The sink throws `input/invalid` when a file cannot be made or written.
 */
export function exportFiles(folder: string): MessageSink {
  let count = 0;
  let made = false;
  const writeNew = async (name: string, content: string | Uint8Array): Promise<void> => {
    const file = await open(join(folder, name), "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
  };
  return {
    write: (entry, bytes) =>
      written(async () => {
        if (!made) await mkdir(folder, { recursive: true, mode: 0o700 });
        made = true;
        const name = String(++count).padStart(6, "0");
        await writeNew(`${name}.json`, `${JSON.stringify(headersOf(entry, bytes), undefined, 2)}\n`);
        await writeNew(`${name}.amqp`, bytes);
      }),
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

async function written(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HelsekontaktError(
      "input/invalid",
      `expected an export that can be written, found ${code === "EEXIST" ? "a file that exists already" : String(code ?? "a fault")}`,
      { original: error },
    );
  }
}

/** As they came, uncut: an export is the message itself. */
function headersOf(entry: QueueEntry, bytes: Uint8Array): object {
  const { queue, position, readable } = entry;
  if (!readable) return { queue, position, readable };
  const m = decodeWireMessage(bytes);
  return {
    queue,
    position,
    readable,
    messageId: plain(m.messageId),
    correlationId: plain(m.correlationId),
    to: plain(m.to),
    subject: plain(m.subject),
    replyTo: plain(m.replyTo),
    contentType: plain(m.contentType),
    durable: m.durable,
    ttlMs: m.ttlMs ?? null,
    redelivered: entry.redelivered,
    applicationProperties: plainEntries(m.applicationProperties),
    annotations: plainEntries(m.annotations),
    bodyKind: m.bodyKind,
    bodyBytes: m.body.length,
  };
}

function plainEntries(values: ReadonlyMap<string, unknown>): object {
  return Object.fromEntries([...values].map(([name, value]) => [name, plain(value)]));
}

/** A value of any AMQP type as JSON; what JSON has no form for is told by its kind. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return String(value);
  if (value instanceof Date) return instant(value)?.toISOString() ?? null;
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  if (typeof value === "object") return { structure: true };
  return value;
}
