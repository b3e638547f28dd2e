/** One element's place in a document's text. */
interface Span {
  readonly start: number;
  readonly openEnd: number;
  readonly closeStart: number;
  readonly end: number;
  readonly name: string;
}

/** Finds every element of a well-formed document by its tags; comments, CDATA and instructions are passed over. */
function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  const open: { start: number; openEnd: number; name: string }[] = [];
  const tag =
    /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(\/?)([^\s/>!?]+)((?:"[^"]*"|'[^']*'|[^"'>])*?)(\/?)>/g;
  for (let m = tag.exec(text); m !== null; m = tag.exec(text)) {
    const name = m[2];
    if (name === undefined) continue;
    const end = m.index + m[0].length;
    if (m[1] === "/") {
      const opened = open.pop();
      if (opened !== undefined) spans.push({ ...opened, closeStart: m.index, end });
    } else if (m[4] === "/") spans.push({ start: m.index, openEnd: end, closeStart: end, end, name });
    else open.push({ start: m.index, openEnd: end, name });
  }
  return spans;
}

const values = ["", "x", "1", "2025-1-1", "2025-02-30", "1.2.", " 1.2 ", "%%%", "true", "v1.2 2006-05-24", "a b", "²"];
const xsi = "http://www.w3.org/2001/XMLSchema-instance";
const xs = "http://www.w3.org/2001/XMLSchema";
const types = [
  "mx:string",
  "mx:token",
  "mx:date",
  "mx:anyType",
  "mx:constructor",
  "CV",
  "Nope",
  "mx:gYear",
  "un:bound",
];
const names = ["V", "S", "DN", "OT", "U", "Id", "Algorithm", "Ukjent", "NULL"];

/** One small, random fault in a document: the result is well-formed, valid or not. */
export function mutate(text: string, random: (n: number) => number): string {
  const spans = spansOf(text);
  const span = spans[random(spans.length)] as Span;
  const open = text.slice(span.start, span.openEnd);
  const whole = text.slice(span.start, span.end);
  const value = values[random(values.length)] as string;
  const put = (replacement: string) => text.slice(0, span.start) + replacement + text.slice(span.end);
  const rest = text.slice(span.openEnd, span.end);
  switch (random(12)) {
    case 0:
      return span.start === Math.min(...spans.map((s) => s.start)) ? text : put("");
    case 1:
      return put(span.end === text.trimEnd().length ? whole : whole + whole);
    case 2: {
      const next = spans.find((s) => s.start >= span.end && text.slice(span.end, s.start).trim() === "");
      if (next === undefined) return text;
      return `${text.slice(0, span.start)}${text.slice(next.start, next.end)}${whole}${text.slice(next.end)}`;
    }
    case 3: {
      const close = span.closeStart === span.end ? "" : `</${span.name}X>`;
      return put(
        `<${span.name}X${open.slice(1 + span.name.length)}${text.slice(span.openEnd, span.closeStart)}${close}`,
      );
    }
    case 4:
      return span.closeStart === span.end ? text : put(`${open}${value}</${span.name}>`);
    case 5:
      return put(open.replace(/(\s(?!xmlns)[\w:]+=)("[^"]*"|'[^']*')/, `$1"${value}"`) + rest);
    case 6:
      return put(open.replace(/\s(?!xmlns)[\w:]+=("[^"]*"|'[^']*')/, "") + rest);
    case 7: {
      const name = names[random(names.length)] as string;
      if (new RegExp(`\\s${name}=`).test(open)) return text;
      return put(`<${span.name} ${name}="${value}"${open.slice(1 + span.name.length)}${rest}`);
    }
    case 8:
      return / xmlns=/.test(open)
        ? put(open.replace(/ xmlns="[^"]*"/, ' xmlns="urn:example:other"') + rest)
        : put(`<${span.name} xmlns="urn:example:other"${open.slice(1 + span.name.length)}${rest}`);
    case 9: {
      const type = types[random(types.length)] as string;
      const bound = `xmlns:xsi="${xsi}" xmlns:mx="${xs}" xsi:type="${type}"`;
      if (/\sxsi:type=|\sxmlns:(?:xsi|mx)=/.test(open)) return text;
      return put(`<${span.name} ${bound}${open.slice(1 + span.name.length)}${rest}`);
    }
    case 10: {
      // Cut off behind one of the element's children, or within its text.
      if (span.closeStart === span.end) return text;
      const inner = spans.filter((s) => s.start >= span.openEnd && s.end <= span.closeStart);
      const end = inner.length === 0 ? span.openEnd : (inner[random(inner.length)] as Span).end;
      const nested = inner.some((s) => s.start < end && s.end > end);
      return nested ? text : text.slice(0, end) + text.slice(span.closeStart);
    }
    default:
      return span.closeStart === span.end ? text : put(`${open}tekst${text.slice(span.openEnd, span.end)}`);
  }
}
