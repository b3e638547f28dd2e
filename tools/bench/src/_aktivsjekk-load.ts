import { createAktivsjekkenClient } from "@helsekontakt/rest-client";
import { safeParsePersonNumber } from "@helsekontakt/validators/identifiers";

// The client of the bench: a million citizens through AktivSjekken, with the checks of numbers that the SDK makes.
const path = "/digitaltaktiv/helsenorgeaktivsjekken/v1";

/** Synthetic numbers, the same ones every time, made as they are asked for; their control digits do not matter here. */
export function* numbers(count: number): Generator<string> {
  for (let n = 0; n < count; n++) {
    const [year, day, month] = [40 + (n % 60), 1 + (Math.floor(n / 60) % 28), 81 + (Math.floor(n / 1_680) % 12)];
    yield `${String(day).padStart(2, "0")}${month}${year}${String(10_000 + Math.floor(n / 20_160))}`;
  }
}

export interface Load {
  readonly ms: number;
  readonly citizens: number;
  readonly calls: number;
  /** Milliseconds of this process's processor. */
  readonly cpuMs: number;
  readonly reach: Readonly<Record<string, number>>;
}

/** Our client, citizen by citizen. */
export async function ours(
  baseUrl: string,
  count: number,
  concurrent: number | undefined,
  seen: (citizens: number) => void = () => {},
): Promise<Load> {
  const client = createAktivsjekkenClient({ baseUrl });
  const fixed = concurrent === undefined ? {} : { floor: concurrent, cap: concurrent, start: concurrent };
  let calls = 0;
  return measured(async (reach) => {
    let citizens = 0;
    const found = client.checkAll(numbers(count), {
      concurrency: fixed,
      inspect: (fnr) => {
        const number = safeParsePersonNumber(fnr);
        if (number === undefined) return { problem: "no-person-number", level: "error" };
        return number.synthetic === false ? { problem: "real-person", level: "error" } : undefined;
      },
      onProgress: (progress) => {
        ({ calls } = progress);
        seen(progress.checked);
      },
    });
    for await (const citizen of found) {
      if (citizen.outcome !== "answered")
        throw new Error(`expected every citizen to be answered for, found ${citizen.outcome}`);
      reach[citizen.reach] = (reach[citizen.reach] ?? 0) + 1;
      citizens++;
    }
    return [citizens, calls];
  });
}

/** The least that one can do with undici: as many workers as calls at once, each taking the next thousand. */
export async function bare(baseUrl: string, count: number, concurrent: number): Promise<Load> {
  const { Pool } = await import("undici");
  const pool = new Pool(baseUrl, { connections: concurrent });
  const source = numbers(count);
  return measured(async (reach) => {
    let citizens = 0;
    let calls = 0;
    const worker = async (): Promise<void> => {
      for (;;) {
        const fnrListe: string[] = [];
        for (let n = 0; n < 1_000; n++) {
          const { done, value } = source.next();
          if (done === true) break;
          fnrListe.push(value);
        }
        if (fnrListe.length === 0) return;
        calls++;
        const { body } = await pool.request({
          path,
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ fnrListe, omraade: "Helsehjelp" }),
        });
        const { erAktivListe } = (await body.json()) as { erAktivListe: Record<string, Record<string, boolean>> };
        for (const fnr of fnrListe) {
          const status = erAktivListe[fnr];
          const name = status?.["erDigitaltAktivSelv"]
            ? "self"
            : status?.["erDigitaltAktivViaAndre"]
              ? "representative"
              : "none";
          reach[name] = (reach[name] ?? 0) + 1;
          citizens++;
        }
      }
    };
    await Promise.all(Array.from({ length: concurrent }, worker));
    await pool.close();
    return [citizens, calls];
  });
}

async function measured(
  work: (reach: Record<string, number>) => Promise<readonly [citizens: number, calls: number]>,
): Promise<Load> {
  const reach: Record<string, number> = {};
  const cpu = process.cpuUsage();
  const began = performance.now();
  const [citizens, calls] = await work(reach);
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - began, citizens, calls, cpuMs: (user + system) / 1_000, reach };
}

/**
 * Megabytes by tenths of the way: the most that was resident, or, in a process that can collect its garbage when it is told
 * to, the least that was left of heap and buffers after a collection: the batches under way come and go.
 */
async function memory(baseUrl: string, count: number): Promise<{ load: Load; tenths: number[] }> {
  const { gc } = globalThis;
  const tenths: number[] = [];
  let looked = 0;
  const load = await ours(baseUrl, count, undefined, (citizens) => {
    const tenth = Math.min(9, Math.floor((citizens * 10) / (count + 1)));
    if (gc !== undefined && citizens < looked + count / 100) return;
    looked = citizens;
    gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const mb = (gc === undefined ? rss : heapUsed + external) / 2 ** 20;
    const before = tenths[tenth] ?? mb;
    tenths[tenth] = gc === undefined ? Math.max(before, mb) : Math.min(before, mb);
  });
  return { load, tenths };
}

const [baseUrl, count] = [process.argv[2], Number(process.argv[3])];
if (baseUrl !== undefined && process.send !== undefined) {
  process.send(await memory(baseUrl, count));
  process.disconnect();
}
