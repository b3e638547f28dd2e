import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderReceiptRules } from "./receipt-rules.ts";
import {
  applicationTable,
  inboxTable,
  isSettled,
  renderStateDiagram,
  type StateTable,
  statesAllowing,
  transportTable,
} from "./states.ts";

/** A table as text, one row a state: the target of every event, `-` where refused. */
function grid<S extends string, E extends string>(table: StateTable<S, E>): string[] {
  return Object.entries<Record<string, { to: string; outcome?: string } | null>>(table as never).map(
    ([state, events]) =>
      `${state}: ${Object.values(events)
        .map((c) => (c === null ? "-" : c.outcome === undefined ? c.to : `${c.to}/${c.outcome}`))
        .join(" ")}`,
  );
}

describe("state tables", () => {
  it("have a decision for every pair on the transport axis", () => {
    expect(Object.keys(transportTable.queued).join(" ")).toBe(
      "claim sent retry release fail report receipt resend resend-overdue drop",
    );
    expect(grid(transportTable)).toEqual([
      "queued: sending - - - failed failed sent - - -",
      "sending: sending sent queued queued failed failed sent - - -",
      "sent: - - - - - failed sent - queued -",
      "failed: - - - - - failed sent queued - dropped",
      "dropped: - - - - - dropped sent - - -",
    ]);
  });

  it("have a decision for every pair on the application axis", () => {
    expect(Object.keys(applicationTable.none).join(" ")).toBe(
      "receipt-accepted receipt-rejected deadline resend resend-overdue",
    );
    expect(grid(applicationTable)).toEqual([
      "none: accepted/accepted rejected/rejected - none -",
      "awaiting: accepted/accepted rejected/rejected overdue awaiting -",
      "accepted: accepted/duplicate accepted/error-after-accepted - - -",
      "rejected: rejected/contradiction rejected/duplicate - - -",
      "overdue: accepted/late rejected/late overdue awaiting awaiting",
    ]);
  });

  it("have a decision for every pair of the inbox", () => {
    expect(Object.keys(inboxTable.received).join(" ")).toBe("claim handle retry exhausted quarantine requeue drop");
    expect(grid(inboxTable)).toEqual([
      "received: received handled received quarantined quarantined - -",
      "handled: - - - - - - -",
      "quarantined: - - - - - received dropped",
      "dropped: - - - - - - -",
    ]);
  });

  it("list the states that allow an event in the table's order", () => {
    expect(statesAllowing(transportTable, "report")).toEqual(["queued", "sending", "sent", "failed", "dropped"]);
    expect(statesAllowing(transportTable, "sent")).toEqual(["sending"]);
    expect(statesAllowing(applicationTable, "deadline")).toEqual(["awaiting", "overdue"]);
  });
});

describe("isSettled()", () => {
  it("is true for exactly the pairs from which nothing more is expected", () => {
    const settled: string[] = [];
    for (const transport of ["queued", "sending", "sent", "failed", "dropped"] as const)
      for (const application of ["none", "awaiting", "accepted", "rejected", "overdue"] as const)
        if (isSettled(transport, application)) settled.push(`${transport}/${application}`);
    expect(settled.filter((s) => s.startsWith("failed"))).toHaveLength(5);
    expect(settled.filter((s) => s.startsWith("dropped"))).toHaveLength(5);
    expect(settled.filter((s) => s.startsWith("sent"))).toEqual([
      "sent/none",
      "sent/accepted",
      "sent/rejected",
      "sent/overdue",
    ]);
    expect(settled).not.toContain("queued/none");
    expect(settled).not.toContain("sending/awaiting");
  });
});

describe("renderStateDiagram()", () => {
  it("draws every allowed change, those between the same two states on one line", () => {
    expect(renderStateDiagram("transport")).toBe(
      [
        "stateDiagram-v2",
        "  [*] --> queued",
        "  queued --> sending: claim",
        "  queued --> failed: fail, report",
        "  queued --> sent: receipt",
        "  sending --> sending: claim",
        "  sending --> sent: sent, receipt",
        "  sending --> queued: retry, release",
        "  sending --> failed: fail, report",
        "  sent --> failed: report",
        "  sent --> sent: receipt",
        "  sent --> queued: resend-overdue",
        "  failed --> failed: report",
        "  failed --> sent: receipt",
        "  failed --> queued: resend",
        "  failed --> dropped: drop",
        "  dropped --> dropped: report",
        "  dropped --> sent: receipt",
        "",
      ].join("\n"),
    );
    expect(renderStateDiagram("application")).toContain(
      "  accepted --> accepted: receipt-accepted (duplicate), receipt-rejected (error-after-accepted)\n",
    );
    expect(renderStateDiagram("inbox")).toContain("  quarantined --> received: requeue\n");
  });
});

describe("README", () => {
  const file = new URL("../README.md", import.meta.url);
  /** Between its two marks, everything is rendered from the tables. */
  const marks = ["<!-- generated from src/states.ts and src/receipt-rules.ts -->", "<!-- end -->"] as const;

  it("shows the diagrams and rules of the present tables", () => {
    const text = readFileSync(file, "utf8");
    const [before = "", rest = ""] = text.split(marks[0]);
    const after = rest.slice(rest.indexOf(marks[1]));
    const diagrams = (["transport", "application", "inbox"] as const).map(
      (name) => `\`\`\`mermaid\n${renderStateDiagram(name)}\`\`\`\n`,
    );
    const rendered = `${before}${marks[0]}\n\n${[...diagrams, renderReceiptRules()].join("\n")}\n${after}`;
    if (process.env["HELSEKONTAKT_RECORD"] === "1") writeFileSync(file, rendered);
    expect(readFileSync(file, "utf8")).toBe(rendered);
  });
});
