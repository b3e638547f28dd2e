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

/** Whether a text is a UUID, as MsgId must be, in upper or lower case. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}
