import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { isJsonObject } from '../../src/policy/json.ts';
import { parseJsonBody } from '../../src/webhook/json-body.ts';

const LIMITS = { depth: 50, values: 10_000 };

function parse(text: string): unknown {
  return parseJsonBody(Buffer.from(text), LIMITS);
}

/** Without a managedFields of its own, so that the one that a test puts beside it is the first and only one. */
function clean(object: Record<string, unknown>): unknown {
  return JSON.parse(JSON.stringify(object).replaceAll('"managedFields":', '"otherFields":'));
}

t.test('a body is parsed as JSON.parse does, but for a managedFields that comes out empty', t => {
  const anything = fc.jsonValue({ maxDepth: 4 });
  const strings = fc.constantFrom(
    'managedFields',
    '"managedFields":[',
    '\\"managedFields\\":[',
    'managedFields":[',
    ']}',
    '\\',
  );
  const around = fc.dictionary(fc.oneof(fc.string(), strings), fc.oneof(anything, strings), { maxKeys: 5 });
  let emptied = 0;
  fc.assert(
    fc.property(around, fc.array(anything), around, (before, fields, after) => {
      const document = { before: clean(before), metadata: { managedFields: fields, name: 'x' }, after: clean(after) };
      const text = JSON.stringify(document);
      try {
        JSON.parse(text);
      } catch {
        return;
      }
      const wanted: unknown = JSON.parse(JSON.stringify({ ...document, metadata: { managedFields: [], name: 'x' } }));
      const found = parse(text);
      if (fields.length > 0) emptied++;
      if (!isDeepStrictEqual(found, wanted)) throw new Error(JSON.stringify(found));
    }),
    { numRuns: 1000 },
  );
  t.ok(emptied > 200, `${emptied} were not empty`);
  t.end();
});

t.test('what looks like managedFields inside a string or a key is left alone', t => {
  for (const value of [
    { note: '"managedFields":[1,2]' },
    { 'a"managedFields': [1, 2] },
    { note: 'x\\', managedField: [1] },
    { managedFields: { not: 'a list' } },
    { managedFields: 'text' },
  ]) {
    t.strictSame(parse(JSON.stringify(value)), value, JSON.stringify(value));
  }
  t.strictSame(
    parse('{"managedFields":[1],"object":{"managedFields":[2]}}'),
    { managedFields: [], object: { managedFields: [2] } },
    'only the first',
  );
  t.strictSame(parse('{"managedFields": [1]}'), { managedFields: [1] }, 'only as an API server writes it');
  t.end();
});

t.test('the text around managedFields is still checked, and its depth too', t => {
  for (const [text, code] of [
    ['{"a":1,"a":2,"managedFields":[{"b":1}]}', 'DuplicateKey'],
    ['{"managedFields":[{"b":1}],"a":1,"a":2}', 'DuplicateKey'],
    ['{"managedFields":[{"b":1}],"managedFields":[]}', 'DuplicateKey'],
    [`{"managedFields":[${'['.repeat(60)}${']'.repeat(60)}]}`, 'NestedTooDeeply'],
    ['{"managedFields":[1],}', 'JsonInvalid'],
    ['{"managedFields":[1', 'BodyTruncated'],
    ['{"managedFields":[1]', 'BodyTruncated'],
    ['{"managedFields":[1}]', 'JsonInvalid'],
  ] as const) {
    t.throws(() => parse(text), { code }, text.slice(0, 60));
  }
  const { managedFields } = toObject(parse(`{"managedFields":[${'{"f:a":{}},'.repeat(20_000)}{}]}`));
  t.strictSame(managedFields, [], 'its members and items do not count');
  t.end();
});

function toObject(value: unknown): Record<string, unknown> {
  if (!isJsonObject(value)) throw new TypeError('an object was expected');
  return { ...value };
}
