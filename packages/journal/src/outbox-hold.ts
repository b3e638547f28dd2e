import { HelsekontaktError } from "@helsekontakt/core";
import { once } from "./compiled.ts";
import { conflict } from "./faults.ts";
import type { OutboxHold } from "./outbox-api.ts";
import type { OutboxClaim } from "./outbox-rows.ts";
import type { Cancellable, Parts } from "./parts.ts";

/** The part of a lease that is not used: what the machines' clocks may differ by, and the way to the socket. */
const margin = 0.1;

/**
 * Keeps a claim. Time is measured by the machine's steady clock and by the wall clock, whichever has gone further: the
 * first goes on while a process is stopped, the second while a machine sleeps.
 *
 * @internal
 */
export function holdClaim(parts: Parts, claim: OutboxClaim, leaseMs: number): OutboxHold {
  const { store } = parts;
  const lost = new AbortController();
  let held: { readonly steady: number; readonly wall: number; readonly ms: number } | undefined;
  let ended = false;
  let running: Promise<void> | undefined;

  async function ask(mustRenew: boolean, { signal }: Cancellable = {}): Promise<void> {
    const before = { steady: performance.now(), wall: Date.now() };
    const now = await parts.now();
    try {
      const [row] = await store.read((db) => holderRow(parts, db, { id: claim.id }), signal);
      const mine = row?.transport === "sending" && row.owner === claim.owner && row.fence === claim.fence;
      const left = mine ? (row.lease_until ?? 0) - now : 0;
      if (!mine) throw lostClaim(claim);
      // Much longer than asked for was given by a clock that has been set back since: others do not go by it.
      if (!mustRenew && left > leaseMs / 2 && left <= leaseMs * 2) {
        held = { ...before, ms: left };
        return;
      }
      const renewed = await store.write(
        (db) =>
          db
            .updateTable("outbox")
            .set({ lease_until: now + leaseMs, changed_at: now })
            .where("id", "=", claim.id)
            .where("transport", "=", "sending")
            .where("owner", "=", claim.owner)
            .where("fence", "=", claim.fence)
            .returning("id")
            .execute(),
        signal,
      );
      if (renewed.length === 0) throw lostClaim(claim);
      held = { ...before, ms: leaseMs };
    } catch (reason) {
      if (reason instanceof HelsekontaktError && reason.code === "journal/conflict") {
        held = undefined;
        lost.abort(reason);
      }
      throw reason;
    }
  }

  const timer = setInterval(
    () => {
      // A store that is away is asked again at the next turn; the lease meanwhile runs out by itself.
      running ??= ask(true)
        .catch(() => {})
        .finally(() => (running = undefined));
    },
    Math.max(10, leaseMs / 3),
  );
  timer.unref();

  return {
    lost: lost.signal,
    confirm: (options) => ask(false, options),
    isHeld() {
      if (ended || held === undefined || lost.signal.aborted) return false;
      const gone = Math.max(performance.now() - held.steady, Date.now() - held.wall);
      return gone < held.ms - leaseMs * margin;
    },
    end() {
      ended = true;
      clearInterval(timer);
    },
  };
}

const holderRow = once((db, v: { readonly id: string }) =>
  db.selectFrom("outbox").select(["transport", "owner", "fence", "lease_until"]).where("id", "=", v.id),
);

function lostClaim(claim: OutboxClaim): HelsekontaktError {
  return conflict("a claim that is still held", "a message that another has taken over or that is done", claim.id);
}
