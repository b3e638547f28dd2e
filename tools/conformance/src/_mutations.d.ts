/** One small, random fault in a document: the result is well-formed, valid or not. */
export declare function mutate(text: string, random: (n: number) => number): string;
//# sourceMappingURL=_mutations.d.ts.map
