import rhea, { type Session } from "rhea";
import { describe, expect, it } from "vitest";
import { prepareSession } from "./deliveries.ts";

interface Buffered {
  readonly size: number;
  push(delivery: object): void;
  pop_if(done: (delivery: { id: number; settled: boolean }) => boolean): number;
  available(): number;
  by_id(id: number): object | undefined;
}
interface Inner {
  readonly incoming: { deliveries: Buffered };
  readonly outgoing: { deliveries: Buffered; updated: unknown[] };
  on_disposition(frame: object): void;
}

function session(): Inner {
  const connection = rhea.create_container().create_connection({ reconnect: false } as never);
  const created: Session = connection.create_session();
  prepareSession(created);
  return created as unknown as Inner;
}

describe("prepareSession()", () => {
  it("lets a delivery that is not settled hold up no other", () => {
    const { deliveries } = session().incoming;
    for (let id = 0; id < 100_000; id++) {
      deliveries.push({ id, settled: id !== 0 });
      deliveries.pop_if((d) => d.settled);
    }
    expect(deliveries.by_id(0)).toBeDefined();
    expect(deliveries.available()).toBeGreaterThan(1_900);
  });
  it("does as much for a disposition as there is unsettled, not as the peer claims", () => {
    const inner = session();
    const deliveries = [7, 8, 9].map((id) => ({ id, settled: false, remote_settled: false }));
    for (const delivery of deliveries) inner.outgoing.deliveries.push(delivery);
    inner.on_disposition({ performative: { role: true, first: 0, last: 0xffff_ffff, settled: true } });
    expect(deliveries.map((d) => d.remote_settled)).toEqual([true, true, true]);
    // These have no link to be told to.
    inner.outgoing.updated.length = 0;
    inner.on_disposition({ performative: { role: false, first: 0, last: 0xffff_ffff, settled: true } });
  });
});
