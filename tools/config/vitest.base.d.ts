/** Shared test settings: workspace imports resolve to sources, and a failing test never prints environment values. */
declare const _default: import("vite").UserConfig;
export default _default;
//# sourceMappingURL=vitest.base.d.ts.map