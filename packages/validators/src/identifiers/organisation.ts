/**
 * Whether a text is a HER-id: a plain positive number. An organisation number or a person number has the same shape but
 * more digits, so nine and more are refused; known HER-ids have up to seven.
 */
export function isHerId(text: string): boolean {
  return /^[1-9]\d{0,7}$/.test(text);
}

const weights = [3, 2, 7, 6, 5, 4, 3, 2];

/**
 * Whether a text is an organisation number: nine digits, the last a control digit modulo 11.
 *
 * Synthetic numbers of Tenor use the same rule.
 */
export function isOrganisationNumber(text: string): boolean {
  if (!/^\d{9}$/.test(text)) return false;
  const sum = weights.reduce((total, w, i) => total + w * Number(text[i]), 0);
  const control = (11 - (sum % 11)) % 11;
  return control !== 10 && control === Number(text[8]);
}

/** Whether a text is an HPR number: one to nine digits, without leading zero. */
export function isHprNumber(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text);
}

/** What an organisation number says about itself. */
export interface OrganisationNumber {
  /**
   * `register`: begins with 8 or 9, as those of Enhetsregisteret do. `synthetic`: begins with 2 or 3, as those of Tenor do
   * (inferred from the published test data). `other`: no known series.
   */
  readonly series: "register" | "synthetic" | "other";
  readonly checksum: "valid" | "invalid";
}

/** Reads nine digits as an organisation number; `undefined` for other text. Use {@link isOrganisationNumber} for a strict answer. */
export function safeParseOrganisationNumber(text: string): OrganisationNumber | undefined {
  if (!/^\d{9}$/.test(text)) return undefined;
  const series = /^[89]/.test(text) ? "register" : /^[23]/.test(text) ? "synthetic" : "other";
  return { series, checksum: isOrganisationNumber(text) ? "valid" : "invalid" };
}

/** Whether a text has the form of a DUF number, that of the immigration authorities: twelve digits, the first four a year. */
export function isDufNumber(text: string): boolean {
  return /^(?:19|20)\d{10}$/.test(text);
}

/** Whether a text is a RESH id, the key of a unit in specialist care: a plain positive number. */
export function isReshId(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text);
}
