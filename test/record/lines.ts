import * as fc from 'fast-check';
import { isJsonObject, type JsonObject } from '../../src/policy/json.ts';
import type { RecordInput } from '../../src/record/decision-record.ts';
import { createLog, type Log } from '../../src/record/log.ts';

/** Everything that a person or a terminal could take for more than one line of text. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Names as an attacker would choose them: a mutating webhook sees them before the API server validates them. */
export const hostileName = fc.oneof(
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    'web',
    'a\nb',
    '\u001b[2J',
    'a\u2028b',
    '\ud800',
    '"},{"',
    '\u202eevil',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', minLength: 240, maxLength: 300 }),
);

/** What a record is made of, with every field that a Pod of a Deployment has. */
export const EXAMPLE: RecordInput = {
  subject: {
    requestUid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    namespace: 'shop',
    name: undefined,
    generateName: 'web-6d4f9c7b5-',
    ownerKind: 'ReplicaSet',
    ownerName: 'web-6d4f9c7b5',
    requester: 'system:serviceaccount:kube-system:replicaset-controller',
    clientCertificate: 'verified',
    dryRun: false,
  },
  target: { trigger: 'enforce', profile: 'gvisor', optOut: false },
  decision: {
    outcome: 'patched',
    reason: 'Sandboxed',
    message: 'a message',
    profile: 'gvisor',
    findings: [{ code: 'HostPID', severity: 'ignored', path: 'spec.hostPID', message: 'a finding' }],
    warnings: ['a warning'],
    patch: [{ op: 'add', path: '/spec/runtimeClassName', value: 'gvisor' }],
  },
  durationMilliseconds: 0.123456,
  policyDigest: '1f0c9a7e55d2b846',
};

/** The lines that a log writes. */
export function linesOf(write: (log: Log) => void): string[] {
  const lines: string[] = [];
  write(createLog({ write: line => lines.push(line) }));
  return lines;
}

/** The line of a log that must have written one. */
export function onlyLine(lines: readonly string[]): string {
  const [line, ...more] = lines;
  if (line === undefined || more.length > 0) throw new Error(`Expected one line, found ${lines.length}`);
  return line;
}

/** The object in a line. */
export function parseLine(line: string): JsonObject {
  const value: unknown = JSON.parse(line);
  if (!isJsonObject(value)) throw new TypeError('A log line must be an object');
  return value;
}
