/**
 * The states of messages, as data: every state and event pair has a cell, and `null` says that the change is refused.
 * The journal reads these tables; the documentation's diagrams are rendered from them.
 */

/** How far an outgoing message has come on the wire. */
export type TransportState = "queued" | "sending" | "sent" | "failed" | "dropped";
/** What can happen to an outgoing message on the wire. `report` is a message from the error queue. */
export type TransportEvent =
  | "claim"
  | "sent"
  | "retry"
  | "release"
  | "fail"
  | "report"
  | "receipt"
  | "resend"
  | "resend-overdue"
  | "drop";

/** What the receiving application has said. `none`: no AppRec is expected. */
export type ApplicationState = "none" | "awaiting" | "accepted" | "rejected" | "overdue";
/** What can happen to the application's answer. */
export type ApplicationEvent = "receipt-accepted" | "receipt-rejected" | "deadline" | "resend" | "resend-overdue";

/** How far an incoming message has come. */
export type InboxState = "received" | "handled" | "quarantined" | "dropped";
/** What can happen to an incoming message. `exhausted`: the tries are used up. */
export type InboxEvent = "claim" | "handle" | "retry" | "exhausted" | "quarantine" | "requeue" | "drop";

/** What {@link Receipts.record} found; see the cells of {@link applicationTable}. */
export type ReceiptOutcome =
  | "accepted"
  | "rejected"
  | "late"
  | "duplicate"
  | "error-after-accepted"
  | "contradiction"
  | "unknown";

/** The change that a cell allows. */
export interface Cell<State extends string> {
  readonly to: State;
  /** Only in {@link applicationTable}: what recording a receipt in this cell is called. */
  readonly outcome?: ReceiptOutcome;
}
/** A full table: every pair of state and event is present. */
export type StateTable<State extends string, Event extends string> = {
  readonly [S in State]: { readonly [E in Event]: Cell<State> | null };
};

/**
 * The transport axis. A receipt proves delivery, so it ends resending from every state; a message is only `sent` when
 * the broker said so, and goes out again under the same id when that is not known.
 */
export const transportTable: StateTable<TransportState, TransportEvent> = {
  queued: {
    claim: { to: "sending" },
    sent: null,
    retry: null,
    release: null,
    fail: { to: "failed" },
    report: { to: "failed" },
    receipt: { to: "sent" },
    resend: null,
    "resend-overdue": null,
    drop: null,
  },
  sending: {
    // The lease of a dead or paused process has run out: another one takes over.
    claim: { to: "sending" },
    sent: { to: "sent" },
    retry: { to: "queued" },
    release: { to: "queued" },
    fail: { to: "failed" },
    report: { to: "failed" },
    receipt: { to: "sent" },
    resend: null,
    "resend-overdue": null,
    drop: null,
  },
  sent: {
    claim: null,
    sent: null,
    retry: null,
    release: null,
    fail: null,
    report: { to: "failed" },
    receipt: { to: "sent" },
    resend: null,
    "resend-overdue": { to: "queued" },
    drop: null,
  },
  failed: {
    claim: null,
    sent: null,
    retry: null,
    release: null,
    fail: null,
    report: { to: "failed" },
    receipt: { to: "sent" },
    resend: { to: "queued" },
    "resend-overdue": null,
    drop: { to: "dropped" },
  },
  // Given up by an operator; its payload is gone.
  dropped: {
    claim: null,
    sent: null,
    retry: null,
    release: null,
    fail: null,
    report: { to: "dropped" },
    receipt: { to: "sent" },
    resend: null,
    "resend-overdue": null,
    drop: null,
  },
};

/** The application axis. The first answer stands: an AppRec's status is final, a second one that differs is an event. */
export const applicationTable: StateTable<ApplicationState, ApplicationEvent> = {
  none: {
    // Nobody asked, but a rejection is too valuable to drop.
    "receipt-accepted": { to: "accepted", outcome: "accepted" },
    "receipt-rejected": { to: "rejected", outcome: "rejected" },
    deadline: null,
    resend: { to: "none" },
    "resend-overdue": null,
  },
  awaiting: {
    "receipt-accepted": { to: "accepted", outcome: "accepted" },
    "receipt-rejected": { to: "rejected", outcome: "rejected" },
    deadline: { to: "overdue" },
    resend: { to: "awaiting" },
    "resend-overdue": null,
  },
  accepted: {
    "receipt-accepted": { to: "accepted", outcome: "duplicate" },
    // The receiver found a fault in what it had taken. The status is final, so the message stays accepted, and it is told.
    "receipt-rejected": { to: "accepted", outcome: "error-after-accepted" },
    deadline: null,
    resend: null,
    "resend-overdue": null,
  },
  rejected: {
    "receipt-accepted": { to: "rejected", outcome: "contradiction" },
    "receipt-rejected": { to: "rejected", outcome: "duplicate" },
    deadline: null,
    // A corrected message after a rejection is a new message with a new MsgId.
    resend: null,
    "resend-overdue": null,
  },
  overdue: {
    "receipt-accepted": { to: "accepted", outcome: "late" },
    "receipt-rejected": { to: "rejected", outcome: "late" },
    // Told again.
    deadline: { to: "overdue" },
    resend: { to: "awaiting" },
    "resend-overdue": { to: "awaiting" },
  },
};

/** The inbox. */
export const inboxTable: StateTable<InboxState, InboxEvent> = {
  received: {
    claim: { to: "received" },
    handle: { to: "handled" },
    retry: { to: "received" },
    exhausted: { to: "quarantined" },
    quarantine: { to: "quarantined" },
    requeue: null,
    drop: null,
  },
  handled: { claim: null, handle: null, retry: null, exhausted: null, quarantine: null, requeue: null, drop: null },
  quarantined: {
    claim: null,
    handle: null,
    retry: null,
    exhausted: null,
    quarantine: null,
    requeue: { to: "received" },
    drop: { to: "dropped" },
  },
  // Given up by an operator; it is still known, so that it is not taken for new when it comes again.
  dropped: { claim: null, handle: null, retry: null, exhausted: null, quarantine: null, requeue: null, drop: null },
};

/** All tables by name, for rendering. */
export const stateTables = { transport: transportTable, application: applicationTable, inbox: inboxTable } as const;

/** The states from which the event is allowed. */
export function statesAllowing<S extends string, E extends string>(table: StateTable<S, E>, event: E): S[] {
  return (Object.keys(table) as S[]).filter((state) => table[state][event] !== null);
}

/**
 * True when nothing more is expected by itself: failed on the wire, answered, overdue, or sent with no answer expected.
 * An overdue message can still be answered late.
 */
export function isSettled(transport: TransportState, application: ApplicationState): boolean {
  if (transport === "failed" || transport === "dropped") return true;
  if (application === "none") return transport === "sent";
  return application !== "awaiting";
}

/** Renders one of the state tables as a Mermaid state diagram. */
export function renderStateDiagram(name: keyof typeof stateTables): string {
  const table = stateTables[name] as StateTable<string, string>;
  const lines = ["stateDiagram-v2"];
  const [first] = Object.keys(table);
  if (name === "application") lines.push("  [*] --> none: no AppRec expected", "  [*] --> awaiting: AppRec expected");
  else lines.push(`  [*] --> ${first}`);
  for (const [state, events] of Object.entries(table)) {
    const byTarget = new Map<string, string[]>();
    for (const [event, cell] of Object.entries(events)) {
      if (cell === null) continue;
      const label = cell.outcome === undefined || event.endsWith(cell.outcome) ? event : `${event} (${cell.outcome})`;
      byTarget.set(cell.to, [...(byTarget.get(cell.to) ?? []), label]);
    }
    for (const [to, labels] of byTarget) lines.push(`  ${state} --> ${to}: ${labels.join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}
