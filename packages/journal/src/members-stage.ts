import { sql } from "kysely";
import { type Cipher, freshBytes } from "./cipher.ts";
import { plainText } from "./faults.ts";
import type { Staged, StagedMember } from "./members-ledger-types.ts";
import { dateOrNull, memberLabel, memberPlace } from "./members.ts";
import { type SeenSet, todoOf } from "./members-rows.ts";
import { inTexts, jsonRows } from "./members-sql.ts";
import type { Db, Engine } from "./store.ts";
import { bytesFromPerson } from "./threads.ts";

/** How persons are found: by the hash under the present key, and those under every other while older rows are about. */
export type PersonHashes = (member: StagedMember) => readonly [present: string, ...older: string[]];

export async function personHashes(db: Db, cipher: Cipher): Promise<PersonHashes> {
  const { keyId } = cipher;
  const other = db.selectFrom("member").select("seq");
  const older = await (keyId === null
    ? other.where("key_id", "is not", null)
    : other.where((e) => e.or([e("key_id", "is", null), e("key_id", "!=", keyId)]))
  )
    .limit(1)
    .execute();
  if (older.length === 0) return (member) => [cipher.hash(memberLabel, member.person.reveal())];
  return (member) => cipher.hashes(memberLabel, member.person.reveal());
}

interface Known {
  readonly seq: number;
  wanted: boolean;
  start: string;
  end: string;
  readonly row: Parameters<typeof todoOf>[0];
  readonly todo: string | null;
  readonly todoRun: number | null;
  readonly outcome: string | null;
}

interface Fresh {
  /** Which of the results it is. */
  readonly place: number;
  readonly hash: string;
  readonly member: StagedMember;
}

/** What a part of the input changes. */
export interface StagePlan {
  readonly results: Staged[];
  readonly inserts: Fresh[];
  /** Of those added, how many a run had staged before that does not count. */
  reclaimed: number;
  /** seq, wanted, start, end, todo. */
  readonly updates: (readonly [number, number, string, string, string | null])[];
}

/** Compares a part of the input with what is known. Changes nothing but the set of seen ones. */
export async function planStage(
  db: Db,
  engine: Engine,
  hashes: PersonHashes,
  members: readonly StagedMember[],
  seen: SeenSet,
  badRuns: ReadonlySet<number>,
): Promise<StagePlan> {
  const own = members.map(hashes);
  const rows = await db
    .selectFrom("member")
    .select([
      "seq",
      "person_hash",
      "organisation",
      "wanted",
      "period_start",
      "period_end",
      "acked",
      "acked_start",
      "acked_end",
      "unsure",
      "todo",
      "todo_run",
      "outcome",
    ])
    .where(inTexts(engine, "person_hash", own.flat()))
    .execute();
  const known = new Map<string, Known>();
  for (const row of rows)
    known.set(`${row.person_hash}/${row.organisation}`, {
      seq: Number(row.seq),
      wanted: row.wanted === 1,
      start: row.period_start ?? "",
      end: row.period_end ?? "",
      row,
      todo: row.todo,
      todoRun: row.todo_run,
      outcome: row.outcome,
    });
  const fresh = new Map<string, Fresh>();
  const plan: StagePlan = { results: [], inserts: [], reclaimed: 0, updates: [] };
  for (const [n, member] of members.entries()) {
    const hash = own[n] ?? hashes(member);
    const found = hash.map((h) => known.get(`${h}/${member.organisation}`)).find((k) => k !== undefined);
    plan.results.push(
      found === undefined ? planFresh(plan, fresh, hash[0], member) : planKnown(plan, found, member, seen, badRuns),
    );
  }
  return plan;
}

function planFresh(plan: StagePlan, fresh: Map<string, Fresh>, hash: string, member: StagedMember): Staged {
  if (member.keep) return "kept";
  if (member.withdrawn) return "unchanged";
  const key = `${hash}/${member.organisation}`;
  const before = fresh.get(key)?.member;
  if (before !== undefined)
    return before.start === member.start && before.end === member.end ? "duplicate" : "two-periods";
  const one = { place: plan.results.length, hash, member };
  fresh.set(key, one);
  plan.inserts.push(one);
  return "added";
}

function planKnown(
  plan: StagePlan,
  known: Known,
  member: StagedMember,
  seen: SeenSet,
  badRuns: ReadonlySet<number>,
): Staged {
  const first = seen.add(known.seq);
  if (member.keep) return "kept";
  const wanted = !member.withdrawn;
  const start = wanted ? member.start : known.start;
  const end = wanted ? member.end : known.end;
  const same = known.wanted === wanted && known.start === start && known.end === end;
  if (!first) return same ? "duplicate" : "two-periods";
  // What a run found that never got to send, or whose input was refused, is found again.
  const stale = known.todo !== null && known.todoRun !== null && badRuns.has(known.todoRun);
  if (same && !stale) return "unchanged";
  const todo = todoOf(known.row, { member: wanted, start, end });
  const wasWanted = known.wanted;
  known.wanted = wanted;
  known.start = start;
  known.end = end;
  plan.updates.push([known.seq, wanted ? 1 : 0, start, end, todo]);
  if (!wanted) return "withdrawn";
  if (known.row.acked === "member" || (wasWanted && !stale)) return "changed";
  if (wasWanted) plan.reclaimed++;
  return "added";
}

/** Writes a plan; what it changes waits for the run to be accepted. */
export async function writeStage(
  db: Db,
  engine: Engine,
  cipher: Cipher,
  plan: StagePlan,
  { run, now, seen }: { readonly run: number; readonly now: number; readonly seen: SeenSet },
): Promise<void> {
  if (plan.updates.length > 0)
    await db
      .updateTable("member")
      .from(
        jsonRows<{ seq: number; wanted: number; start: string; end: string; todo: string | null }>(
          engine,
          plan.updates,
          {
            seq: "integer",
            wanted: "integer",
            start: "text",
            end: "text",
            todo: "text",
          },
        ).as("v"),
      )
      .set({
        wanted: sql<number>`v.wanted`,
        period_start: sql<string>`${sql.ref("v.start")}`,
        period_end: sql<string>`${sql.ref("v.end")}`,
        todo: sql<"add">`v.todo`,
        todo_run: run,
        // Whoever is not active is so with another period too.
        next_retry_at: sql<
          number | null
        >`case when member.outcome = 'not-active' and v.wanted = 1 then member.next_retry_at else null end`,
        changed_at: now,
      })
      .whereRef("member.seq", "=", "v.seq")
      .execute();
  if (plan.inserts.length === 0) return;
  const rows = plan.inserts.map(({ hash, member }) => {
    const id = orderedUuid(now);
    const person = cipher.seal(bytesFromPerson(member.person), memberPlace(id));
    return [
      id,
      hash,
      plainText("organisation", member.organisation),
      dateOrNull("start", member.start),
      dateOrNull("end", member.end),
      Buffer.from(person.buffer, person.byteOffset, person.byteLength).toString("hex"),
    ];
  });
  interface Inserted {
    id: string;
    hash: string;
    organisation: string;
    start: string;
    end: string;
    person: Uint8Array;
  }
  const values = jsonRows<Inserted>(engine, rows, {
    id: "text",
    hash: "text",
    organisation: "text",
    start: "text",
    end: "text",
    person: "bytes",
  });
  const inserted = await db
    .insertInto("member")
    .columns([
      "id",
      "person_hash",
      "organisation",
      "period_start",
      "period_end",
      "person",
      "key_id",
      "status",
      "created_at",
      "changed_at",
      "wanted",
      "todo",
      "todo_run",
    ])
    .expression(
      db
        .selectFrom(values.as("v"))
        .select([
          "v.id",
          "v.hash",
          "v.organisation",
          "v.start",
          "v.end",
          "v.person",
          sql<string | null>`cast(${cipher.keyId} as text)`.as("key_id"),
          sql<"unknown">`'unknown'`.as("status"),
          sql<number>`cast(${now} as double precision)`.as("created_at"),
          sql<number>`cast(${now} as double precision)`.as("changed_at"),
          sql<number>`1`.as("wanted"),
          sql<"add">`'add'`.as("todo"),
          sql<number>`cast(${run} as integer)`.as("todo_run"),
        ])
        // Without it SQLite takes "on conflict" for the condition of a join.
        .where(sql<boolean>`true`),
    )
    .onConflict((c) => c.columns(["person_hash", "organisation"]).doUpdateSet({ changed_at: now }))
    .returning("seq")
    .execute();
  for (const { seq } of inserted) seen.add(Number(seq));
}

/**
 * A UUID of version 7: new ones come next to each other in an index, which halves what a first load of hundreds of
 * thousands writes.
 *
 * @see RFC 9562, section 5.7
 */
function orderedUuid(now: number): string {
  const hex = Math.floor(now).toString(16).padStart(12, "0") + Buffer.from(freshBytes(10)).toString("hex");
  const variant = (8 + (Number.parseInt(hex[16] ?? "0", 16) & 3)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
