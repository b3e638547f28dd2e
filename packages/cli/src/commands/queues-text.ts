import type { ActReport, MessageFate, QueueEntry } from "@helsekontakt/amqp-messaging";

/** A message as one line: place, time, function, sender and receiver, size, id, and what is known of its end. */
export function entryLine(entry: QueueEntry): string {
  const { position, at, fromHerId = "?", toHerId = "?", bytes, messageId = "?", cause, movedTimes } = entry;
  if (!entry.readable) return `${String(position).padStart(6)}  unreadable, ${bytes} bytes`;
  return [
    String(position).padStart(6),
    (at?.toISOString().slice(0, 19) ?? "").padEnd(19),
    (entry.function ?? "?").padEnd(30),
    `${fromHerId} to ${toHerId}`.padEnd(18),
    `${bytes} B`.padStart(10),
    messageId,
    ...(cause === undefined ? [] : [cause]),
    ...(movedTimes === 0 ? [] : [`moved ${movedTimes}×`]),
  ].join("  ");
}

/** All headers of a message, a line each. */
export function entryDetails(entry: QueueEntry): string {
  const { properties, annotations, at, movedFrom, position, queue, ...others } = entry;
  const lines = [
    `Message ${position} of ${queue}`,
    ...Object.entries(others)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `  ${name.padEnd(16)} ${String(value)}`),
    ...(at === undefined ? [] : [`  ${"at".padEnd(16)} ${at.toISOString()}`]),
    ...(movedFrom.length === 0 ? [] : [`  ${"movedFrom".padEnd(16)} ${movedFrom.join(", ")}`]),
    ...[...properties].map(([name, value]) => `  property   ${name}: ${value}`),
    ...[...annotations].map(([name, value]) => `  annotation ${name}: ${value}`),
  ];
  return `${lines.join("\n")}\n`;
}

export function entryJson({ properties, annotations, at, ...others }: QueueEntry): object {
  return {
    ...others,
    at: at?.toISOString() ?? null,
    properties: Object.fromEntries(properties),
    annotations: Object.fromEntries(annotations),
  };
}

const verbs: Readonly<Record<ActReport["act"], readonly [would: string, did: string]>> = {
  export: ["export", "Exported"],
  move: ["move", "Moved"],
  republish: ["republish", "Republished"],
  purge: ["remove", "Removed"],
};

const reasons: Readonly<Record<Exclude<MessageFate, "done">, string>> = {
  returned: "came back to this queue after they had been moved out of it (--again moves them once more)",
  "no-target": "have no queue to go to: it does not exist, is not known, or is this one",
  refused: "were not taken by the broker",
  unreadable: "cannot be read, or are too large",
};

export function reportText(report: ActReport): string {
  const { act, queue, dryRun, snapshot, seen, matched, fates, targets, stopped, withoutId, confirmed, run } = report;
  const [would, did] = verbs[act];
  const lines = [
    `${dryRun ? `Dry run: would ${would}` : did} ${fates.done} of ${matched} messages that were meant, ${seen} of ${snapshot} looked at, in ${queue}`,
    ...[...targets].map(([name, count]) => `  ${count} to ${name}`),
    ...(Object.entries(reasons) as [keyof typeof reasons, string][])
      .filter(([fate]) => fates[fate] > 0)
      .map(([fate, text]) => `  ${fates[fate]} stay: they ${text}`),
    ...(withoutId === 0 ? [] : [`  ${withoutId} have no message id: their receivers cannot know a duplicate`]),
    ...(stopped === undefined
      ? []
      : [`  Ended early: ${stopped.message}`, ...(stopped.hint === undefined ? [] : [`    ${stopped.hint}`])]),
    ...(confirmed || dryRun || fates.done === 0
      ? []
      : [
          "  The broker did not confirm the last removals: some originals may still be there, with the ids of their copies",
        ]),
    dryRun ? "Nothing was changed; --yes does it" : `Run ${run}`,
  ];
  return `${lines.join("\n")}\n`;
}

export function reportJson({ targets, stopped, ...others }: ActReport): object {
  return {
    ...others,
    targets: Object.fromEntries(targets),
    stopped: stopped === undefined ? null : { code: stopped.code, message: stopped.message },
  };
}
