import type { HelsekontaktError } from "@helsekontakt/core";
import { RefusedMessage } from "./failures.ts";
import type { Resolved } from "./messenger.ts";
import type { Party, PartyRegistry } from "./party.ts";

/** Of one sender the registry is asked anew at most this often, whatever arrives in its name. */
const pauseMs = 60_000;
/** Senders remembered; the one that was asked for longest ago is forgotten first. */
const most = 1_000;

const codes: ReadonlySet<HelsekontaktError["code"]> = new Set([
  "protection/signer-unexpected",
  "protection/certificate-invalid",
]);

const asked = new WeakMap<PartyRegistry, Map<string, number>>();

/**
 * @internal A sender whose certificate does not fit may have a new one: the registry is asked anew, once, before its
 * message is refused.
 *
 * @param resolve - looks the sender up.
 * @returns the sender with another certificate than before; undefined when the refusal stands.
 */
export async function renewedSender(
  { registry, clock, logger }: Resolved,
  sender: Party,
  reason: unknown,
  resolve: () => Promise<Party>,
): Promise<Party | undefined> {
  if (!(reason instanceof RefusedMessage) || !codes.has(reason.reason.code)) return undefined;
  const times = asked.get(registry) ?? new Map<string, number>();
  asked.set(registry, times);
  const now = clock.now();
  const last = times.get(sender.herId);
  // A clock that was set back must not keep the registry from being asked.
  if (last !== undefined && now >= last && now - last < pauseMs) return undefined;
  times.delete(sender.herId);
  times.set(sender.herId, now);
  const [oldest] = times.keys();
  if (times.size > most && oldest !== undefined) times.delete(oldest);
  registry.invalidate(sender.herId);
  const renewed = await resolve();
  const before = sender.signatureCertificate;
  const after = renewed.signatureCertificate;
  if (after === undefined || (before !== undefined && before.raw.equals(after.raw))) return undefined;
  logger.info("a sender's certificate has changed", { herId: sender.herId });
  return renewed;
}
