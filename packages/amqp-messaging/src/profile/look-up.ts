import type { ProfileMessage, ProfileParty, ProfilePart, ProfileRole } from "./profile.ts";

function same(a: string, b: string): boolean {
  return a.toUpperCase() === b.toUpperCase();
}

function roleOf(party: ProfileParty, name: string): ProfileRole | undefined {
  return party.roles.find((role) => same(role.process, name));
}

function messageIn(party: ProfileParty, name: string, direction: "send" | "receive"): ProfileMessage | undefined {
  const role = roleOf(party, name);
  if (role !== undefined) return role[direction][0];
  return party.roles
    .flatMap((other) => other[direction])
    .find((message) => same(message.action, name) || same(message.name, name));
}

/**
 * The message that this party sends in the process `name`; when it has no such process, the first message it sends whose
 * action or name is that. Case does not matter.
 */
export function messageForSender(party: ProfileParty, name: string): ProfileMessage | undefined {
  return messageIn(party, name, "send");
}

/**
 * The message that this party receives in the process `name`, found as by {@link messageForSender}. Ask this of a
 * counterparty before sending to it.
 */
export function messageForReceiver(party: ProfileParty, name: string): ProfileMessage | undefined {
  return messageIn(party, name, "receive");
}

/** The parts of what the party sends in the process. */
export function partsForSend(party: ProfileParty, name: string): readonly ProfilePart[] | undefined {
  return messageForSender(party, name)?.parts;
}

/** The parts of what the party receives in the process. */
export function partsForReceive(party: ProfileParty, name: string): readonly ProfilePart[] | undefined {
  return messageForReceiver(party, name)?.parts;
}

/**
 * The parts of the acknowledgement (AppRec) in the process `name`.
 *
 * @param direction - `send`: of acknowledgements that the party sends; `receive`: of those that it takes.
 * @returns nothing when the party has no such process, or the process has no acknowledgement.
 */
export function partsForAcknowledgement(
  party: ProfileParty,
  name: string,
  direction: "send" | "receive",
): readonly ProfilePart[] | undefined {
  return roleOf(party, name)?.[direction].find(
    (message) => same(message.action, "APPREC") || same(message.name, "APPREC"),
  )?.parts;
}
