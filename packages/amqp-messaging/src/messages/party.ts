import { Personal } from "@helsekontakt/core";

/** One level of an address: a HER-id and the name that goes with it. */
export interface PartyLevel {
  readonly herId: string;
  readonly name: string;
}

/** A communication party on Helsenorge's two levels: the enterprise, and the service or person in it. */
export interface Party extends PartyLevel {
  /** Nine digits, sent as a further identifier of the enterprise when given. */
  readonly organisationNumber?: string;
  readonly service: PartyLevel;
}

/** The citizen that a message is about. Names and one identifier are mandatory on Helsenorge. */
export interface Patient {
  readonly fnr: Personal | string;
  readonly familyName: Personal | string;
  readonly givenName: Personal | string;
  readonly middleName?: Personal | string;
}

/** The text behind a value that may be wrapped. */
export function reveal(value: Personal | string): string {
  return typeof value === "string" ? value : value.reveal();
}

/** Wraps a personal value so that it cannot be printed by accident. */
export function personal(value: Personal | string): Personal {
  return typeof value === "string" ? new Personal(value) : value;
}

/** A D-number has 4 added to the first digit of a national identity number. */
export function isDNumber(fnr: string): boolean {
  const first = Number(fnr[0]);
  return first >= 4 && first <= 7;
}
