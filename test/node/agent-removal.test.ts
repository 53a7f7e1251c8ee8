import t from 'tap';
import { AGENT_REASONS } from '../../src/node/agent/agent-reason.ts';
import { NODE_REASONS } from '../../src/node/reason.ts';
import { installed, proofs, readyWorld, trouble, VERDICTS, World } from './agent-world.ts';

const { passed, failed } = VERDICTS;

t.test('a removal waits for sandboxes with the label on, then takes the label, then the rest', t => {
  const world = readyWorld();
  world.wish = 'remove';
  world.see();
  world.end({ step: 'look', report: trouble('SandboxesPresent') });
  t.match(world.condition, {
    status: 'True',
    reason: 'SandboxesPresent',
    message: /cannot be yet: there is SandboxesPresent/,
  });
  t.ok(world.labels.has('runsc'));
  world.wait();
  world.end({ step: 'look', report: { outcome: 'clear' } });
  t.notOk(world.labels.has('runsc'));
  t.equal(world.state.task, 'uninstall');
  world.end({ step: 'uninstall', report: trouble('SandboxesPresent') });
  t.ok(world.labels.has('runsc'), 'one came: the label is back, as nothing was changed');
  world.wait();
  world.end({ step: 'look', report: { outcome: 'clear' } });
  world.end({ step: 'uninstall', report: { outcome: 'removed' } });
  t.match(world.condition, { status: 'False', reason: 'Removed' });
  t.notOk(world.labels.has('runsc'));
  t.equal(world.actions?.wakeAt, undefined, 'nothing more to do');

  world.wish = 'install';
  world.see();
  world.end(installed());
  world.end(proofs(passed));
  t.ok(world.labels.has('runsc'));
  t.end();
});

t.test('a label that no proof had earned is not given back', t => {
  const world = new World();
  world.see();
  world.end(installed());
  world.labels.add('runsc');
  world.end(proofs(VERDICTS.inconclusive));
  t.ok(world.labels.has('runsc'), 'somebody put it there, and it is left');
  world.wish = 'remove';
  world.see();
  world.end({ step: 'look', report: { outcome: 'clear' } });
  world.end({ step: 'uninstall', report: trouble('SandboxesPresent') });
  t.notOk(world.labels.has('runsc'));
  t.end();
});

t.test('who thinks better of a removal gets the node back by a proof', t => {
  const world = readyWorld();
  world.wish = 'remove';
  world.see();
  world.end({ step: 'look', report: { outcome: 'clear' } });
  world.wish = 'install';
  world.see();
  world.end({ step: 'uninstall', report: { outcome: 'removed' } });
  t.equal(world.state.task, 'install');
  world.end(installed('unchanged'));
  t.notOk(world.labels.has('runsc'));
  world.end(proofs(passed));
  t.ok(world.labels.has('runsc'));
  t.end();
});

t.test('a repair that fails is followed by a proof, so that the label is not kept by never looking', t => {
  const world = readyWorld();
  world.happen({ kind: 'driftFound', what: 'runsc is gone' });
  world.end({
    step: 'verify',
    report: { outcome: 'unsound', faults: [{ subject: 'payload', sentence: 'runsc is gone' }] },
  });
  world.end({ step: 'install', report: trouble('TargetFull') });
  t.match(world.condition, {
    status: 'False',
    reason: 'TargetFull',
    message: /what was installed before is still there/,
  });
  t.equal(world.state.task, 'prove');
  world.end(proofs(failed));
  world.wait();
  t.equal(world.state.task, 'prove');
  world.end(proofs(failed));
  t.notOk(world.labels.has('runsc'));
  t.end();
});

t.test('a removal that failed on its way gives no label back', t => {
  const world = readyWorld();
  world.wish = 'remove';
  world.see();
  world.end({ step: 'look', report: { outcome: 'clear' } });
  world.end({ step: 'uninstall', report: trouble('SandboxesPresent', 'failed') });
  t.notOk(world.labels.has('runsc'));
  t.match(world.condition, { status: 'False', reason: 'SandboxesPresent' });
  t.end();
});

t.test('the label of a handler that the policy no longer has goes', t => {
  const world = readyWorld();
  world.labels.add('runsc-old');
  world.restart();
  world.see();
  world.end(installed('installed', ['runsc']));
  t.strictSame([...world.labels], ['runsc']);
  t.end();
});

t.test('while the API server is away nothing is lost, and marks come later', t => {
  const world = readyWorld();
  world.isUp = false;
  world.restart('boot-two');
  world.see();
  world.end(installed());
  world.end(proofs(failed));
  t.strictSame(world.written, []);
  t.ok((world.actions?.wakeAt ?? 0) > world.now);
  world.isUp = true;
  world.happen({ kind: 'apiRecovered' });
  t.strictSame(world.written, ['False ProofFailed', 'event Warning ProofFailed']);
  t.end();
});

t.test('a node that nobody chose is neither changed nor marked', t => {
  const world = new World();
  world.wish = 'none';
  world.see();
  t.strictSame([world.started, world.written], [[], []]);
  t.equal(world.state.hasLooked, true);
  t.end();
});

t.test('told to stop, the agent waits for the step that runs, and changes nothing more', t => {
  const world = readyWorld();
  world.happen({ kind: 'driftFound', what: 'x' });
  world.happen({ kind: 'stop' });
  t.equal(world.actions?.end, false);
  world.end({ step: 'verify', report: { outcome: 'unsound', faults: [{ subject: 's', sentence: 's' }] } });
  t.equal(world.actions?.end, true);
  t.strictSame(world.started, ['verify']);
  t.strictSame(world.written, []);
  t.end();
});

t.test('the reasons of the agent are none of the reasons of the host', t => {
  const all = [...AGENT_REASONS, ...NODE_REASONS];
  t.equal(new Set<string>(all).size, all.length);
  for (const reason of all) t.match(reason, /^[A-Z][A-Za-z]+$/, 'as the API server wants a reason');
  t.end();
});
