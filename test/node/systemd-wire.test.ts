import fc from 'fast-check';
import t from 'tap';
import { decodeValues } from '../../src/node/systemd/decode-values.ts';
import { encodeValues } from '../../src/node/systemd/encode-values.ts';
import { BASIC_CODES, type BasicCode, parseSignature, WireError } from '../../src/node/systemd/wire-signature.ts';
import type { WireValue } from '../../src/node/systemd/wire-value.ts';

/** Signature, values, and their bytes as the specification has them. */
const ENCODINGS: readonly (readonly [signature: string, values: readonly WireValue[], bytes: string])[] = [
  ['y', [255], 'ff'],
  ['b', [true], '01000000'],
  ['n', [-2], 'feff'],
  ['q', [0xfffe], 'feff'],
  ['i', [-2], 'feffffff'],
  ['u', [0x01020304], '04030201'],
  ['x', [-2n], 'feffffffffffffff'],
  ['t', [0x0102030405060708n], '0807060504030201'],
  ['d', [1.5], '000000000000f83f'],
  ['s', ['foo'], '03000000 666f6f 00'],
  ['s', ['é'], '02000000 c3a9 00'],
  ['o', ['/a'], '02000000 2f61 00'],
  ['g', ['as'], '02 6173 00'],
  ['yu', [1, 2], '01 000000 02000000'],
  ['yt', [1, 2n], '01 00000000000000 0200000000000000'],
  ['ay', [[1, 2]], '02000000 0102'],
  ['at', [[5n]], '08000000 00000000 0500000000000000'],
  ['at', [[]], '00000000 00000000'],
  ['as', [['a', 'b']], '0e000000 01000000 61 00 0000 01000000 62 00'],
  ['y(yu)', [1, [2, 3]], '01 00000000000000 02 000000 03000000'],
  ['a{sv}', [[['a', { signature: 'y', value: 7 }]]], '0a000000 00000000 01000000 61 00 01 79 00 07'],
  ['v', [{ signature: 'u', value: 1 }], '01 75 00 00 01000000'],
  ['yv', [1, { signature: 'as', value: [] }], '01 02 6173 00 000000 00000000'],
];

/** Bytes that are none of a signature's, and what is wrong with them. */
const MALFORMED: readonly (readonly [signature: string, bytes: string, problem: RegExp])[] = [
  ['u', '010000', /beyond the end/],
  ['u', '01000000 00', /after the last value/],
  ['b', '02000000', /boolean of value 2/],
  ['yu', '01 000100 02000000', /padding that is not zero/],
  ['s', '03000000 666f6f 01', /NUL/],
  ['s', '03000000 66006f 00', /NUL/],
  ['s', '02000000 c328 00', /not UTF-8/],
  ['s', 'ffffffff 00', /beyond the end/],
  ['ay', 'ffffffff 00', /array of 4294967295 bytes/],
  ['au', '06000000 01000000 02000000', /ends within an element/],
  ['v', '02 7575 00 01000000 01000000', /not one complete type/],
  ['v', '00 00', /not one complete type/],
  ['v', '01 7a 00', /has 'z'/],
];

const INVALID_SIGNATURES = [
  'z',
  'a',
  '(',
  '()',
  '(u',
  'u)',
  '{su}',
  'a{vs}',
  'a{s}',
  'a{suu}',
  'h',
  'a'.repeat(40) + 'u',
];

function bytesOf(hexadecimal: string): Buffer {
  return Buffer.from(hexadecimal.replaceAll(' ', ''), 'hex');
}

t.test('values have the bytes of the specification, both ways', t => {
  for (const [signature, values, hexadecimal] of ENCODINGS) {
    const bytes = bytesOf(hexadecimal);
    t.equal(
      Buffer.from(encodeValues(signature, values)).toString('hex'),
      bytes.toString('hex'),
      `${signature} encoded`,
    );
    t.strictSame(decodeValues(signature, bytes), values, `${signature} decoded`);
  }
  t.end();
});

t.test('malformed bytes are refused, and said why', t => {
  for (const [signature, bytes, problem] of MALFORMED) {
    t.throws(
      () => decodeValues(signature, bytesOf(bytes)),
      { name: 'WireError', message: problem },
      `${signature} ${bytes}`,
    );
  }
  for (const signature of INVALID_SIGNATURES) t.throws(() => parseSignature(signature), WireError, signature);
  t.throws(() => parseSignature('u'.repeat(256)), WireError, 'a signature that is too long');
  const variants = `${'01 76 00 '.repeat(70)} 01 79 00 01`;
  t.throws(() => decodeValues('v', bytesOf(variants)), /nested deeper/, 'variants within variants');
  t.end();
});

t.test('a value that is not of its type is a mistake of the caller', t => {
  const mistakes = [
    ['u', ['1'], TypeError],
    ['u', [-1], RangeError],
    ['y', [256], RangeError],
    ['i', [1.5], RangeError],
    ['t', [1], TypeError],
    ['t', [-1n], RangeError],
    ['s', ['a\0b'], TypeError],
    ['s', ['\ud800'], TypeError],
    ['as', ['a'], TypeError],
    ['(uu)', [[1]], TypeError],
    ['v', [1], TypeError],
    ['u', [], TypeError],
    ['b', [1], TypeError],
  ] as const satisfies readonly (readonly [string, readonly WireValue[], unknown])[];
  for (const [signature, values, kind] of mistakes) t.throws(() => encodeValues(signature, values), kind, signature);
  t.end();
});

const BASIC_VALUES: Readonly<Record<BasicCode, fc.Arbitrary<WireValue>>> = {
  y: fc.integer({ min: 0, max: 255 }),
  b: fc.boolean(),
  n: fc.integer({ min: -0x8000, max: 0x7fff }),
  q: fc.integer({ min: 0, max: 0xffff }),
  i: fc.integer(),
  u: fc.integer({ min: 0, max: 0xffffffff }),
  x: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  t: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  d: fc.double(),
  s: fc.string({ unit: 'binary' }).map(text => text.replaceAll('\0', '')),
  o: fc.constantFrom('/', '/org/freedesktop/systemd1'),
  g: fc.constantFrom('', 'u', 'a{sv}'),
};

/** A type and a value of it. */
interface TypedValue {
  readonly signature: string;
  readonly value: WireValue;
}

/** Types of all kinds within each other, and values of them. */
const { typed } = fc.letrec<{ typed: TypedValue }>(tie => {
  const basic = fc
    .constantFrom(...BASIC_CODES)
    .chain(signature => BASIC_VALUES[signature].map(value => ({ signature, value })));
  const variant = tie('typed').map(value => ({ signature: 'v', value }));
  const struct = fc.array(tie('typed'), { minLength: 1, maxLength: 3 }).map(fields => ({
    signature: `(${fields.map(field => field.signature).join('')})`,
    value: fields.map(field => field.value),
  }));
  const list = fc.tuple(tie('typed'), fc.nat(3)).map(([item, count]) => ({
    signature: `a${item.signature}`,
    value: Array.from({ length: count }, () => item.value),
  }));
  const dictionary = fc.tuple(basic, tie('typed')).map(([key, item]) => ({
    signature: `a{${key.signature}${item.signature}}`,
    value: [[key.value, item.value]],
  }));
  return {
    typed: fc.oneof(
      { depthSize: 'small', maxDepth: 5, withCrossShrink: true },
      basic,
      variant,
      struct,
      list,
      dictionary,
    ),
  };
});

t.test('what is encoded is what is decoded', t => {
  fc.assert(
    fc.property(fc.array(typed, { maxLength: 4 }), values => {
      const signature = values.map(value => value.signature).join('');
      const list = values.map(value => value.value);
      t.strictSame(decodeValues(signature, encodeValues(signature, list)), list);
    }),
    { numRuns: 500 },
  );
  t.end();
});
