import { docComment, type GeneratedFile, header, propertyKey, quote, type SpecEntry } from "@helsekontakt/codegen";
import { type MessagesDocument, type Row, readMessagesDocument } from "./document.ts";
import { generateRegistries } from "./generate-registries.ts";

/** Generates every file of the message constants from a `specs/` folder. */
export function generateMessages(specsDir: string): GeneratedFile[] {
  const document = readMessagesDocument(specsDir);
  return [
    { path: "messages.ts", content: messagesModule(document) },
    { path: "transport.ts", content: transportModule(document) },
    { path: "error-conditions.ts", content: errorsModule(document) },
    ...generateRegistries(specsDir),
    { path: "events.ts", content: eventsModule(document) },
  ];
}

function messagesModule({ spec, messages }: MessagesDocument): string {
  return `${header("gen-messages", [spec])}
import type { Code7304 } from "@helsekontakt/types/codes";

${union("MessageFunctionName", "Function of a message: MsgInfo/Type and AMQP subject (Volven 8279).", messages, `${spec.id}#messages`)}
/** One kind of payload: an element in a Document of its own, or a receipt's or fault's root element. */
export interface MessagePart {
  readonly namespace: string;
  /** Local name of the root element; absent where no public source gives it. */
  readonly element?: string;
  readonly min: number;
  /** Absent: no upper limit. */
  readonly max?: number;
  /** Process versions with this part; absent: all. */
  readonly versions?: readonly string[];
}

/** What one role may send. */
export interface MessageAction {
  /** Action name in collaboration profiles. */
  readonly action: string;
  /** Codes that a writer uses in TypeForesp (7601) or TemaKodet (7602, 7603); a reader accepts others. */
  readonly codes?: { readonly list: "7601" | "7602" | "7603"; readonly values: readonly string[] };
  /** Process versions with this action; absent: all. */
  readonly versions?: readonly string[];
  readonly parts: readonly MessagePart[];
}

/** One side of a process. */
export interface MessageRole {
  /** Role name in collaboration profiles. */
  readonly name: string;
  readonly party: "provider" | "helsenorge";
  readonly sends: readonly MessageAction[];
  /** Action name of the receipt that this role sends; absent: it sends none. */
  readonly receipt?: string;
}

/** The process of a message in Adresseregisteret. */
export interface MessageProcess {
  readonly name: string;
  readonly versions: readonly string[];
  readonly uuid?: string;
  readonly service?: string;
  /** Service name in profiles made from the older templates, where the action is the function. */
  readonly templateService?: string;
  /** ISO 8601 duration within which the receipt is expected. */
  readonly timeToPerform?: string;
}

/** What is known about one message function. */
export interface MessageFunction {
  /** Display text (DN) of the function; for people, never to be compared. */
  readonly displayName: string;
  readonly kind: "business" | "receipt" | "fault";
  readonly status: "current" | "deprecated";
  readonly replacedBy?: MessageFunctionName;
  /** Queue type that the message goes to. */
  readonly transport: "async" | "sync" | "error";
  readonly header?: "MsgHead 1.2";
  /** Value of MsgInfo/Ack (Volven 7304). */
  readonly ack?: Code7304;
  /** AppRec version of the receipt. */
  readonly receipt?: "1.0" | "1.1";
  /** True when later messages refer to earlier ones by ConversationRef. */
  readonly threads: boolean;
  readonly process?: MessageProcess;
  readonly roles: readonly MessageRole[];
  /** Role names in profiles made from the older templates. */
  readonly templateRoles?: readonly string[];
  /** Payload of a message without roles. */
  readonly parts?: readonly MessagePart[];
  /** Longest texts that Helsenorge shows; the schemas do not limit them. */
  readonly textLimits?: readonly { readonly element: string; readonly characters: number }[];
  /** What about this entry nobody has confirmed. */
  readonly inferred: readonly string[];
}

${docComment(["Every known message function."], `${spec.id}#messages`)}export const messageFunctions: Readonly<Record<MessageFunctionName, MessageFunction>> = {
${rows(messages, spec, "messages")}};
`;
}

function transportModule({ spec, contentTypes, queueTypes }: MessagesDocument): string {
  return `${header("gen-messages", [spec])}
${docComment(["Values of the AMQP content-type, compared without regard to case."], `${spec.id}#contentTypes`)}export const contentTypes = {
${rows(contentTypes, spec)}} as const;

/** Name of a content type. */
export type ContentTypeName = keyof typeof contentTypes;

${docComment(
  [
    "Queue types of a communication party: code of the address in Adresseregisteret (Volven 9044), naming convention, time to",
    "live. A queue's name is looked up, never built from a HER-id.",
  ],
  `${spec.id}#queueTypes`,
)}export const queueTypes = {
${rows(queueTypes, spec)}} as const;

/** Name of a queue type. */
export type QueueTypeName = keyof typeof queueTypes;
`;
}

function errorsModule({ spec, errorConditions, failures }: MessagesDocument): string {
  return `${header("gen-messages", [spec])}
import type { EventCode } from "./events.ts";

${union("ErrorCondition", "Value of `errorCondition` in a transport error report.", errorConditions, `${spec.id}#errorConditions`)}
/** What is known about one error condition. */
export interface ErrorConditionInfo {
  /** Published text; absent where the specification gives none. */
  readonly description?: string;
  /** What \`errorConditionData\` holds. */
  readonly data: "none" | "empty" | "thumbprint" | "field-names" | "encoding" | "her-ids" | "from-her-id";
  /** The AMQP profile, or the .NET library only. */
  readonly origin: "specification" | "library";
  /** Misspellings that occur. */
  readonly aliases?: readonly string[];
}

${docComment(["Every known error condition. A reader must tolerate others."], `${spec.id}#errorConditions`)}export const errorConditions: Readonly<Record<ErrorCondition, ErrorConditionInfo>> = {
${rows(errorConditions, spec)}};

${union("FailureCause", "Why a received message was refused.", failures, `${spec.id}#failures`)}
/** How one cause is reported. */
export interface FailureReport {
  /** Absent: the cause is not reported to the sender. */
  readonly condition?: ErrorCondition;
  /** Fixed text; absent: the text depends on the case. */
  readonly description?: string;
  /** What \`errorConditionData\` holds, each item followed by \`;\`. */
  readonly data: "none" | "empty" | "certificate" | "field-names" | "expected-received" | "from-her-id" | "encoding";
  /** The event in the .NET library's log, or the nearest one. */
  readonly event: EventCode;
  /** The .NET library's own, or of the AMQP profile only. */
  readonly origin: "library" | "specification";
}

${docComment(["How each cause of a refused message is reported."], `${spec.id}#failures`)}export const failureReports: Readonly<Record<FailureCause, FailureReport>> = {
${rows(failures, spec)}};
`;
}

function eventsModule({ spec, events }: MessagesDocument): string {
  return `${header("gen-messages", [spec])}
${union("EventCode", "Number of an event in the .NET library's log: messaging (MUG) or registries (REG).", events, `${spec.id}#events`)}
${docComment(["What each event means, in our words."], `${spec.id}#events`)}export const eventCodes: Readonly<Record<EventCode, { readonly meaning: string }>> = {
${rows(events, spec)}};
`;
}

function union(name: string, text: string, list: readonly Row[], source: string): string {
  return `${docComment([text], source)}export type ${name} =\n${list.map((r) => `  | ${quote(r.key)}`).join("\n")};\n`;
}

function rows(list: readonly Row[], spec: SpecEntry, pointer?: string): string {
  return list
    .map((r) => {
      const source = pointer === undefined ? undefined : `${spec.id}#${pointer}/${r.key}`;
      return `${docComment(r.notes, source, "  ")}  ${propertyKey(r.key)}: ${literal(r.value, "  ")},\n`;
    })
    .join("");
}

/** A value as TypeScript: short ones on one line, longer ones with a line for each member. */
function literal(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    const items = value.map((v) => literal(v, `${indent}  `));
    const line = `[${items.join(", ")}]`;
    if (!line.includes("\n") && line.length + indent.length <= 100) return line;
    return `[\n${items.map((i) => `${indent}  ${i},\n`).join("")}${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([k, v]) => `${propertyKey(k)}: ${literal(v, `${indent}  `)}`);
    const line = `{ ${members.join(", ")} }`;
    if (members.length === 0) return "{}";
    if (!line.includes("\n") && line.length + indent.length <= 100) return line;
    return `{\n${members.map((m) => `${indent}  ${m},\n`).join("")}${indent}}`;
  }
  return JSON.stringify(value);
}
