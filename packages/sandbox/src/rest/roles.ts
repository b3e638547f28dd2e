import type { MessageFunction, MessagePart } from "@helsekontakt/amqp-messaging";
import type { ProfileMessage, ProfileRole } from "./profile-document.ts";

const msgHead = "http://www.kith.no/xmlstds/msghead/2006-05-24";

/** The roles that a party of one side has in every asynchronous process of specs/messages.json. */
export function rolesOf(owner: "provider" | "helsenorge", functions: readonly MessageFunction[]): ProfileRole[] {
  const receiptParts =
    functions.find((f) => f.kind === "receipt")?.roles.flatMap((r) => r.sends.flatMap((s) => s.parts)) ?? [];
  return functions.flatMap((f): ProfileRole[] => {
    const { process, roles } = f;
    const own = roles.find((r) => r.party === owner);
    const other = roles.find((r) => r.party !== owner);
    if (process === undefined || own === undefined || other === undefined || f.transport !== "async") return [];
    return [
      {
        process: {
          name: process.name,
          version: process.versions.at(-1) ?? "1.0",
          ...(process.uuid === undefined ? {} : { uuid: process.uuid }),
        },
        role: own.name,
        service: process.service ?? process.name,
        sends: messagesOf(own, f, receiptParts),
        receives: messagesOf(other, f, receiptParts),
      },
    ];
  });
}

function messagesOf(
  role: MessageFunction["roles"][number],
  f: MessageFunction,
  receiptParts: readonly MessagePart[],
): ProfileMessage[] {
  const receipt = receiptParts.find(
    (p) => p.versions === undefined || f.receipt === undefined || p.versions.includes(f.receipt),
  );
  return [
    ...role.sends.map(
      (s): ProfileMessage => ({ action: s.action, namespaces: [msgHead, ...new Set(s.parts.map((p) => p.namespace))] }),
    ),
    ...(role.receipt === undefined || receipt === undefined
      ? []
      : [{ action: role.receipt, namespaces: [receipt.namespace] }]),
  ];
}
