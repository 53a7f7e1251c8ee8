import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import t from 'tap';
import { toDecisionRecord } from '../../src/record/decision-record.ts';
import { createLog, descriptorDestination } from '../../src/record/log.ts';
import { EXAMPLE, hostileName, linesOf, onlyLine, parseLine, UNPRINTABLE } from './lines.ts';

t.test('a line that is no decision is one printable line too, whatever a caller sent', t => {
  fc.assert(
    fc.property(hostileName, hostileName, (path, detail) => {
      const line = onlyLine(linesOf(log => log.info('requestRefused', { code: 'X', path, detail, status: 400 })));
      t.notOk(UNPRINTABLE.test(line.slice(0, -1)), line);
      t.match(parseLine(line), { level: 'info', message: 'admission request refused', status: 400 });
    }),
  );
  const stack = 'Error: \u001b[2J\u2028\n    at decide';
  const line = onlyLine(linesOf(log => log.error('internalError', { stack })));
  t.notOk(UNPRINTABLE.test(line.slice(0, -1)), line);
  t.match(parseLine(line), { level: 'error', message: 'internal error' });
  t.equal(parseLine(line)['stack'], 'Error: \\u{1b}[2J\\u{2028}\n    at decide', 'a stack keeps its lines');
  t.end();
});

t.test('a destination on a file descriptor has the line before the call returns', t => {
  const file = join(t.testdir({ log: '' }), 'log');
  const log = createLog(descriptorDestination(openSync(file, 'a'), error => t.fail(error.message)));
  log.decision(toDecisionRecord(EXAMPLE));
  log.info('stopped', {});
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  t.same(
    lines.map(line => parseLine(line)['message']),
    ['admission decision', 'stopped'],
  );
  t.end();
});
