import t from 'tap';
import { installed, proofs, readyWorld, trouble, VERDICTS, World } from './agent-world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const { passed, failed, inconclusive } = VERDICTS;

t.test('a node is installed, proved, marked, and then left alone', t => {
  const world = new World();
  t.equal(world.state.hasLooked, false);
  world.see();
  world.end(installed());
  t.equal(world.state.hasLooked, true);
  world.end(proofs(passed));
  t.strictSame(world.started, ['install', 'prove']);
  t.strictSame(world.written, [
    'False Installing',
    'False Proving',
    'True Proved',
    'label runsc on',
    'taint lifted',
    'event Normal Proved',
  ]);
  t.equal(world.condition?.message, 'gVisor 20260914.0 starts sandboxes as handler runsc; proved in boot boot-one');
  for (let heartbeat = 0; heartbeat < 10; heartbeat += 1) world.see();
  t.equal(world.written.length, 6, 'nothing is written when nothing changes');
  world.wait();
  t.equal(world.now, HOUR);
  t.strictSame(world.started, ['install', 'prove', 'verify'], 'and an hour later somebody looks');
  t.end();
});

t.test('an agent that starts anew proves nothing again, unless release, handlers, boot or label changed', t => {
  const world = readyWorld();
  world.restart();
  world.see();
  world.end(installed('unchanged'));
  t.strictSame(world.started, ['install']);
  t.strictSame(world.written, [], 'nor is anything written');

  world.restart('boot-two');
  world.see();
  t.equal(world.condition?.status, 'True', 'until something speaks against it');
  world.end(installed('unchanged'));
  t.equal(world.state.task, 'prove');
  world.end(proofs(passed));
  t.match(world.condition?.message, /boot boot-two/);
  t.strictSame(world.written, ['True Proved'], 'one write, and no Event, as nothing is new but the sentence');

  world.labels.clear();
  world.see();
  t.equal(world.state.task, undefined, 'proofs do not follow each other at once');
  world.waitFor('prove');
  t.notOk(world.labels.has('runsc'), 'a label that somebody took comes back after a proof');
  world.end(proofs(passed));
  t.ok(world.labels.has('runsc'));
  t.end();
});

t.test('the label goes after two failed proofs in a row, and never by an inconclusive one', t => {
  const world = readyWorld();
  world.restart('boot-two');
  world.see();
  world.end(installed('unchanged'));
  world.end(proofs(failed));
  t.strictSame(world.written, ['False ProofFailed', 'event Warning ProofFailed']);
  t.match(world.condition?.message, /the label stays unless the next proof fails too/);
  world.wait();
  world.end(proofs(inconclusive));
  world.wait();
  world.end(proofs(inconclusive));
  world.wait();
  t.ok(world.labels.has('runsc'));
  world.end(proofs(failed));
  t.notOk(world.labels.has('runsc'));
  world.wait();
  world.end(proofs(passed));
  t.ok(world.labels.has('runsc'));
  t.equal(world.condition?.reason, 'Proved');
  t.end();
});

t.test('an inconclusive proof leaves a ready node as it is, and says so when it goes on', t => {
  const world = readyWorld();
  world.restart('boot-two');
  world.see();
  world.end(installed('unchanged'));
  for (let proof = 0; proof < 4; proof += 1) {
    world.end(proofs(inconclusive));
    if (proof < 2) t.equal(world.condition?.status, 'True');
    world.wait();
  }
  t.strictSame(world.written, ['Unknown ProofInconclusive', 'event Warning ProofInconclusive']);
  t.ok(world.labels.has('runsc'));

  const fresh = new World();
  fresh.see();
  fresh.end(installed());
  fresh.end(proofs(inconclusive));
  t.equal(fresh.condition?.status, 'Unknown', 'a node that was never ready says it at once');
  t.notOk(fresh.labels.has('runsc'));
  t.ok(fresh.hasTaint);
  t.end();
});

t.test('a refusal is looked at again after an hour, or when the machine is another one', t => {
  const world = new World();
  world.see();
  world.end({ step: 'install', report: trouble('KernelTooOld') });
  t.match(world.condition, { status: 'False', reason: 'KernelTooOld', message: 'there is KernelTooOld. Do something' });
  world.see();
  t.equal(world.state.task, undefined);
  t.ok((world.actions?.wakeAt ?? 0) >= HOUR / 2);
  world.happen({ kind: 'nodeSeen', node: { ...world.view(), machine: 'with another kernel' } });
  t.equal(world.state.task, 'install');
  t.end();
});

t.test('what passes by itself is tried soon, and does not trouble a node that is ready', t => {
  const world = readyWorld();
  const start = world.now;
  world.restart();
  world.see();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    world.end({ step: 'install', report: trouble('ContainerdUnreachable', 'failed') });
    t.equal(world.condition?.status, attempt < 2 ? 'True' : 'False');
    if (world.state.task === 'prove') world.end(proofs(inconclusive));
    while (world.started.at(-1) !== 'install' || world.state.task === undefined) {
      world.wait();
      if (world.state.task === 'prove') world.end(proofs(inconclusive));
    }
  }
  t.ok(world.now - start < MINUTE);
  t.ok(world.labels.has('runsc'));
  t.end();
});

t.test('drift is looked at, repaired and proved; a false alarm costs neither', t => {
  const world = readyWorld();
  world.happen({ kind: 'driftFound', what: '/etc/containerd/config.toml: changed' });
  world.end({ step: 'verify', report: { outcome: 'sound', faults: [] } });
  t.strictSame(world.started, ['verify']);
  world.happen({ kind: 'driftFound', what: '/opt/runsc: changed' });
  world.end({
    step: 'verify',
    report: { outcome: 'unsound', faults: [{ subject: 'payload', sentence: 'runsc is damaged' }] },
  });
  world.end(installed());
  world.end(proofs(passed));
  t.strictSame(world.started, ['verify', 'verify', 'install', 'prove']);
  t.strictSame(world.written, [], 'and the node stayed ready');
  t.end();
});

t.test('with another writer the agent does not fight for ever, and says what happens', t => {
  const world = readyWorld();
  const spoil = (): void => {
    world.happen({ kind: 'driftFound', what: '/etc/containerd/config.toml: 9 lines are gone' });
    world.end({
      step: 'verify',
      report: { outcome: 'unsound', faults: [{ subject: 'configuration', sentence: 'our entry is gone' }] },
    });
  };
  const first = world.now + 2 * MINUTE;
  for (let repair = 0; repair < 3; repair += 1) {
    world.now += 2 * MINUTE;
    spoil();
    world.end(installed());
    world.end(proofs(passed));
  }
  world.now += 2 * MINUTE;
  spoil();
  t.equal(world.state.task, 'prove', 'the fourth time it only asks whether sandboxes start nevertheless');
  world.end(proofs(passed));
  t.match(world.condition, {
    status: 'True',
    reason: 'Contested',
    message:
      'repaired 3 times within an hour, and changed again by somebody: /etc/containerd/config.toml: 9 lines are gone; configuration: our entry is gone',
  });
  world.happen({ kind: 'driftFound', what: 'more' });
  t.equal(world.state.task, undefined);
  world.wait();
  t.equal(world.state.task, 'install');
  t.equal(world.now, first + HOUR, 'an hour after the first repair');
  world.end(installed());
  world.end(proofs(passed));
  t.equal(world.condition?.reason, 'Proved');
  t.end();
});

t.test('a look that nobody could take is taken again, and the third time an install finds out why', t => {
  const world = readyWorld();
  const start = world.now;
  world.happen({ kind: 'driftFound', what: 'the socket of CRI changed' });
  for (let look = 0; look < 3; look += 1) {
    t.equal(world.state.task, 'verify');
    world.end({ step: 'verify', report: trouble('ContainerdUnreachable', 'failed') });
    if (look === 2) continue;
    t.equal(world.state.task, undefined, 'not at once');
    world.wait();
  }
  t.ok(world.now - start < MINUTE);
  t.equal(world.state.task, 'install');
  t.equal(world.condition?.status, 'True');
  world.end(installed('unchanged'));
  t.equal(world.state.task, 'prove');
  t.end();
});
