import type {
  ContentModel,
  ElementRule,
  ElementRuleRegistry,
  SimpleRule,
  TypeRule,
  WildcardRule,
} from "@helsekontakt/validators/xml";

const xsi = "http://www.w3.org/2001/XMLSchema-instance";

const values: Readonly<Record<string, readonly string[]>> = {
  boolean: ["true", "0"],
  decimal: ["1.50", "-2"],
  float: ["1.5E3"],
  double: ["INF", "2"],
  duration: ["P1DT2H"],
  dateTime: ["2025-11-03T08:15:30Z", "2025-11-03T08:15:30.1+01:00"],
  time: ["08:15:30"],
  date: ["2025-11-03", "2025-11-03Z"],
  gYearMonth: ["2025-11"],
  gYear: ["2025"],
  gMonthDay: ["--11-03"],
  gDay: ["---03"],
  gMonth: ["--11"],
  hexBinary: ["0aFF"],
  base64Binary: ["aGVp"],
  anyURI: ["tel:12345678"],
  language: ["nb"],
};
const integers = ["1", "2", "11", "0", "1234", "2025"];
const texts = ["tekst", "A", "12.3", "1", "2025", "no", "12345678901", "1234", "PT15M", "+01:00", "true", "aa"];

/**
 * Makes documents at random from validation rules, by walks through their automata: most are valid, all are well-formed.
 *
 * @param random - a number below `n`.
 * @returns a function of an element's Clark name; with `simpleXsiType` elements with text may name a derived type.
 */
export function createRuleInstanceMaker(
  rules: ElementRuleRegistry,
  random: (n: number) => number,
): {
  (name: string, options?: { readonly simpleXsiType?: boolean }): string;
  /** An element of a rule that need not be a global one. */
  element(rule: ElementRule): string;
} {
  let simpleXsiType = false;
  const names = Object.keys(rules).filter((name) => rules[name]?.abstract !== true);
  let ids = 0;

  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

  function simple(rule: SimpleRule): string {
    if (rule.enumeration) return pick(rule.enumeration);
    if (rule.union) return simple(pick(rule.union)());
    if (rule.list) return [rule.list, rule.list].map((item) => simple(item())).join(" ");
    if (rule.base === "ID") return `id-${++ids}`;
    const known = values[rule.base] ?? (/nteger|long|int|short|byte|unsigned/i.test(rule.base) ? integers : texts);
    const fits = known.filter(
      (v) =>
        (rule.patterns ?? []).every((p) => new RegExp(p, "u").test(v)) &&
        (rule.length === undefined || v.length === rule.length) &&
        v.length >= (rule.minLength ?? 0) &&
        v.length <= (rule.maxLength ?? v.length),
    );
    return pick(fits.length > 0 ? fits : known);
  }

  function wildcard(rule: WildcardRule, depth: number): string {
    const fits = names.filter((name) => {
      const ns = name.replace(/^\{|\}.*$/g, "");
      if (rule.namespaces === "##any") return true;
      if ("not" in rule.namespaces) return ns !== rule.namespaces.not;
      return rule.namespaces.includes(ns);
    });
    if (fits.length === 0 || depth > 4) return rule.process === "strict" ? "" : '<x xmlns="urn:free">1</x>';
    return element(rules[pick(fits)] as ElementRule, depth + 1);
  }

  function children(model: ContentModel, depth: number): string {
    let out = "";
    if (model.all !== undefined) {
      const { members, needed } = model.all;
      const there = members.filter((_, i) => (needed & (1 << i)) !== 0 || random(2) === 0);
      for (const particles of there.sort(() => random(3) - 1))
        out += element(model.particles[pick(particles)] as ElementRule, depth + 1);
      return out;
    }
    const far = distances(model);
    let state = 0;
    for (let steps = 0; steps < 60; steps++) {
      const { final, next } = model.states[state] as ContentModel["states"][number];
      if (next.length === 0 || (final && (depth > 6 || random(4) === 0))) break;
      const hurry = depth > 6 || steps > 30;
      const nearest = [...next].sort((a, b) => (far[a[1]] as number) - (far[b[1]] as number))[0];
      const [particle, to] = (hurry ? nearest : pick(next)) as readonly [number, number];
      const rule = model.particles[particle] as ElementRule | WildcardRule;
      out += "process" in rule ? wildcard(rule, depth) : element(rule, depth + 1);
      state = to;
    }
    return out;
  }

  function element(rule: ElementRule, depth: number): string {
    const declared = rule.type();
    const derived = Object.entries(declared.derived?.() ?? {}).filter(([, type]) => !type().abstract);
    const free = declared.content.kind !== "simple" || simpleXsiType;
    const other = derived.length > 0 && (declared.abstract || (free && random(3) === 0)) ? pick(derived) : undefined;
    const type: TypeRule = other ? other[1]() : declared;
    const [, ns, local] = /^(?:\{(.*)\})?(.*)$/.exec(rule.name) as unknown as [string, string | undefined, string];
    const attributes = [`xmlns="${ns ?? ""}"`];
    if (other) {
      const [, typeNs, typeName] = /^(?:\{(.*)\})?(.*)$/.exec(other[0]) as unknown as [string, string, string];
      attributes.push(`xmlns:xsi="${xsi}" xmlns:t="${typeNs}" xsi:type="t:${typeName}"`);
    }
    type.attributes.forEach((a, i) => {
      if (!a.required && random(2) === 0) return;
      const [, attributeNs, name] = /^(?:\{(.*)\})?(.*)$/.exec(a.name) as unknown as [
        string,
        string | undefined,
        string,
      ];
      const value = escape(a.fixed ?? simple(a.type()));
      const prefix = attributeNs === "http://www.w3.org/XML/1998/namespace" ? "xml" : `a${i}`;
      if (attributeNs === undefined) attributes.push(`${name}="${value}"`);
      else
        attributes.push(`${prefix === "xml" ? "" : `xmlns:${prefix}="${attributeNs}" `}${prefix}:${name}="${value}"`);
    });
    const { content } = type;
    let body = "";
    if (content.kind === "simple") body = escape(rule.fixed ?? simple(content.type()));
    else if (content.kind === "elements") body = `${content.mixed ? "fri " : ""}${children(content.model, depth)}`;
    else if (content.kind === "any") body = "fri tekst";
    return `<${local} ${attributes.join(" ")}\n>${body}</${local}>`;
  }

  const make = (name: string, options?: { readonly simpleXsiType?: boolean }): string => {
    simpleXsiType = options?.simpleXsiType ?? false;
    return element(rules[name] as ElementRule, 0);
  };
  return Object.assign(make, {
    element: (rule: ElementRule) => {
      simpleXsiType = false;
      // Not too deep: it is put into a document that is there already.
      return element(rule, 5);
    },
  });
}

/** For each state, the number of steps to the nearest end. */
function distances(model: ContentModel): number[] {
  const out = model.states.map((s) => (s.final ? 0 : Number.POSITIVE_INFINITY));
  for (let i = 0; i < out.length; i++)
    model.states.forEach((s, at) => {
      for (const [, to] of s.next) out[at] = Math.min(out[at] as number, (out[to] as number) + 1);
    });
  return out;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
