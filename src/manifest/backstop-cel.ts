/**
 * The few shapes of CEL, the Common Expression Language, that the backstop is written in. An expression is plain text;
 * what comes from the policy enters it through `literal()`, `listOf()` and `mapOf()` alone.
 */

/** Longest value of a user that a message repeats, in characters. */
const SHOWN_LENGTH = 80;

/** A string literal, whatever the string holds but a lone surrogate, which no CEL string can have. */
export function literal(value: string): string {
  const escaped = value.replaceAll(/[\\'\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, character =>
    character === '\\' || character === "'" ? `\\${character}` : escapeCodePoint(character.codePointAt(0) ?? 0),
  );
  return `'${escaped}'`;
}

function escapeCodePoint(codePoint: number): string {
  return `\\U${codePoint.toString(16).padStart(8, '0')}`;
}

/** A list of string literals. */
export function listOf(values: readonly string[]): string {
  return `[${values.map(literal).join(', ')}]`;
}

/** A map from string literals to expressions. */
export function mapOf(entries: readonly (readonly [key: string, value: string])[]): string {
  return `{${entries.map(([key, value]) => `${literal(key)}: ${value}`).join(', ')}}`;
}

/** True when each condition is; a line for each. CEL evaluates from left to right and stops at the first that is false. */
export function all(...conditions: readonly string[]): string {
  return conditions.join(' &&\n');
}

/** True when one of the conditions is. */
export function any(...conditions: readonly string[]): string {
  return `(${conditions.join(' || ')})`;
}

/** True when the condition is not. */
export function not(condition: string): string {
  return `!(${condition})`;
}

/** One of two expressions. */
export function choose(condition: string, whenTrue: string, otherwise: string): string {
  return `(${condition} ? ${whenTrue} : ${otherwise})`;
}

/** The value of a map of strings, such as `object.metadata.labels`, at a key; empty when there is none. */
export function textAt(path: string, key: string): string {
  return choose(holds(path, key), `${path}[${literal(key)}]`, "''");
}

/** True when a map, such as `object.metadata.labels`, is there and holds the key. */
export function holds(path: string, key: string): string {
  return `has(${path}) && ${literal(key)} in ${path}`;
}

/** An expression within a sentence; its value is a string. */
interface Spoken {
  readonly expression: string;
}

/** A sentence in parts: texts of this program or its policy, and values that only a request has. */
export type Sentence = readonly (string | Spoken)[];

/** Puts the value of an expression into a sentence as it is: it must be short and printable. */
export function say(expression: string): Spoken {
  return { expression };
}

/** Puts a user's value into a sentence, quoted; one that is long or could harm a terminal is only described. */
export function show(expression: string): Spoken {
  const isHarmless = `size(${expression}) <= ${SHOWN_LENGTH} && ${expression}.matches('^[ -~]*$')`;
  return { expression: choose(isHarmless, `'"' + ${expression} + '"'`, "'a value that is long or not printable'") };
}

/** Tag of a template: what stands in braces is text of this program or its policy, or {@link say} and {@link show}. */
export function sentence(texts: TemplateStringsArray, ...values: Sentence): Sentence {
  return texts.flatMap((text, index) => [text, ...values.slice(index, index + 1)]);
}

/** A sentence as one expression. @param plus between its terms; with a newline in it, each stands on a line of its own */
export function speak(parts: Sentence, plus = ' + '): string {
  const terms: string[] = [];
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    if (text !== '') terms.push(literal(text));
    terms.push(part.expression);
    text = '';
  }
  return [...terms, ...(text === '' && terms.length > 0 ? [] : [literal(text)])].join(plus);
}
