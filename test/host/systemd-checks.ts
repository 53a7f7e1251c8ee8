import type { Test } from 'tap';
import { isJsonObject, member } from '../../src/policy/json.ts';
import { LOCK_UNIT } from '../../src/node/systemd/lock.ts';
import { nodeCommand, type TestHost } from './create-host.ts';
import { holdOnHost } from './held-process.ts';

const PROBE = 'test/host/systemd-probe.ts';
const NO_CAPABILITY = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'] as const;
/** As an agent in a container: it sees neither the host's processes nor its later mounts. */
const OWN_NAMESPACES = ['unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'] as const;

/** The host's systemd as the node agent uses it. */
export async function checkSystemd(t: Test, host: TestHost): Promise<void> {
  await t.test('units are told as systemctl tells them', async t => await checkUnits(t, host));
  await t.test('programs are run, and leave nothing', async t => await checkRuns(t, host));
  await t.test('units are restarted, started, stopped and read again', async t => await checkJobs(t, host));
  await t.test('a systemd that executes itself anew is asked again', async t => {
    const { result } = await probe(host, ['reexec', 'containerd.service']);
    t.match(result, { activeState: 'active' });
  });
  await t.test('one agent at a time', async t => await checkLock(t, host));
  await t.test(
    'what an agent that was killed had run is removed by the next',
    async t => await checkKilledRun(t, host),
  );
  t.strictSame(await left(host), [], 'no unit and no file is left');
}

async function checkUnits(t: Test, host: TestHost): Promise<void> {
  const { result } = await probe(host, ['unit', 'containerd.service']);
  const shown = await host.run(['systemctl', 'show', '--property=MainPID', '--value', 'containerd.service']);
  t.match(result, { activeState: 'active', mainProcess: Number(shown) });
  const program = host.containerd === 'debian' ? '/usr/bin/containerd' : '/usr/local/lib/containerd/containerd';
  t.match(result, { command: [program] }, 'of several assignments of ExecStart, what counts');
  t.strictSame(await probe(host, ['unit', 'nothing.service']), {}, 'a unit that there is not');
}

async function checkRuns(t: Test, host: TestHost): Promise<void> {
  const run = async (seconds: number, ...command: readonly string[]): Promise<unknown> =>
    (await probe(host, ['run', String(seconds), ...command])).result;
  const exits = { exitCode: 3, stdout: 'out $HOME %n\n', stderr: 'err\n' };
  t.strictSame(await run(10, '/bin/sh', '-c', 'echo "out $1"; echo err >&2; exit 3', 'sh', '$HOME %n'), exits);
  t.strictSame(await run(10, '/bin/true'), { exitCode: 0, stdout: '', stderr: '' });
  t.match(await run(10, '/bin/sh', '-c', 'kill -KILL $$'), { exitCode: undefined });
  const started = performance.now();
  t.match(await run(1, '/bin/sleep', '100'), { exitCode: undefined });
  t.ok(performance.now() - started < 5000, 'ended by its timeout');
  t.match(await run(10, '/nothing/there'), { exitCode: 203, stderr: /could not execute \/nothing\/there/ });
  const big = await run(10, '/usr/bin/seq', '200000');
  t.equal(isJsonObject(big) && String(member(big, 'stdout')).length, 1288895, 'output of 1.3 MB');
  const dump = await run(10, '/bin/sh', '-c', 'exec "$(readlink /proc/$(pidof containerd)/exe)" config dump');
  t.match(dump, { exitCode: 0, stdout: /\[plugins/ }, "the node's own containerd");
  const without = await host.tryRun([...NO_CAPABILITY, ...nodeCommand(PROBE, ['run', '10', '/bin/echo', 'x'])]);
  t.strictSame(JSON.parse(without.stdout), { result: { exitCode: 0, stdout: 'x\n', stderr: '' } }, 'by no capability');
  t.strictSame(await left(host), [], 'no unit and no file is left');
}

async function checkJobs(t: Test, host: TestHost): Promise<void> {
  const mainProcess = async (): Promise<string> =>
    await host.run(['systemctl', 'show', '--property=MainPID', '--value', 'containerd.service']);
  const before = await mainProcess();
  const restart = [...NO_CAPABILITY, ...nodeCommand(PROBE, ['restart', 'containerd.service'])];
  t.strictSame(JSON.parse(await host.run(restart)), { result: 'done' }, 'containerd, by no capability');
  t.not(await mainProcess(), before);
  t.match(await host.run(['crictl', 'version']), /RuntimeName: {2}containerd/);
  t.strictSame(await probe(host, ['restart', 'nothing.service']), { result: 'NoSuchUnit' });
  t.strictSame(await probe(host, ['stop', 'nothing.service']), { result: 'done' });

  const unit = '/etc/systemd/system/probe.service';
  const write = async (start: string): Promise<void> => {
    const text = `[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=${start}\n`;
    await host.run(['sh', '-c', 'printf %s "$1" >"$2"', 'sh', text, unit]);
    t.strictSame(await probe(host, ['reload']), {});
  };
  await write('/bin/true');
  t.strictSame(await probe(host, ['start', 'probe.service']), { result: 'done' });
  t.match(await probe(host, ['unit', 'probe.service']), { result: { activeState: 'active', command: ['/bin/true'] } });
  t.strictSame(await probe(host, ['stop', 'probe.service']), { result: 'done' });
  await write('/bin/false');
  t.strictSame(await probe(host, ['start', 'probe.service']), { result: 'failed' });
  t.strictSame(await probe(host, ['reset-failed', 'probe.service']), {});
  t.match(await probe(host, ['unit', 'probe.service']), {
    result: { activeState: 'inactive', command: ['/bin/false'] },
  });
  await host.run(['rm', unit]);
  await probe(host, ['reload']);
}

async function checkLock(t: Test, host: TestHost): Promise<void> {
  const lock = nodeCommand(PROBE, ['lock']);
  for (const wrapper of [[], NO_CAPABILITY, OWN_NAMESPACES]) {
    const holder = await holdOnHost(host, [...wrapper, ...lock]);
    t.match(JSON.parse(await holder.line()), { heldAfterMilliseconds: /\d/ }, `held: ${wrapper[0] ?? 'plain'}`);
    t.match(await probe(host, ['lock']), { error: `Busy: another gvisor-injector changes this host: ${LOCK_UNIT}` });
    t.strictSame(await left(host), [LOCK_UNIT], 'it is nothing but a unit');
    await holder.kill();
    const next = await holdOnHost(host, lock);
    t.match(JSON.parse(await next.line()), { heldAfterMilliseconds: /\d/ }, 'free when its holder is killed');
    next.endInput();
    t.strictSame(JSON.parse(await next.line()), { result: 'released' });
    await next.ended;
    t.strictSame(await left(host), []);
  }
}

async function checkKilledRun(t: Test, host: TestHost): Promise<void> {
  const agent = await holdOnHost(host, nodeCommand(PROBE, ['run', '60', '/bin/sh', '-c', 'echo begun; sleep 2']));
  await host.run(['sh', '-c', `until grep -q begun /var/lib/gvisor-injector/output/*.out; do sleep 0.05; done`]);
  await agent.kill();
  t.equal((await left(host)).length, 3, 'a unit and two files');
  await host.run(['sh', '-c', `while pidof sleep; do sleep 0.05; done`]);
  await host.tryRun(nodeCommand(PROBE, ['lock']), { input: '' });
  t.strictSame(
    (await left(host)).filter(name => name.endsWith('.service')),
    [],
    'the unit and its files are gone',
  );
}

/** What the probe prints: a result, which is left out when it is undefined, or the message of an error. */
interface ProbeAnswer {
  readonly result?: unknown;
  readonly error?: unknown;
}

async function probe(host: TestHost, args: readonly string[]): Promise<ProbeAnswer> {
  const { code, stdout, stderr } = await host.node(PROBE, args);
  const answer: unknown = code === 0 ? JSON.parse(stdout) : undefined;
  if (!isJsonObject(answer)) throw new Error(`the probe failed: ${stderr}`);
  return answer;
}

/** Units and files of ours that are on the host. */
async function left(host: TestHost): Promise<readonly string[]> {
  const units = await host.run(['systemctl', 'list-units', '--all', '--plain', '--no-legend', 'gvisor-injector*']);
  const files = await host.run(['sh', '-c', 'find /var/lib/gvisor-injector -type f 2>/dev/null || :']);
  return [...units.split('\n').map(line => line.split(' ')[0] ?? ''), ...files.split('\n')].filter(line => line !== '');
}
