import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import type { HostFiles } from '../../src/node/host/host-files.ts';
import { connectSystemd } from '../../src/node/systemd/connect-systemd.ts';
import type { ManagerTimes } from '../../src/node/systemd/manager.ts';
import type { Systemd } from '../../src/node/systemd/systemd.ts';
import { isList, isVariant, type WireValue } from '../../src/node/systemd/wire-value.ts';
import { rootOwned } from './root-owned.ts';
import { type Peer, type ReceivedCall, startPeer } from './systemd-peer.ts';

/** A transient unit that somebody wants started. */
export interface TransientStart {
  readonly unit: string;
  /** Property name to value. */
  readonly properties: ReadonlyMap<string, WireValue>;
  /** The argument vector, as systemd would execute it. */
  readonly command: readonly string[];
}

/** What a systemd of a test does. */
export interface SystemdScript {
  /** Properties of units by the last words of interface and name, such as `Unit.ActiveState`; others are refused. */
  readonly properties?: Readonly<Record<string, WireValue>>;
  /** Answers a call itself; returns whether it did. */
  readonly override?: (call: ReceivedCall) => boolean;
  /** Does what a transient unit would do, and returns the job's result. Default: `done`. */
  readonly start?: (start: TransientStart, root: string) => string;
}

/** A client of a systemd of a test, and the files of its host. */
export interface ScriptedSystemd {
  readonly systemd: Systemd;
  readonly peer: Peer;
  readonly files: HostFiles;
  /** The folder of the host's root. */
  readonly root: string;
}

const JOB = '/org/freedesktop/systemd1/job/1';
const ERRORS = 'org.freedesktop.systemd1';

/** Types of the properties that we ask for. */
const SIGNATURES: Readonly<Record<string, string>> = {
  ActiveEnterTimestamp: 't',
  ExecStart: 'a(sasbttttuii)',
  Environment: 'as',
  MainPID: 'u',
  ExecMainCode: 'i',
  ExecMainStatus: 'i',
};

/** Connects to a systemd that does what the script says. Each job ends before its beginning is answered. */
export async function scriptedSystemd(
  t: Test,
  script: SystemdScript = {},
  times: ManagerTimes = { call: 5000, reload: 5000, job: 5000 },
): Promise<ScriptedSystemd> {
  const root = t.testdir();
  mkdirSync(join(root, 'var/lib'), { recursive: true });
  const peer = await startPeer(t, {
    answer: call => {
      if (script.override?.(call) !== true) answer(call, script, root);
    },
  });
  const files = rootOwned(openHostFiles(root));
  const systemd = await connectSystemd({ socket: peer.socket, files, times, uid: 0 });
  t.teardown(async () => await systemd.close());
  return { systemd, peer, files, root };
}

/** Ends a job with a result, and then says which job it was. */
export function endJob(call: ReceivedCall, result: string): void {
  call.signal('JobRemoved', 'uoss', [2, '/org/freedesktop/systemd1/job/2', 'other.service', 'failed']);
  call.signal('JobRemoved', 'uoss', [1, JOB, 'some.service', result]);
  call.reply('o', [JOB]);
}

/** Refuses a call by the last word of an error of systemd's. */
export function refuse(call: ReceivedCall, word: string): void {
  call.refuse(`${ERRORS}.${word}`, `${textOf(call.values[0])} is refused`);
}

function answer(call: ReceivedCall, { properties = {}, start = () => 'done' }: SystemdScript, root: string): void {
  switch (call.message.member) {
    case 'LoadUnit':
      return call.reply('o', ['/unit']);
    case 'Get':
      return answerGet(call, properties);
    case 'StartTransientUnit':
      return endJob(call, start(transientStart(call.values), root));
    case 'ResetFailedUnit':
      return refuse(call, 'NoSuchUnit');
    case 'Reload':
      return call.reply();
    default:
      return endJob(call, 'done');
  }
}

function answerGet(call: ReceivedCall, properties: Readonly<Record<string, WireValue>>): void {
  const [where, name] = call.values.map(textOf);
  const value = properties[`${where?.split('.').at(-1)}.${name}`];
  if (value === undefined) return refuse(call, 'UnknownProperty');
  call.reply('v', [{ signature: SIGNATURES[name ?? ''] ?? 's', value }]);
}

function transientStart([unit, , list]: readonly WireValue[]): TransientStart {
  const properties = new Map<string, WireValue>();
  for (const item of isList(list) ? list : []) {
    const [name, variant] = isList(item) ? item : [];
    if (isVariant(variant)) properties.set(textOf(name), variant.value);
  }
  const [first] = listOf(properties.get('ExecStart'));
  const words = listOf(listOf(first)[1]).map(word => expand(textOf(word)));
  return { unit: textOf(unit), properties, command: words };
}

/** As systemd does, in an environment without variables. */
function expand(word: string): string {
  return word.replaceAll(/\$\$|\$[A-Za-z_]\w*/g, found => (found === '$$' ? '$' : ''));
}

function textOf(value: WireValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: WireValue | undefined): readonly WireValue[] {
  return isList(value) ? value : [];
}

/** Writes what a program would have written to where systemd was told to put it. */
export function writeOutput(
  { properties }: TransientStart,
  root: string,
  output: { out?: string; err?: string },
): void {
  writeFileSync(join(root, textOf(properties.get('StandardOutputFile'))), output.out ?? '');
  writeFileSync(join(root, textOf(properties.get('StandardErrorFile'))), output.err ?? '');
}

/** Names of everything below the host's root. */
export function namesBelow(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted();
}

/** Runs a transient unit's program for real, with its last argument, a path of the host, below the root. */
export function spawnUnit({ command }: TransientStart, root: string): ReturnType<typeof spawn> {
  const [program = '', ...args] = command;
  return spawn(program, [...args.slice(0, -1), join(root, args.at(-1) ?? '')], { stdio: 'ignore' });
}
