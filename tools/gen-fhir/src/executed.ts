/** An invariant that runs. */
export interface Executed {
  readonly at: string;
  readonly expression: string;
  readonly how: string;
}

/** Notes the first place of an invariant. */
export function note(into: Map<string, Executed>, key: string, at: string, expression: string, how: string): void {
  if (!into.has(key)) into.set(key, { at, expression, how });
}
