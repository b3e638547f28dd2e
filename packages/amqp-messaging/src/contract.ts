/**
 * The contract between this library and a broker, as cases that run against any broker: the in-process ones of the
 * tests and the sandbox, and a real RabbitMQ. For tests only; outside semantic versioning.
 */
import { deliveryCases } from "./contract/delivery-cases.ts";
import { faultCases } from "./contract/fault-cases.ts";
import { flowCases } from "./contract/flow-cases.ts";
import type { ContractCase } from "./contract/harness.ts";
import { outcomeCases } from "./contract/outcome-cases.ts";

export type { BrokerQuirks, ContractCase, ContractEnvironment } from "./contract/harness.ts";
export { startTcpProxy, type TcpProxy } from "./contract/proxy.ts";

/** @internal Every case, in the order in which they build on each other. */
export const contractCases: readonly ContractCase[] = [...deliveryCases, ...outcomeCases, ...flowCases, ...faultCases];
