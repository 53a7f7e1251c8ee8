import t from 'tap';
import { TRIGGERS } from '../../src/policy/admission-path.ts';
import { REASONS } from '../../src/policy/decision.ts';
import {
  decideFixture,
  decisionFixtures,
  toPlain,
  unusedExpectedFiles,
  updateFixture,
} from '../support/decision-fixtures.ts';

/** Rows that a trigger cannot reach, each with the reason. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  'NotRequested enforce': 'the label asks',
  'NotRequested audit': 'the label asks',
  'OptedOut audit': 'the audit entry has no opt-out path',
  'OptedOut pod': 'without a label, none is NotRequested',
  'OptOutForbidden pod': 'without a label, none is NotRequested',
  'ProfileForbidden pod': 'without a label there is no floor',
};

const fixtures = decisionFixtures();

t.test('every Pod of the table gets its decision from decide()', t => {
  for (const fixture of fixtures) {
    const decision = decideFixture(fixture);
    if (process.env['UPDATE_FIXTURES'] === '1') updateFixture(fixture, decision);
    else t.strictSame(toPlain(decision), fixture.expected, fixture.name);
  }
  t.strictSame(unusedExpectedFiles(), [], 'no expected file without a Pod');
  t.end();
});

t.test('every row of the table is met by every trigger that can reach it', t => {
  const met = new Set(fixtures.map(fixture => `${decideFixture(fixture).reason} ${fixture.target.trigger}`));
  for (const reason of REASONS) {
    for (const trigger of TRIGGERS) {
      const pair = `${reason} ${trigger}`;
      t.equal(met.has(pair), UNREACHABLE[pair] === undefined, `${pair} ${UNREACHABLE[pair] ?? ''}`);
    }
  }
  t.end();
});
