import * as fc from 'fast-check';
import { Document, isCollection, isScalar, parseAllDocuments, visit } from 'yaml';
import { anyJson, anyPod } from '../support/generators.ts';

/** Random manifests in random hands: block and flow YAML of any indentation, JSON of any spacing, comments, CRLF. */

const text = fc.oneof(
  fc.constantFrom(
    'true',
    'no',
    '12',
    '1e3',
    'null',
    '~',
    '',
    '# no comment',
    'a: b',
    '- a',
    'two\nlines\n',
    ' x ',
    '{a',
    '012',
  ),
  fc.string({ maxLength: 12 }),
  fc
    .string({ unit: 'binary', maxLength: 6 })
    .map(value => value.replaceAll(/[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}\p{Cn}]/gu, '')),
);
const labels = fc.dictionary(fc.constantFrom('app', 'disk', '__proto__', 'constructor', 'y', 'a/b~c'), text, {
  maxKeys: 3,
});
const toleration = fc.record(
  {
    key: fc.constantFrom('gpu', 'sandbox', 'no'),
    operator: fc.constantFrom('Equal', 'Exists'),
    value: text,
    tolerationSeconds: fc.integer(),
  },
  { requiredKeys: ['key'] },
);
const container = fc.record(
  { name: text, command: fc.array(text, { maxLength: 3 }), futureField: anyJson },
  { requiredKeys: ['name'] },
);
const spec = fc
  .record(
    {
      containers: fc.array(container, { maxLength: 2 }),
      runtimeClassName: fc.constantFrom(null, 'gvisor'),
      nodeSelector: fc.oneof(
        fc.constantFrom(null, {}, { 'gvisor-injector/runsc': null }, { 'gvisor-injector/runsc': 'ready' }),
        labels,
      ),
      tolerations: fc.oneof(fc.constantFrom(null), fc.array(toleration, { maxLength: 3 })),
      hostPID: fc.boolean(),
      ['__proto__']: fc.constant(1),
    },
    { requiredKeys: [] },
  )
  .chain(shuffled);
const pod = fc
  .record(
    { apiVersion: fc.constant('v1'), kind: fc.constant('Pod'), metadata: fc.record({ name: text, labels }), spec },
    { requiredKeys: ['apiVersion', 'kind', 'spec'] },
  )
  .chain(shuffled);
const deployment = fc
  .record({
    apiVersion: fc.constant('apps/v1'),
    kind: fc.constant('Deployment'),
    spec: fc
      .record({ replicas: fc.integer(), template: fc.record({ metadata: fc.record({ labels }), spec }) })
      .chain(shuffled),
  })
  .chain(shuffled);
const other = fc.record({ apiVersion: fc.constant('v1'), kind: fc.constant('ConfigMap'), data: labels });
const single = fc.oneof({ weight: 3, arbitrary: pod }, { weight: 2, arbitrary: deployment }, anyPod, other);
const list = fc.record({
  apiVersion: fc.constant('v1'),
  kind: fc.constant('List'),
  items: fc.array(single, { maxLength: 3 }),
});
const object = fc.oneof({ weight: 3, arbitrary: single }, list);

function shuffled(value: object): fc.Arbitrary<Record<string, unknown>> {
  const entries: [string, unknown][] = Object.entries(value);
  return fc.shuffledSubarray(entries, { minLength: entries.length }).map(order => Object.fromEntries(order));
}

/** One JSON document. */
export const jsonText: fc.Arbitrary<string> = fc
  .tuple(object, fc.constantFrom(undefined, 1, 2, 4, '\t'), fc.constantFrom('', '\n', '\r\n'))
  .map(([value, space, end]) => JSON.stringify(value, undefined, space) + end);

const style = fc.record({
  indent: fc.integer({ min: 1, max: 5 }),
  indentSeq: fc.boolean(),
  flowCollectionPadding: fc.boolean(),
  lineWidth: fc.constantFrom(0, 30, 80),
  defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL'),
  defaultKeyType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE'),
  nullStr: fc.constantFrom('', 'null', '~'),
  trailingComma: fc.boolean(),
});

const yamlDocument = fc
  .tuple(object, style, fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 200 }))
  .map(([value, { indent, ...options }, dice]) => {
    const document = new Document(value, { version: '1.1', aliasDuplicateObjects: false });
    let rolls = 0;
    const roll = () => dice[rolls++ % dice.length] ?? 0;
    visit(document, {
      Node(_, node) {
        if (isCollection(node) && roll() < 12) node.flow = true;
        if (isScalar(node) && roll() < 8) node.comment = ' beside';
        if (roll() < 8) node.commentBefore = ' above\n twice';
        if (roll() < 8) node.spaceBefore = true;
      },
    });
    return document.toString({ indent, ...options });
  });

/** A stream of YAML documents that Kubernetes would read. */
export const yamlText: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(yamlDocument, { minLength: 1, maxLength: 3 }),
    fc.record({
      carriageReturns: fc.boolean(),
      byteOrderMark: fc.boolean(),
      cutEnd: fc.boolean(),
      start: fc.boolean(),
    }),
  )
  .map(([documents, { carriageReturns, byteOrderMark, cutEnd, start }]) => {
    const stream = (start ? '---\n' : '') + documents.join('---\n');
    const ended = cutEnd ? stream.replace(/\n+$/, '') : stream;
    return (byteOrderMark ? '\ufeff' : '') + (carriageReturns ? ended.replaceAll('\n', '\r\n') : ended);
  })
  .filter(stream =>
    parseAllDocuments(stream, { version: '1.1', logLevel: 'error' }).every(({ errors }) => errors.length === 0),
  );
