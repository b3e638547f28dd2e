// Over 400 lines: the table of constructs, one after the other.

/** A schema of one construct, in the namespace `urn:t` under the prefix `t`, and documents that try its corners. */
export interface Construct {
  readonly schema: string;
  /** Valid ones and others; namespaces are added to the root. */
  readonly documents: readonly string[];
}

const type = (body: string, name = "T"): string => `<xs:complexType name="${name}">${body}</xs:complexType>`;
const root = (body: string): string => `<xs:element name="r"><xs:complexType>${body}</xs:complexType></xs:element>`;
const element = (name: string, kind = "xs:string", more = ""): string =>
  `<xs:element name="${name}" type="${kind}" ${more}/>`;
const restriction = (name: string, base: string, facets: string): string =>
  `<xs:simpleType name="${name}"><xs:restriction base="${base}">${facets}</xs:restriction></xs:simpleType>`;
const sequence = (body: string, more = ""): string => `<xs:sequence ${more}>${body}</xs:sequence>`;

/** Types of key fields, and pairs of texts: of some the same value, of others two. */
const identityTypes = [
  ["xs:date", "2020-01-01Z,2020-01-01+00:00|2020-01-01,2020-01-01Z|2020-01-01+13:00,2019-12-31-11:00"],
  [
    "xs:dateTime",
    "2020-01-01T00:00:00Z,2020-01-01T01:00:00+01:00|2020-01-01T00:00:00.0,2020-01-01T00:00:00|2020-01-01T00:00:00.10,2020-01-01T00:00:00.1|2020-01-01T00:00:00.1,2020-01-01T00:00:00.01",
  ],
  ["xs:gYear", "2000Z,2000+00:00|2000,2000Z"],
  ["xs:duration", "P1Y,P12M|P1D,PT24H|PT0S,-PT0S|P1M,P30D|PT1.0S,PT1S|P1Y,-P1Y|PT0.5S,-PT0.50S"],
  ["xs:hexBinary", "ab,AB|ab,ac"],
  ["xs:base64Binary", "YWJj,YW Jj|YWJj,YWJk"],
  ["xs:float", "1,1.0|NaN,NaN|INF,-INF|16777216,16777217|1e2,100"],
  ["xs:double", "1,1.0|16777216,16777217"],
  ["xs:boolean", "1,true|0,true"],
  ["xs:decimal", "1.0,01|10,1|-1,1"],
  ["xs:QName", "p:x,q:x|x,p:x|o:x,p:x|o:x,p:y"],
  ["t:L", "1 2,1.0 02|1 2,12"],
  ["t:U", "1,01|2020-01-01Z,2020-01-01+00:00|a, a |a,b"],
  ["xs:anyURI", "a, a |a,A"],
] as const;

/** Wildcards for attributes of a base and of its extension. */
const extendedWildcards = [
  ["urn:x", "urn:y ##targetNamespace"],
  ["##other", "##targetNamespace"],
  ["##other", "##local ##targetNamespace"],
  ["##other", "##any"],
  ["##other", "urn:y"],
  ["urn:x", "urn:x ##local"],
] as const;

export const constructs: Readonly<Record<string, Construct>> = {
  "simple-facets": {
    schema:
      restriction("Len", "xs:string", '<xs:minLength value="2"/><xs:maxLength value="4"/>') +
      restriction(
        "Num",
        "xs:decimal",
        '<xs:totalDigits value="4"/><xs:fractionDigits value="2"/><xs:minInclusive value="-5.5"/><xs:maxExclusive value="99"/>',
      ) +
      restriction("Code", "xs:token", '<xs:enumeration value="a"/><xs:enumeration value="b c"/>') +
      restriction("Pat", "xs:string", '<xs:pattern value="[A-Z]{2}\\d?"/><xs:pattern value="x+"/>') +
      restriction("Pat2", "t:Pat", '<xs:pattern value=".{2,3}"/>') +
      root(sequence(element("a", "t:Len") + element("b", "t:Num") + element("c", "t:Code") + element("d", "t:Pat2"))),
    documents: ["<r><a>ab</a><b>98.99</b><c> b  c </c><d>xx</d></r>"],
  },
  "white-space": {
    schema:
      restriction("Rep", "xs:string", '<xs:whiteSpace value="replace"/><xs:maxLength value="3"/>') +
      restriction("Col", "xs:normalizedString", '<xs:whiteSpace value="collapse"/><xs:length value="3"/>') +
      root(sequence(element("a", "t:Rep") + element("b", "t:Col") + element("c", "xs:normalizedString"))),
    documents: ["<r><a>a\tb</a><b> a  b\n</b><c> </c></r>"],
  },
  "lists-and-unions": {
    schema:
      '<xs:simpleType name="L"><xs:list itemType="xs:int"/></xs:simpleType>' +
      restriction("L2", "t:L", '<xs:maxLength value="3"/>') +
      '<xs:simpleType name="U"><xs:union memberTypes="xs:int xs:date"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="x"/></xs:restriction></xs:simpleType></xs:union></xs:simpleType>' +
      root(
        sequence(`${element("a", "t:L2")}${element("b", "t:U", 'maxOccurs="3"')}`) +
          '<xs:attribute name="n" type="xs:NMTOKENS"/>',
      ),
    documents: ['<r n="a b"><a>1 2 3</a><b>2025-01-01</b><b>x</b></r>'],
  },
  nillable: {
    schema:
      type(sequence(element("x")) + '<xs:attribute name="k" use="required"/>') +
      root(sequence(element("a", "xs:int", 'nillable="true"') + element("b", "t:T", 'nillable="true" minOccurs="0"'))),
    documents: [
      '<r><a xsi:nil="true"/><b k="1" xsi:nil="true"/></r>',
      '<r><a>1</a><b k="1" xsi:nil="false"><x/></b></r>',
    ],
  },
  "fixed-and-default": {
    schema: root(
      sequence(
        element("a", "xs:string", 'fixed="v"') +
          element("b", "xs:int", 'default="3" minOccurs="0"') +
          element("c", "xs:decimal", 'fixed="1.0" minOccurs="0"'),
      ) + '<xs:attribute name="f" type="xs:token" fixed="z"/><xs:attribute name="d" type="xs:int" default="1"/>',
    ),
    documents: ['<r f="z"><a/><b/><c>1.0</c></r>'],
  },
  "all-group": {
    schema: root(`<xs:all>${element("a")}${element("b", "xs:int", 'minOccurs="0"')}${element("c")}</xs:all>`),
    documents: ["<r><c/><a/></r>", "<r><b>1</b><a/><c/></r>"],
  },
  "large-all-group": {
    schema:
      element("h") +
      element("m", "xs:token", 'substitutionGroup="t:h"') +
      root(
        `<xs:all minOccurs="0">${Array.from({ length: 14 }, (_, n) => element(`e${n}`, n % 2 === 0 ? "xs:int" : "xs:string", n % 3 === 0 ? "" : 'minOccurs="0"')).join("")}<xs:element ref="t:h" minOccurs="0"/></xs:all>`,
      ),
    documents: [
      "<r><e12>1</e12><e9/><e0>1</e0><e3/><e6>1</e6></r>",
      "<r><m>x</m><e0>1</e0><e3/><e6>1</e6><e9/><e12>1</e12><e13/></r>",
      "<r/>",
      "<r><h/></r>",
      "<r><e0>1</e0><e3/><e6>1</e6><e9/><e12>1</e12><e0>1</e0></r>",
      "<r><e0>1</e0><e3/><e6>1</e6><e9/><e12>1</e12><h/><m>x</m></r>",
    ],
  },
  choices: {
    schema: root(
      `<xs:choice maxOccurs="2">${element("a")}${sequence(element("b") + element("c", "xs:string", 'minOccurs="0"'))}</xs:choice>`,
    ),
    documents: ["<r><a/><b/></r>", "<r><b/><c/><b/></r>"],
  },
  "repeating-group": {
    schema: root(sequence(element("a") + element("b", "xs:int", 'minOccurs="0"'), 'minOccurs="2" maxOccurs="4"')),
    documents: ["<r><a/><a/><b>1</b></r>"],
  },
  "one-element-twice": {
    schema: root(sequence(element("a") + element("b", "xs:string", 'minOccurs="0"') + element("a"))),
    documents: ["<r><a/><b/><a/></r>"],
  },
  "many-occurrences": {
    schema: root(
      sequence(element("a", "xs:int", 'minOccurs="3" maxOccurs="300"') + element("b", "xs:string", 'minOccurs="0"')),
    ),
    documents: [`<r>${"<a>1</a>".repeat(300)}<b/></r>`, `<r>${"<a>1</a>".repeat(301)}</r>`, "<r><a>1</a></r>"],
  },
  extension: {
    schema:
      type(sequence(element("a")) + '<xs:attribute name="k"/>', "Base") +
      `<xs:complexType name="More"><xs:complexContent><xs:extension base="t:Base">${sequence(element("b"))}<xs:attribute name="m" use="required"/></xs:extension></xs:complexContent></xs:complexType>` +
      `<xs:complexType name="Less"><xs:complexContent><xs:restriction base="t:Base">${sequence(element("a"))}<xs:attribute name="k" use="prohibited"/></xs:restriction></xs:complexContent></xs:complexType>` +
      root(sequence(element("x", "t:Base", 'maxOccurs="3"'))),
    documents: [
      '<r xmlns:t="urn:t"><x k="1"><a/></x><x xsi:type="t:More" m=""><a/><b/></x><x xsi:type="t:Less"><a/></x></r>',
    ],
  },
  "abstract-type": {
    schema:
      '<xs:complexType name="A" abstract="true"/>' +
      `<xs:complexType name="B"><xs:complexContent><xs:extension base="t:A">${sequence(element("v"))}</xs:extension></xs:complexContent></xs:complexType>` +
      root(sequence(element("x", "t:A"))),
    documents: ['<r xmlns:t="urn:t"><x xsi:type="t:B"><v/></x></r>', "<r><x/></r>"],
  },
  "simple-content": {
    schema:
      restriction("S", "xs:decimal", '<xs:maxInclusive value="10"/>') +
      '<xs:complexType name="M"><xs:simpleContent><xs:extension base="t:S"><xs:attribute name="u" type="xs:token" use="required"/></xs:extension></xs:simpleContent></xs:complexType>' +
      '<xs:complexType name="N"><xs:simpleContent><xs:restriction base="t:M"><xs:minInclusive value="2"/></xs:restriction></xs:simpleContent></xs:complexType>' +
      root(sequence(element("a", "t:M") + element("b", "t:N"))),
    documents: ['<r><a u="x">1</a><b u="y">2.0</b></r>'],
  },
  "substitution-group": {
    schema:
      `${element("h", "xs:string", 'abstract="true"')}${element("m", "xs:token", 'substitutionGroup="t:h"')}${element("n", "xs:string", 'substitutionGroup="t:m"').replace("xs:string", "xs:NMTOKEN")}` +
      root(sequence('<xs:element ref="t:h" maxOccurs="3"/>')),
    documents: ["<r><m>a</m><n>b</n></r>", "<r><h/></r>"],
  },
  "blocked-derivation": {
    schema:
      type(sequence(element("a")), "Base").replace(">", ' block="restriction">') +
      `<xs:complexType name="More"><xs:complexContent><xs:extension base="t:Base">${sequence(element("b", "xs:string", 'minOccurs="0"'))}</xs:extension></xs:complexContent></xs:complexType>` +
      `<xs:complexType name="Less"><xs:complexContent><xs:restriction base="t:Base">${sequence(element("a", "xs:string"))}</xs:restriction></xs:complexContent></xs:complexType>` +
      `<xs:complexType name="Least"><xs:complexContent><xs:restriction base="t:More">${sequence(element("a"))}</xs:restriction></xs:complexContent></xs:complexType>` +
      restriction("Short", "xs:string", '<xs:maxLength value="2"/>') +
      root(
        sequence(
          element("x", "t:Base") +
            element("y", "t:Base", 'block="extension" minOccurs="0"') +
            element("z", "t:Base", 'block="#all" minOccurs="0"') +
            element("s", "xs:string", 'minOccurs="0"') +
            element("u", "xs:string", 'block="restriction" minOccurs="0"'),
        ),
      ),
    documents: [
      '<r xmlns:t="urn:t"><x xsi:type="t:More"><a/><b/></x></r>',
      '<r xmlns:t="urn:t"><x xsi:type="t:Less"><a/></x></r>',
      '<r xmlns:t="urn:t"><x xsi:type="t:Least"><a/></x></r>',
      '<r xmlns:t="urn:t"><x><a/></x><y xsi:type="t:More"><a/></y></r>',
      '<r xmlns:t="urn:t"><x><a/></x><y xsi:type="t:Base"><a/></y><z xsi:type="t:More"><a/></z></r>',
      '<r xmlns:t="urn:t"><x><a/></x><s>ab</s><u>ab</u></r>',
      '<r xmlns:t="urn:t"><x><a/></x><u xsi:type="t:Short">ab</u></r>',
    ],
  },
  "blocked-substitution": {
    schema:
      type(sequence(element("a")), "Base") +
      `<xs:complexType name="More"><xs:complexContent><xs:extension base="t:Base">${sequence(element("b", "xs:string", 'minOccurs="0"'))}</xs:extension></xs:complexContent></xs:complexType>` +
      `<xs:complexType name="Less"><xs:complexContent><xs:restriction base="t:Base">${sequence(element("a"))}</xs:restriction></xs:complexContent></xs:complexType>` +
      element("h", "t:Base", 'block="extension"') +
      element("m", "t:More", 'substitutionGroup="t:h"') +
      element("l", "t:Less", 'substitutionGroup="t:h"') +
      element("k", "t:Base", 'block="substitution"') +
      element("n", "t:Base", 'substitutionGroup="t:k"') +
      root(sequence('<xs:element ref="t:h"/><xs:element ref="t:k" minOccurs="0"/>')),
    documents: [
      "<r><h><a/></h><k><a/></k></r>",
      "<r><l><a/></l></r>",
      "<r><m><a/></m></r>",
      "<r><h><a/></h><n><a/></n></r>",
    ],
  },
  mixed: {
    schema: `<xs:element name="r"><xs:complexType mixed="true">${sequence(element("a", "xs:int", 'minOccurs="0" maxOccurs="2"'))}</xs:complexType></xs:element>`,
    documents: ["<r>x<a>1</a>y<a>2</a>z</r>"],
  },
  wildcards: {
    schema:
      element("known", "xs:int") +
      root(
        sequence(
          element("a") +
            '<xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="2"/>' +
            element("c") +
            '<xs:any namespace="##targetNamespace" processContents="strict" minOccurs="0"/><xs:any namespace="##local" processContents="skip" minOccurs="0"/>',
        ) + '<xs:anyAttribute namespace="##other" processContents="lax"/>',
      ),
    documents: [
      '<r xmlns:o="urn:o" o:x="1"><a/><o:p><known>1</known></o:p><c/><known>1</known><q xmlns=""><known>x</known></q></r>',
    ],
  },
  "attribute-wildcards": {
    schema: `<xs:attribute name="n" type="xs:int"/><xs:attribute name="f" type="xs:token" fixed="v"/>${["strict", "lax", "skip"].map((p) => `<xs:element name="${p}"><xs:complexType>${sequence('<xs:any namespace="##local" processContents="lax" minOccurs="0"/>')}<xs:anyAttribute processContents="${p}"/></xs:complexType></xs:element>`).join("")}${element("free", "xs:anyType")}${root('<xs:anyAttribute namespace="##targetNamespace ##local" processContents="lax"/>')}`,
    documents: ["strict", "lax", "skip", "free", "r"].flatMap((name) =>
      ['t:n="1"', 't:n="x"', 't:m="1"', 'm="1"', 'xml:lang="nb"', 't:f="v"', 'o:x="" xmlns:o="urn:o"']
        .map((a) => `<${name} ${a} xmlns:t="urn:t"/>`)
        .concat(name === "r" ? [] : `<${name} xmlns:t="urn:t"><x xmlns="" t:n="x"><y t:n="1"/></x></${name}>`),
    ),
  },
  values: {
    schema: (
      [
        ["duration", "maxInclusive", "P1M"],
        ["duration", "minExclusive", "P1Y2M"],
        ["duration", "enumeration", "P1Y"],
        ["hexBinary", "enumeration", "aB"],
        ["base64Binary", "enumeration", "YQ=="],
        ["date", "enumeration", "2020-01-01Z"],
        ["double", "maxInclusive", "INF"],
        ["gYear", "minInclusive", "2000"],
        ["dateTime", "maxExclusive", "2020-01-01T00:00:00Z"],
      ] as const
    )
      .map(([base, facet, value], n) =>
        element(`e${n}`, `t:T${n}`).concat(restriction(`T${n}`, `xs:${base}`, `<xs:${facet} value="${value}"/>`)),
      )
      .concat(
        '<xs:simpleType name="I"><xs:list itemType="xs:int"/></xs:simpleType>',
        '<xs:simpleType name="U"><xs:union memberTypes="t:I xs:duration xs:gYearMonth"/></xs:simpleType>',
        restriction("L", "t:I", '<xs:enumeration value="1 2"/>'),
        restriction(
          "V",
          "t:U",
          '<xs:enumeration value="1 2"/><xs:enumeration value="P1Y"/><xs:pattern value="\\S+.*"/>',
        ),
        element("l", "t:L"),
        element("u", "t:V"),
        '<xs:element name="m" fixed="v"><xs:complexType mixed="true"><xs:sequence><xs:element name="x" type="xs:int" maxOccurs="0" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>',
      )
      .join(""),
    documents: (
      [
        ["e0", "P30D P28D P29D P1M P2M PT672H PT673H -P1Y PT0S"],
        ["e1", "P14M P425D P426D P427D P1Y2MT1S P2Y"],
        ["e2", "P12M P1Y P365D P11M31D P0Y12M0D -P1Y"],
        ["e3", "AB ab aB Ab AC"],
        ["e4", "YQ== YR== yq=="],
        ["e5", "2020-01-01Z 2020-01-01 2020-01-01+00:00 2020-01-02Z"],
        ["e6", "INF -INF 1e308"],
        ["e7", "2000 2000Z 2002Z 1999"],
        ["e8", "2019-12-31T23:59:59Z 2019-12-31T09:59:59 2020-01-01T00:30:00+01:00"],
        ["m", "v w"],
      ] as const
    )
      .flatMap(([name, texts]) => texts.split(" ").map((text) => `<${name}>${text}</${name}>`))
      .concat(["1 2", " 01  2 ", "1 3", "P12M", " P1Y", "2", ""].flatMap((v) => [`<l>${v}</l>`, `<u>${v}</u>`]))
      .concat("<m/>", "<m>v </m>"),
  },
  "qualified-names": {
    schema:
      restriction("Q", "xs:QName", '<xs:enumeration value="t:x"/><xs:enumeration value="y"/>') +
      element("q", "t:Q") +
      element("n", "xs:QName") +
      root('<xs:attribute name="a" type="t:Q"/><xs:attribute name="b" type="xs:QName"/>'),
    documents: ["t:x", "x", "y", "o:x", "t:y", "p:x"].flatMap((v) => [
      `<q xmlns:t="urn:t" xmlns:o="urn:t">${v}</q>`,
      `<q xmlns:t="urn:o">${v}</q>`,
      `<n xmlns:o="urn:o">${v}</n>`,
      `<r xmlns:o="urn:t" a="${v}"/>`,
      `<r xmlns:t="urn:t" b="${v}"/>`,
    ]),
  },
  "any-type": {
    schema: `<xs:element name="r"><xs:complexType>${sequence('<xs:element name="a"/>' + element("b", "xs:anySimpleType"))}</xs:complexType></xs:element>`,
    documents: ['<r><a k="1">x<y xmlns="urn:y"/></a><b>1</b></r>'],
  },
  recursive: {
    schema:
      type(sequence(element("a", "t:T", 'minOccurs="0" maxOccurs="2"')) + '<xs:attribute name="n" type="xs:int"/>') +
      element("r", "t:T"),
    documents: ['<r><a n="1"><a/><a><a n="2"/></a></a></r>'],
  },
  groups: {
    schema:
      `<xs:group name="G">${sequence(element("a") + element("b", "xs:int"))}</xs:group>` +
      '<xs:attributeGroup name="AG"><xs:attribute name="p" use="required"/><xs:attribute name="q" type="xs:int"/></xs:attributeGroup>' +
      root('<xs:group ref="t:G" minOccurs="0" maxOccurs="2"/><xs:attributeGroup ref="t:AG"/>'),
    documents: ['<r p=""><a/><b>1</b><a/><b>2</b></r>'],
  },
  "non-ascii-names": {
    schema: root(
      sequence(element("Formål") + element("TjenesteOmråde", "xs:int", 'minOccurs="0"')) +
        '<xs:attribute name="År" type="xs:gYear"/>',
    ),
    documents: ['<r År="2025"><Formål/></r>'],
  },
  ids: {
    schema: root(
      sequence(
        '<xs:element name="a" maxOccurs="3"><xs:complexType><xs:attribute name="i" type="xs:ID"/><xs:attribute name="r" type="xs:IDREF"/></xs:complexType></xs:element>',
      ),
    ),
    documents: ['<r><a i="x"/><a r="x" i="y"/></r>', '<r><a r="z"/></r>'],
  },
  "identity-constraints": {
    schema: `<xs:element name="r"><xs:complexType>${sequence(
      '<xs:element name="a" minOccurs="0" maxOccurs="5"><xs:complexType><xs:sequence><xs:element name="c" type="xs:decimal" minOccurs="0"/></xs:sequence><xs:attribute name="k" type="xs:int"/></xs:complexType></xs:element>' +
        '<xs:element name="b" minOccurs="0" maxOccurs="5"><xs:complexType><xs:attribute name="to" type="xs:int"/></xs:complexType></xs:element>',
    )}</xs:complexType><xs:key name="K"><xs:selector xpath="t:a"/><xs:field xpath="@k"/></xs:key><xs:keyref name="R" refer="t:K"><xs:selector xpath=".//t:b"/><xs:field xpath="@to"/></xs:keyref><xs:unique name="U"><xs:selector xpath="t:a|t:z"/><xs:field xpath="t:c"/></xs:unique></xs:element>`,
    documents: [
      '<r><a k="1"><c>1.0</c></a><a k="02"><c>2</c></a><b to="1"/><b/></r>',
      '<r><a k="1"/><a k="01"/></r>',
      '<r><a k="1"><c>1.0</c></a><a k="2"><c>1</c></a><b to="3"/></r>',
      "<r><a/></r>",
    ],
  },
  "identity-values": {
    schema:
      '<xs:simpleType name="L"><xs:list itemType="xs:decimal"/></xs:simpleType><xs:simpleType name="U"><xs:union memberTypes="xs:int xs:date xs:token"/></xs:simpleType>' +
      identityTypes
        .map(
          ([type], n) =>
            `<xs:element name="u${n}"><xs:complexType>${sequence(element("a", type, 'maxOccurs="4"'))}</xs:complexType><xs:unique name="U${n}"><xs:selector xpath="t:a"/><xs:field xpath="."/></xs:unique></xs:element>`,
        )
        .join(""),
    documents: identityTypes.flatMap(([, pairs], n) =>
      pairs
        .split("|")
        .map((pair) => pair.split(","))
        .map(([a, b]) => `<u${n} xmlns:p="urn:t" xmlns:q="urn:t" xmlns:o="urn:o"><a>${a}</a><a>${b}</a></u${n}>`),
    ),
  },
  "identity-attributes": {
    schema: `<xs:attribute name="n" type="xs:int"/>${["strict", "lax", "skip"]
      .map(
        (p) =>
          `<xs:element name="${p}"><xs:complexType>${sequence(`<xs:element name="a" maxOccurs="9"><xs:complexType><xs:attribute name="d" type="xs:int" default="1"/><xs:anyAttribute processContents="${p}"/></xs:complexType></xs:element>`)}</xs:complexType><xs:unique name="U-${p}"><xs:selector xpath="t:a"/><xs:field xpath="@t:n"/></xs:unique></xs:element>`,
      )
      .join(
        "",
      )}<xs:element name="preset"><xs:complexType>${sequence('<xs:element name="a" maxOccurs="9"><xs:complexType><xs:attribute name="d" type="xs:int" default="1"/><xs:attribute name="q" type="xs:QName" fixed="t:x"/></xs:complexType></xs:element>')}</xs:complexType><xs:key name="K"><xs:selector xpath="t:a"/><xs:field xpath="@d"/></xs:key></xs:element>`,
    documents: ["strict", "lax", "skip"]
      .flatMap((name) =>
        ['<a t:n="1"/><a t:n="01"/>', '<a t:n="1"/><a t:n="2"/><a/>', '<a t:n="x"/><a/>'].map(
          (body) => `<${name} xmlns:t="urn:t">${body}</${name}>`,
        ),
      )
      .concat(
        ["<a/>", "<a/><a/>", '<a d="01"/><a/>', '<a d="2"/><a/>'].map((body) => `<preset>${body}</preset>`),
        ["p:x", "t:x", "x", "y"].map((q) => `<preset xmlns:p="urn:t" xmlns:t="urn:o"><a q="${q}"/></preset>`),
      ),
  },
  "joined-attribute-wildcards": {
    schema:
      '<xs:attributeGroup name="G1"><xs:attribute name="a"/><xs:anyAttribute namespace="##other" processContents="lax"/></xs:attributeGroup>' +
      '<xs:attributeGroup name="G2"><xs:anyAttribute namespace="urn:x urn:y ##local" processContents="skip"/></xs:attributeGroup>' +
      '<xs:element name="both"><xs:complexType><xs:attributeGroup ref="t:G1"/><xs:attributeGroup ref="t:G2"/></xs:complexType></xs:element>' +
      '<xs:element name="own"><xs:complexType><xs:attributeGroup ref="t:G1"/><xs:anyAttribute namespace="urn:x urn:t" processContents="skip"/></xs:complexType></xs:element>' +
      extendedWildcards
        .map(
          ([base, more], n) =>
            `${type(`<xs:anyAttribute namespace="${base}" processContents="skip"/>`, `B${n}`)}<xs:complexType name="D${n}"><xs:complexContent><xs:extension base="t:B${n}"><xs:anyAttribute namespace="${more}" processContents="skip"/></xs:extension></xs:complexContent></xs:complexType>${element(`d${n}`, `t:D${n}`)}`,
        )
        .join(""),
    documents: ["both", "own", ...extendedWildcards.map((_, n) => `d${n}`)].flatMap((name) =>
      ["x:p", "z:p", "p", "y:p", "t:p", "a"].map(
        (a) => `<${name} xmlns:t="urn:t" xmlns:x="urn:x" xmlns:y="urn:y" xmlns:z="urn:z" ${a}="1"/>`,
      ),
    ),
  },
  "groups-of-nothing": {
    schema: (
      [
        "<xs:choice/>",
        '<xs:choice minOccurs="0"/>',
        "<xs:sequence/>",
        "<xs:all/>",
        `<xs:choice>${element("x")}<xs:sequence/></xs:choice>`,
        `<xs:sequence><xs:choice/>${element("x", "xs:string", 'minOccurs="0"')}</xs:sequence>`,
      ] as const
    )
      .map((content, n) => `<xs:element name="e${n}"><xs:complexType>${content}</xs:complexType></xs:element>`)
      .join("")
      .concat('<xs:element name="e6"><xs:complexType mixed="true"><xs:sequence/></xs:complexType></xs:element>'),
    documents: Array.from({ length: 7 }, (_, n) =>
      ["", "x", "<x/>"].map((content) => `<e${n}>${content}</e${n}>`),
    ).flat(),
  },
  "nillable-and-fixed": {
    schema: element("f", "xs:int", 'nillable="true" fixed="5"') + element("d", "xs:int", 'nillable="1" default="5"'),
    documents: ["f", "d"].flatMap((name) => ['xsi:nil="true"', ""].map((nil) => `<${name} ${nil}/>`)),
  },
  "wildcard-behind-its-name": {
    schema:
      element("n", "xs:int") +
      root(sequence(`<xs:element ref="t:n"/>${element("m")}<xs:any maxOccurs="2"/>`)) +
      `<xs:element name="s"><xs:complexType>${sequence('<xs:element ref="t:n"/><xs:any minOccurs="0"/>')}</xs:complexType></xs:element>`,
    documents: ["<r><n>1</n><m/><n>2</n><n>3</n></r>", "<s><n>1</n><n>2</n></s>", "<s><n>1</n><n>x</n></s>"],
  },
  "names-in-values": {
    schema:
      '<xs:simpleType name="L"><xs:list itemType="xs:QName"/></xs:simpleType><xs:simpleType name="U"><xs:union memberTypes="xs:int xs:QName"/></xs:simpleType>' +
      '<xs:complexType name="C"><xs:simpleContent><xs:extension base="xs:QName"><xs:attribute name="k" type="xs:token"/></xs:extension></xs:simpleContent></xs:complexType>' +
      element("l", "t:L") +
      root(
        sequence(
          element("q", "xs:QName", 'maxOccurs="3"') +
            element("u", "t:U", 'minOccurs="0"') +
            element("c", "t:C", 'minOccurs="0" nillable="true"') +
            element("any", "xs:anyType", 'minOccurs="0"'),
        ) + '<xs:attribute name="a" type="xs:QName"/><xs:anyAttribute namespace="##local" processContents="skip"/>',
      ),
    documents: [
      '<r xmlns:o="urn:o" a="o:x"><q>o:x</q><q xmlns:o="urn:p">o:x</q><q xmlns:t="urn:t">t:x</q></r>',
      '<r><q>x</q><q xmlns="urn:t" xmlns:p="urn:p">p:x</q><u xmlns:o="urn:o"> o:x </u><c xmlns:o="urn:o" k="o:x">o:x</c></r>',
      '<r><q>x</q><u>1</u><c xsi:nil="true"/><any xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:o="urn:o" xsi:type="xs:QName">o:x</any></r>',
      '<l xmlns:o="urn:o" xmlns:p="urn:p">o:x  p:y z</l>',
    ],
  },
};
