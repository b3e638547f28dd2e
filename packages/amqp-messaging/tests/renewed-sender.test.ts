import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Party, PartyRegistry } from "../src/index.ts";
import { dummy, testParty } from "./_parties.ts";
import { startWorld, type World } from "./_world.ts";

describe("a sender with a new certificate", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.end());

  /** What Bob's cache says of Alice first, and what the registry says of her once it is asked anew. */
  const cached = (before: Party, after: Party): PartyRegistry & { asked: number; forgotten: number } => {
    const registry = {
      asked: 0,
      forgotten: 0,
      resolve(): Promise<Party> {
        registry.asked++;
        return Promise.resolve(registry.forgotten > 0 ? after : before);
      },
      invalidate(): void {
        registry.forgotten++;
      },
    };
    return registry;
  };

  it("is looked up anew before its message is refused", async () => {
    const { alice, bob } = world;
    const renewed = { ...(await testParty(alice.herId)), herId: alice.herId };
    const registry = cached(dummy(alice), dummy(renewed));
    const payloads: Uint8Array[] = [];
    world.messenger(bob, { registry }).receive(`${bob.herId}_async`, (m) => {
      payloads.push(m.payload);
      return Promise.resolve("accept");
    });
    const message = world.outbound();
    await world.messenger(renewed).protectAndSend(message);
    await world.until("the message to be taken", () => payloads.length === 1);
    expect(Buffer.from(payloads[0] ?? []).equals(message.payload)).toBe(true);
    expect(registry.forgotten).toBe(1);
  });

  it("that the registry does not know stays refused, and the registry is asked once for many", async () => {
    const { alice, bob } = world;
    const stranger = { ...(await testParty(alice.herId)), herId: alice.herId };
    const registry = cached(dummy(alice), dummy(alice));
    let taken = 0;
    world.messenger(bob, { registry }).receive(`${bob.herId}_async`, () => {
      taken++;
      return Promise.resolve("accept");
    });
    const reports = world.reports();
    for (let i = 0; i < 5; i++) await world.messenger(stranger).protectAndSend(world.outbound());
    await world.until("five reports", () => reports.length === 5);
    expect([taken, registry.forgotten]).toEqual([0, 1]);
  });
});
