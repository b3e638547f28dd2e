import type { ReceivedMessage } from "../connection/wire-message.ts";
import { fieldText } from "../envelope/values.ts";

/** How often this library has moved a message, decimal. */
export const movedProperty = "X-Helsekontakt-Moved";
/** The queues that it was moved out of, oldest first, percent-encoded, separated by blanks. */
export const movedFromProperty = "X-Helsekontakt-Moved-From";
/** The run that moved it last: that run never takes it again. */
export const movedRunProperty = "X-Helsekontakt-Moved-Run";

const rememberedQueues = 20;

/** @internal */
export function movedCount(message: ReceivedMessage): number {
  const count = Number(fieldText(message.applicationProperties.get(movedProperty)) ?? "0");
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** @internal Anything may stand in a header that others can write: what is no name is left out. */
export function movedFrom(message: ReceivedMessage): readonly string[] {
  const text = fieldText(message.applicationProperties.get(movedFromProperty)) ?? "";
  return text
    .split(" ")
    .slice(-rememberedQueues)
    .flatMap((part) => {
      try {
        return part === "" ? [] : [decodeURIComponent(part)];
      } catch {
        return [];
      }
    });
}

/** @internal */
export function movedInRun(message: ReceivedMessage): string | undefined {
  return fieldText(message.applicationProperties.get(movedRunProperty));
}

/** @internal The marks of one move more. */
export function marks(message: ReceivedMessage, queue: string, run: string): Record<string, string> {
  const from = [...movedFrom(message), queue].slice(-rememberedQueues);
  return {
    [movedProperty]: String(movedCount(message) + 1),
    [movedFromProperty]: from.map((name) => encodeURIComponent(name)).join(" "),
    [movedRunProperty]: run,
  };
}

/** @internal Broker's words on a death: copied, they would tell the next reader of one that is over. */
export function isDeathHeader(name: string): boolean {
  return /^(?:x-death|x-opt-deaths|x-(?:first|last)-death-.*|DeadLetterReason|DeadLetterErrorDescription)$/i.test(name);
}

/** @internal Annotations that a broker sets for one stay in one queue. */
export function isBrokerAnnotation(name: string): boolean {
  return (
    isDeathHeader(name) ||
    /^(?:x-exchange|x-routing-key|x-opt-(?:enqueued-time|enqueue-sequence-number|sequence-number|locked-until|deadletter-source|message-state))$/i.test(
      name,
    )
  );
}
