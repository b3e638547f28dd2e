// What the quick checks of single types and properties have beside what their definitions say, by `Type` or `Type.property`.

/** Rules of `rules.ts` that run after the generated ones, with the properties that they are given. */
export const hooks: Readonly<Record<string, { readonly call: string; readonly fields: readonly string[] }>> = {
  Bundle: { call: "rules.bundle(o)", fields: [] },
  "Bundle.entry": { call: "rules.bundleEntry(o, c, $0)", fields: ["fullUrl"] },
  Extension: { call: "rules.extension(o, c, $0)", fields: ["url"] },
};

/** The form that most values have, which keeps the rules of the hook: where it is found, the hook need not run. */
export const usual: Readonly<Record<string, string | undefined>> = { "Bundle.entry.fullUrl": "rules.isUuidUrn(x)" };

/** Invariants that values of the usual form keep. */
export const keptByUsual: ReadonlySet<string> = new Set(["fullUrl.contains('/_history/').not()"]);

/** Addresses that are absolute URIs by a rule of `rules.ts`. Those that the profiles name are told by comparison alone. */
export const absolute: ReadonlySet<string> = new Set(["Coding.system", "Identifier.system"]);

/** What the context wants to know of a property. */
export const marks: Readonly<Record<string, string | undefined>> = {
  "Meta.profile": "c.sawProfile = true;",
  // Relative ones are counted, and those that stand right inside an extension taken off again: only these may be.
  "Extension.url": "if (!rules.isAbsolute(x)) c.relative++;",
  "Extension.extension": "c.relative -= rules.relativeIn(x);",
};

/**
 * Invariants about what is inside contained resources, which most resources have nothing of: they run only where more lists of
 * contained resources, or more Metas, were read than the resource has itself.
 */
export const guards: Readonly<Record<string, (meta: string) => string>> = {
  "contained.contained.empty()": () => "c.lists > lists + 1",
  "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()": innerMeta,
  "contained.meta.security.empty()": innerMeta,
};

function innerMeta(meta: string): string {
  return `c.metas > metas + (${meta} === undefined ? 0 : 1)`;
}
