import { soapEnvelopes, soapServices, writeContract } from "@helsekontakt/amqp-messaging/protocol";
import { parseXml, serializeXml, type XmlElement, XSI } from "@helsekontakt/types/xml";
import type { X509Certificate } from "node:crypto";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import type { SandboxParty } from "../parties.ts";
import { partyLastChanged } from "./registries.ts";

/** What the SOAP services answer from. */
export interface SoapRegistryOptions {
  readonly parties: readonly SandboxParty[];
  /** Host and exchange before the queue name in registered addresses. */
  readonly queueBase: string;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly certificatesOf: (party: SandboxParty) => {
    readonly signing: X509Certificate;
    readonly encryption: X509Certificate;
  };
  readonly subscriptions: EventSubscriptions;
  /** A document by its path in the REST interface. */
  readonly documentAt: (path: string) => Buffer | undefined;
}

/** A subscription as ServiceBusManager keeps it. */
export interface EventSubscription {
  readonly source: string;
  readonly eventName: string;
  readonly userSystemIdent: string;
  readonly queueName: string;
}

/** Subscriptions to registry events; a queue is made after the answer, as NHN's is. */
export class EventSubscriptions {
  readonly #byQueue = new Map<string, EventSubscription>();
  readonly #declare: (queue: string) => void;

  constructor(declare: (queue: string) => void) {
    this.#declare = declare;
  }

  get all(): readonly EventSubscription[] {
    return [...this.#byQueue.values()];
  }

  /** Subscribing again under one name gives the same queue. */
  add(source: string, eventName: string, userSystemIdent: string): EventSubscription {
    const known = this.all.find((s) => s.source === source && s.userSystemIdent === userSystemIdent);
    if (known !== undefined) return known;
    const subscription = { source, eventName, userSystemIdent, queueName: `${source}_${userSystemIdent}_events` };
    this.#byQueue.set(subscription.queueName, subscription);
    setTimeout(() => this.#declare(subscription.queueName), 20).unref();
    return subscription;
  }

  remove(queueName: string): boolean {
    return this.#byQueue.delete(queueName);
  }

  /** Queues that an event goes to. */
  queuesFor(source: string, eventName: string): string[] {
    return this.all
      .filter((s) => s.source === source && (s.eventName === "" || s.eventName === eventName))
      .map((s) => s.queueName);
  }
}

interface Call {
  readonly soap: "1.1" | "1.2";
  readonly namespace: string;
  readonly operation: string;
  readonly values: ReadonlyMap<string, string>;
}

const addresses = (
  ["addressRegistry", "addressRegistryExport", "collaborationRegistry", "serviceBusManager"] as const
).flatMap((name) =>
  Object.entries(soapServices[name].paths).map(([binding, path]) => ({
    name,
    path,
    soap: binding === "basic" ? ("1.1" as const) : ("1.2" as const),
  })),
);

/** Whether a path is one of the SOAP services'. */
export function isSoapPath(pathname: string): boolean {
  return addresses.some(({ path }) => path === pathname);
}

/** The address registry, its export and ServiceBusManager by SOAP, with an OrgUsr's login. */
export function answerSoap(request: SandboxRequest, options: SoapRegistryOptions): SandboxResponse {
  const { username, password } = options.credentials;
  const login = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (request.headers["authorization"] !== login)
    return { status: 401, headers: { "www-authenticate": "Basic" }, body: "" };
  const address = addresses.find(({ path }) => path === request.url.pathname);
  if (address === undefined || request.method !== "POST") return { status: 405 };
  const { namespace, contract } = soapServices[address.name];
  const call = readCall(request, address.soap);
  if (call === undefined || call.namespace !== namespace) return fault(address.soap, "Client", "");
  const action = `${namespace}/${contract}/${call.operation}`;
  const stated = address.soap === "1.1" ? request.headers["soapaction"] : request.headers["content-type"];
  if (stated?.includes(`"${action}"`) !== true) return fault(address.soap, "Client", "ActionMismatch");
  if (address.name === "serviceBusManager") return answerServiceBus(call, options);
  return address.name === "collaborationRegistry" ? answerDocuments(call, options) : answerParties(call, options);
}

function answerParties(call: Call, options: SoapRegistryOptions): SandboxResponse {
  const party = options.parties.find((p) => p.herId === call.values.get("herId"));
  switch (call.operation) {
    case "Ping":
      return result(call, ["pong"]);
    case "GetCommunicationPartyDetails":
      return party === undefined ? unknownHerId(call) : result(call, partyContract(party, options));
    case "GetCertificateDetailsForEncryption":
    case "GetCertificateDetailsForValidatingSignature": {
      if (party === undefined) return unknownHerId(call);
      const { signing, encryption } = options.certificatesOf(party);
      const certificate = call.operation.endsWith("Encryption") ? encryption : signing;
      return result(call, writeContract("CertificateDetails", { Certificate: certificate.raw, LdapUrl: "" }));
    }
    case "SearchById": {
      const id = call.values.get("id");
      const found = options.parties.filter((p) => p.herId === id || p.organisationNumber === id);
      return result(call, listOf(found.map((p) => partyContract(p, options))));
    }
    case "GetChangedCommunicationPartiesInfo": {
      const asked = (call.values.get("herIds") ?? "").split(" ");
      const known = options.parties.filter((p) => asked.includes(p.herId));
      const infos = known.map((p) =>
        writeContract("CommunicationPartyLastChangedInfo", { HerId: Number(p.herId), LastUpdated: partyLastChanged }),
      );
      return result(call, listOf(infos));
    }
    case "GetAllCommunicationPartiesXml": {
      const list = listOf(options.parties.map((p) => partyContract(p, options)));
      return result(call, [Buffer.from(serializeXml(list)).toString("base64")]);
    }
    default:
      return fault(call.soap, "Client", "ActionNotSupported");
  }
}

function answerDocuments(call: Call, { documentAt }: SoapRegistryOptions): SandboxResponse {
  const value = (name: string): string => encodeURIComponent(call.values.get(name) ?? "");
  const isProfile = call.operation === "GetCppXmlForCommunicationParty";
  const path = {
    GetCppXmlForCommunicationParty: `/Profiles/${value("herId")}`,
    GetCpaXml: `/Agreements/${value("cpaId")}`,
    GetCpaForCommunicationPartiesXml: `/Agreements/HerIds/${value("communicationPartAHerId")}/${value("communicationPartBHerId")}`,
  }[call.operation];
  if (path === undefined) return fault(call.soap, "Client", "ActionNotSupported");
  const text = documentAt(path)?.toString();
  if (text === undefined) return generic(call, "NotFound");
  if (isProfile) return result(call, [text]);
  return result(call, writeContract("CpaXmlDetails", { CollaborationProtocolAgreementXml: text, Status: "Active" }));
}

function answerServiceBus(call: Call, { subscriptions }: SoapRegistryOptions): SandboxResponse {
  const value = (name: string): string => call.values.get(name) ?? "";
  switch (call.operation) {
    case "Subscribe": {
      if (value("userSystemIdent") === "" || value("eventSource") === "") return generic(call, "InvalidArgument");
      return result(
        call,
        subscriptionContract(subscriptions.add(value("eventSource"), value("eventName"), value("userSystemIdent"))),
      );
    }
    case "GetSubscriptions":
      return result(call, listOf(subscriptions.all.map(subscriptionContract)));
    case "Unsubscribe":
      return subscriptions.remove(value("queueName")) ? answer(call, []) : generic(call, "UnknownQueue");
    default:
      return fault(call.soap, "Client", "ActionNotSupported");
  }
}

function partyContract(party: SandboxParty, { queueBase }: SoapRegistryOptions): XmlElement {
  const inherited = party.parentHerId !== undefined;
  const address = (code: string, queue: string) => ({
    Address: `${queueBase}/${queue}`,
    Inherited: inherited,
    LastChanged: partyLastChanged,
    TypeCodeValue: code,
  });
  return writeContract("CommunicationParty", {
    Active: party.active,
    DisplayName: party.name,
    ElectronicAddresses: [
      address("E_SB_ASYNC", party.queues.async),
      address("E_SB_SYNC", party.queues.sync),
      address("E_SB_ERROR", party.queues.error),
    ],
    HerId: Number(party.herId),
    IsValidCommunicationParty: party.active,
    LastChanged: partyLastChanged,
    Name: party.name,
    ...(party.parentHerId === undefined ? {} : { ParentHerId: Number(party.parentHerId) }),
    ...(party.parentName === undefined ? {} : { ParentName: party.parentName }),
    ...(inherited ? { ParentOrganizationNumber: Number(party.organisationNumber) } : {}),
    Type: inherited ? "Service" : "Organization",
  });
}

function subscriptionContract({ source, eventName, queueName, userSystemIdent }: EventSubscription): XmlElement {
  return writeContract("EventSubscription", {
    EventName: eventName,
    EventSource: source,
    QueueName: queueName,
    UserSystemIdent: userSystemIdent,
  });
}

function listOf(items: readonly XmlElement[]): XmlElement {
  return { name: "List", ns: soapServices.addressRegistry.namespace, attributes: [], content: items };
}

function readCall(request: SandboxRequest, soap: Call["soap"]): Call | undefined {
  let root: XmlElement;
  try {
    root = parseXml(request.body, { limits: { maxBytes: 1024 * 1024, maxDepth: 32 } });
  } catch {
    return undefined;
  }
  const ns = soapEnvelopes[soap];
  if (root.name !== "Envelope" || root.ns !== ns) return undefined;
  const body = children(root).find((c) => c.name === "Body" && c.ns === ns);
  const [operation] = body === undefined ? [] : children(body);
  if (operation === undefined) return undefined;
  const values = children(operation)
    .filter((p) => p.ns === operation.ns)
    .map((p) => [p.name, [textOf(p), ...children(p).map(textOf)].filter((t) => t !== "").join(" ")] as const);
  return { soap, namespace: operation.ns, operation: operation.name, values: new Map(values) };
}

/** The content of an element, put into the operation's result, which has a name of its own. */
function result(call: Call, value: XmlElement | readonly string[]): SandboxResponse {
  const content = "name" in value ? value.content : value;
  return answer(call, [{ name: `${call.operation}Result`, ns: call.namespace, attributes: [], content }]);
}

function answer(call: Call, content: readonly XmlElement[]): SandboxResponse {
  return envelope(call.soap, 200, { name: `${call.operation}Response`, ns: call.namespace, attributes: [], content });
}

function envelope(soap: Call["soap"], status: number, content: XmlElement): SandboxResponse {
  const ns = soapEnvelopes[soap];
  const body: XmlElement = { name: "Body", ns, attributes: [], content: [content] };
  const bytes = serializeXml(
    { name: "Envelope", ns, attributes: [], content: [body] },
    { prefixes: { [ns]: "s", [XSI]: "i" } },
  );
  const type = soap === "1.1" ? "text/xml" : "application/soap+xml";
  return { status, headers: { "content-type": `${type}; charset=utf-8` }, body: Buffer.from(bytes) };
}

const commonNs = "http://register.nhn.no/Common";

function unknownHerId(call: Call): SandboxResponse {
  return generic(call, "InvalidHerIdSupplied");
}

function generic(call: Call, code: string): SandboxResponse {
  return fault(
    call.soap,
    "Client",
    "",
    writeContract("GenericFault", { ErrorCode: code, Message: "Ugyldig" }, { name: "GenericFault", ns: commonNs }),
  );
}

/** A fault in the words of either version: `Client` is `Sender` in 1.2. */
function fault(soap: Call["soap"], code: "Client" | "Server", subcode: string, detail?: XmlElement): SandboxResponse {
  const ns = soapEnvelopes[soap];
  const el = (name: string, content: XmlElement["content"], at: string = ns): XmlElement => ({
    name,
    ns: at,
    attributes: [],
    content,
  });
  const content =
    soap === "1.1"
      ? [
          el("faultcode", [`s:${subcode === "" ? code : subcode}`], ""),
          el("faultstring", ["Feil"], ""),
          ...(detail === undefined ? [] : [el("detail", [detail], "")]),
        ]
      : [
          el("Code", [
            el("Value", [`s:${code === "Client" ? "Sender" : "Receiver"}`]),
            ...(subcode === "" ? [] : [el("Subcode", [el("Value", [`s:${subcode}`])])]),
          ]),
          el("Reason", [el("Text", ["Feil"])]),
          ...(detail === undefined ? [] : [el("Detail", [detail])]),
        ];
  return envelope(soap, 500, el("Fault", content));
}

function children(element: XmlElement): XmlElement[] {
  return element.content.filter((item) => typeof item !== "string");
}

function textOf(element: XmlElement): string {
  return element.content
    .filter((item) => typeof item === "string")
    .join("")
    .trim();
}
