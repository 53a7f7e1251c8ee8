import fc from 'fast-check';
import t from 'tap';
import { endOf, happening, nothingSeen, observe, play, watchLabels } from './agent-history.ts';
import { World } from './agent-world.ts';

const HOUR = 3_600_000;

t.test('whatever happens, labels follow proofs, and removal follows looks', t => {
  const property = fc.property(fc.array(happening, { maxLength: 80, size: 'max' }), history => {
    const world = new World();
    const seen = nothingSeen();
    watchLabels(world, seen);
    world.see();
    for (const happened of history) {
      const from = world.started.length;
      const { task } = world.state;
      play(world, happened, seen);
      if (world.started.slice(from).includes('uninstall') && (!seen.isClear || world.labels.size > 0)) {
        throw new Error('removed before the label was gone');
      }
      const isNew = happened.kind === 'end' || happened.kind === 'restart' || happened.kind === 'boot';
      if (task !== undefined && !isNew && world.started.length > from) throw new Error('two steps at once');
      const { start, wakeAt } = world.actions ?? {};
      if (start === undefined && wakeAt !== undefined && wakeAt <= world.now) {
        throw new Error('it would wake for nothing for ever');
      }
    }
  });
  fc.assert(property, { numRuns: 2000 });
  t.end();
});

t.test('however often somebody else writes, there are three repairs within any hour', t => {
  const property = fc.property(fc.array(fc.nat(40), { maxLength: 40, size: 'max' }), minutes => {
    const world = new World();
    const seen = nothingSeen();
    world.see();
    for (const wait of minutes) {
      world.wait(wait * 60_000);
      world.happen({ kind: 'driftFound', what: 'a file' });
      for (let { task } = world.state; task !== undefined; { task } = world.state) {
        const ended = endOf(task, 0);
        observe(world, ended, seen);
        world.end(ended);
      }
      const recent = seen.repairs.filter(at => world.now - at < HOUR);
      t.ok(recent.length <= 3, `${recent.length} repairs`);
    }
  });
  fc.assert(property, { numRuns: 100 });
  t.end();
});

t.test('from any history a node that is sound comes to be as it is wanted, and then rests', t => {
  const property = fc.property(
    fc.array(happening, { maxLength: 60, size: 'max' }),
    fc.boolean(),
    (history, isWanted) => {
      const world = new World();
      world.see();
      for (const happened of history) play(world, happened, nothingSeen());
      world.isUp = true;
      world.wish = isWanted ? 'install' : 'remove';
      world.happen({ kind: 'apiRecovered' });
      world.see();
      for (let turn = 0; turn < 30; turn += 1) goOn(world);
      t.equal(world.labels.has('runsc'), isWanted);
      t.match(
        world.condition,
        isWanted ? { status: 'True', reason: 'Proved' } : { status: 'False', reason: 'Removed' },
      );
      if (isWanted) t.notOk(world.hasTaint);
      else t.equal(world.actions?.wakeAt, undefined);
      const writes = world.written.length;
      for (let turn = 0; turn < 10; turn += 1) {
        goOn(world);
        world.see();
      }
      t.equal(world.written.length, writes, 'at rest nothing is written');
    },
  );
  fc.assert(property, { numRuns: 300 });
  t.end();
});

/** What is under way goes well, and what is waited for comes. */
function goOn(world: World): void {
  const { task } = world.state;
  if (task === undefined) world.wait();
  else world.end(endOf(task, task === 'verify' ? 1 : 0));
}
