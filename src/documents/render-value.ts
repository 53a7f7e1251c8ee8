import { isJsonObject } from '../policy/json.ts';

/** How a flow collection, or a JSON document, is written. */
export interface FlowStyle {
  /** True for JSON's double quotes. */
  readonly quoted: boolean;
  readonly colon: ': ' | ':';
  readonly comma: ', ' | ',';
}

/** How nested lines are written: the white space before this one, that of one level, and the line break. */
export interface FlowLines {
  readonly indentation: string;
  readonly level: string;
  readonly lineBreak: string;
}

/** How a block collection is written. */
export interface BlockStyle {
  /** White space of one level. */
  readonly level: string;
  /** White space before the dashes of a list, seen from its key. */
  readonly dashIndentation: string;
}

/** Begins with a letter and holds nothing that YAML could take for syntax. */
const PLAIN = /^[A-Za-z][A-Za-z0-9._/-]*$/;
/** What YAML 1.1 takes for something else than a string (yaml.org/type/bool, null). */
const WORDS = /^(y|yes|n|no|on|off|true|false|null)$/i;

/** A scalar as one line of YAML, quoted only where it must be. */
export function renderScalar(value: unknown): string {
  return typeof value === 'string' && PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
}

/** A value in flow style; on one line unless `lines` are given. */
export function renderFlow(value: unknown, style: FlowStyle, lines?: FlowLines): string {
  const inner = lines === undefined ? undefined : { ...lines, indentation: lines.indentation + lines.level };
  if (Array.isArray(value)) {
    return enclose(
      ['[', ']'],
      value.map((item: unknown) => renderFlow(item, style, inner)),
      { style, lines },
    );
  }
  if (isJsonObject(value)) {
    return enclose(
      ['{', '}'],
      Object.entries(value).map(([key, item]) => renderFlowMember(key, item, { style, lines: inner })),
      { style, lines },
    );
  }
  return style.quoted ? JSON.stringify(value) : renderScalar(value);
}

/** One member of a map in flow style. */
export function renderFlowMember(
  key: string,
  value: unknown,
  { style, lines }: { readonly style: FlowStyle; readonly lines: FlowLines | undefined },
): string {
  return `${style.quoted ? JSON.stringify(key) : renderScalar(key)}${style.colon}${renderFlow(value, style, lines)}`;
}

/** A map in block style as lines without line breaks. */
export function renderBlock(value: Readonly<Record<string, unknown>>, style: BlockStyle): readonly string[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const name = renderScalar(key);
    if (Array.isArray(item) && item.length > 0) {
      return [`${name}:`, ...renderItems(item, style).map(line => style.dashIndentation + line)];
    }
    if (isJsonObject(item) && Object.keys(item).length > 0) {
      return [`${name}:`, ...renderBlock(item, style).map(line => style.level + line)];
    }
    return [`${name}: ${renderScalar(item)}`];
  });
}

/** The items of a list in block style as lines without line breaks. */
export function renderItems(items: readonly unknown[], style: BlockStyle): readonly string[] {
  return items.flatMap(item => {
    const lines = isJsonObject(item) && Object.keys(item).length > 0 ? renderBlock(item, style) : [renderScalar(item)];
    return lines.map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`));
  });
}

interface Enclosed {
  readonly style: FlowStyle;
  readonly lines: FlowLines | undefined;
}

function enclose(
  [open, close]: readonly [string, string],
  parts: readonly string[],
  { style, lines }: Enclosed,
): string {
  if (lines === undefined || parts.length === 0) return `${open}${parts.join(style.comma)}${close}`;
  const { indentation, level, lineBreak } = lines;
  return `${open}${parts.map(part => lineBreak + indentation + level + part).join(',')}${lineBreak}${indentation}${close}`;
}
