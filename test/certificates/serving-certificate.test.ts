import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createAuthority, type IssuedCertificate, issueServingCertificate } from '../../src/certificates/authority.ts';
import { readFilePair } from '../../src/certificates/file-pair.ts';
import { ServingCertificate } from '../../src/certificates/serving-certificate.ts';
import { ManualClock } from './manual-clock.ts';
import { Results } from './results.ts';
import { swapSecret } from './secret-volume.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const DEBOUNCE = 100;
const RETRY = 2_000;
const POLL = 30_000;
const authority = await createAuthority({ now: NOW, days: 30, commonName: 'test authority' });
const issue = async (days: number) =>
  await issueServingCertificate(authority, { now: NOW, days, dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
const [first, second, third] = await Promise.all([issue(1), issue(2), issue(3)]);

function writePair(folder: string, { certificate, key }: IssuedCertificate): void {
  writeFileSync(join(folder, 'tls.crt'), certificate);
  writeFileSync(join(folder, 'tls.key'), key);
}

async function openIn(t: Test, folder: string) {
  const clock = new ManualClock(NOW);
  const results = new Results();
  const files = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const certificate = await ServingCertificate.open({ ...files, clock, onReload: results.onReload });
  t.teardown(async () => await certificate.close());
  return { clock, results, certificate };
}

t.test('ServingCertificate follows a Secret volume through its swaps', async t => {
  const folder = t.testdir();
  swapSecret(folder, '1', first);
  const { clock, results, certificate } = await openIn(t, folder);
  t.equal(await results.nextLoaded(), first.certificate);
  t.equal(certificate.current()?.certificate, first.certificate);
  t.strictSame(clock.pending(), [POLL], 'only the slow poll is pending');
  swapSecret(folder, '2', second);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), second.certificate);
  swapSecret(folder, '3', third);
  rmSync(join(folder, '..2026_03_01_12_00_00.2'), { recursive: true });
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), third.certificate);
  t.equal(certificate.current()?.key, third.key);
  t.equal(results.all.length, 3, 'one result a swap');
});

t.test('a burst of events is one reading', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const { clock, results } = await openIn(t, folder);
  await results.next();
  for (let index = 0; index < 50; index++) writeFileSync(join(folder, `noise-${index}`), '');
  writePair(folder, second);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), second.certificate);
  t.equal(results.all.length, 2);
  t.ok(clock.pending().length <= 1, 'at most one call is pending');
});

t.test('the same bytes are no news', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const { clock, results, certificate } = await openIn(t, folder);
  const pair = certificate.current();
  writePair(folder, first);
  await clock.run(DEBOUNCE);
  await certificate.reload();
  await clock.run(POLL);
  await certificate.reload();
  t.equal(results.all.length, 1);
  t.equal(certificate.current(), pair);
});

t.test('a broken pair keeps the old one, is told once, and its repair is told', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const { clock, results, certificate } = await openIn(t, folder);
  await results.next();
  writeFileSync(join(folder, 'tls.crt'), 'broken');
  await clock.run(DEBOUNCE);
  const failed = await results.next();
  t.match(failed, { kind: 'failed', fault: 'the certificate file holds no PEM certificate' });
  t.equal(failed.kind === 'failed' && failed.kept?.certificate, first.certificate);
  t.equal(certificate.current()?.certificate, first.certificate);
  t.ok(certificate.isUsable(NOW));
  for (let poll = 0; poll < 5; poll++) await clock.run(RETRY);
  await certificate.reload();
  t.equal(results.all.length, 2, 'polls of the same failure are silent');
  writeFileSync(join(folder, 'tls.crt'), 'broken in another way');
  await clock.run(DEBOUNCE);
  t.equal(await results.nextFault(), 'the certificate file holds no PEM certificate', 'a second attempt is news');
  writePair(folder, first);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), first.certificate, 'the old pair back in the files ends the failure');
  writePair(folder, second);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), second.certificate);
});

t.test('files written one after the other end in the new pair', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const { clock, results, certificate } = await openIn(t, folder);
  await results.next();
  writeFileSync(join(folder, 'tls.key'), second.key);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextFault(), 'the private key does not belong to the certificate');
  writeFileSync(join(folder, 'tls.crt'), second.certificate.slice(0, 100));
  await clock.run(DEBOUNCE);
  t.match(await results.nextFault(), 'it ends within one');
  t.equal(certificate.current()?.certificate, first.certificate);
  writeFileSync(join(folder, 'tls.crt'), second.certificate);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), second.certificate);
});

t.test('a swap between the two files never looks like a broken pair', async t => {
  for (const swapAt of [0, 1, 2, 3, 4, 5]) {
    let readings = 0;
    const read = async (file: string): Promise<string> => {
      const pair = readings++ < swapAt ? first : second;
      return file === 'certificate' ? pair.certificate : pair.key;
    };
    const texts = await readFilePair({ certificateFile: 'certificate', keyFile: 'key' }, read);
    const expected = [first, second].find(({ key }) => texts.kind === 'read' && texts.key === key);
    t.equal(texts.kind === 'read' && texts.certificate, expected?.certificate, `swap after ${swapAt} readings`);
  }
});

t.test('a folder that is missing at the start is found when it comes, goes and comes again', async t => {
  const folder = join(t.testdir(), 'later', 'certificates');
  const { clock, results, certificate } = await openIn(t, folder);
  t.match(await results.nextFault(), /^cannot read '.*tls\.crt': ENOENT$/);
  t.equal(certificate.current(), undefined);
  t.notOk(certificate.isUsable(NOW));
  await clock.run(RETRY);
  mkdirSync(folder, { recursive: true });
  await clock.run(RETRY);
  await certificate.reload();
  t.equal(results.all.length, 1, 'still the same failure');
  swapSecret(folder, '1', first);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), first.certificate);
  rmSync(folder, { recursive: true });
  await clock.run(DEBOUNCE);
  t.match(await results.nextFault(), /ENOENT$/);
  t.ok(certificate.isUsable(NOW), 'the last good pair stays in use');
  mkdirSync(folder);
  swapSecret(folder, '2', second);
  await clock.run(RETRY);
  t.equal(await results.nextLoaded(), second.certificate);
  swapSecret(folder, '3', third);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), third.certificate, 'the new folder is watched');
});

t.test('a folder that was replaced by another is found by the slow poll', async t => {
  const root = t.testdir({ old: {}, new: {} });
  writePair(join(root, 'old'), first);
  writePair(join(root, 'new'), second);
  symlinkSync('old', join(root, 'link'));
  const { clock, results } = await openIn(t, join(root, 'link'));
  await results.next();
  symlinkSync('new', join(root, 'link-next'));
  renameSync(join(root, 'link-next'), join(root, 'link'));
  t.strictSame(clock.pending(), [POLL], 'no event tells of it');
  await clock.run(POLL);
  t.equal(await results.nextLoaded(), second.certificate);
  writePair(join(root, 'new'), third);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), third.certificate, 'the new folder is watched');
});

t.test('certificate and key may lie in two folders', async t => {
  const root = t.testdir({ certificates: { 'tls.crt': first.certificate }, keys: { 'tls.key': first.key } });
  const clock = new ManualClock(NOW);
  const results = new Results();
  await using certificate = await ServingCertificate.open({
    certificateFile: join(root, 'certificates', 'tls.crt'),
    keyFile: join(root, 'keys', 'tls.key'),
    clock,
    onReload: results.onReload,
  });
  t.equal(await results.nextLoaded(), first.certificate);
  writeFileSync(join(root, 'certificates', 'tls.crt'), second.certificate);
  await clock.run(DEBOUNCE);
  t.match(await results.nextFault(), 'does not belong');
  writeFileSync(join(root, 'keys', 'tls.key'), second.key);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), second.certificate);
  t.equal(certificate.current()?.certificate, second.certificate);
});

t.test('isUsable() turns with the clock, and an expired pair is replaced by a good one', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const { clock, results, certificate } = await openIn(t, folder);
  await results.next();
  t.ok(certificate.isUsable(new Date('2026-03-02T12:00:00Z')));
  t.notOk(certificate.isUsable(new Date('2026-03-02T12:00:01Z')));
  clock.setNow(new Date('2026-03-03T00:00:00Z'));
  await clock.run(POLL);
  await certificate.reload();
  t.notOk(certificate.isUsable(clock.now()));
  t.equal(results.all.length, 1, 'expiry is no reload');
  writePair(folder, second);
  await clock.run(DEBOUNCE);
  t.equal(await results.nextLoaded(), second.certificate);
  t.ok(certificate.isUsable(clock.now()));
});

t.test('a pair from the future is taken when its time comes', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const clock = new ManualClock(new Date('2026-03-01T11:00:00Z'));
  const results = new Results();
  const files = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  await using certificate = await ServingCertificate.open({ ...files, clock, onReload: results.onReload });
  t.match(await results.nextFault(), 'valid only from 2026-03-01T11:55:00.000Z');
  clock.setNow(NOW);
  await clock.run(RETRY);
  t.equal(await results.nextLoaded(), first.certificate);
  t.ok(certificate.isUsable(NOW));
});

t.test('close() ends the watch, the timers and the results', async t => {
  const folder = t.testdir();
  writePair(folder, first);
  const { clock, results, certificate } = await openIn(t, folder);
  const reading = certificate.reload();
  await certificate.close();
  await reading;
  writePair(folder, second);
  await certificate.reload();
  await certificate.close();
  t.strictSame(clock.pending(), []);
  t.equal(results.all.length, 1);
});
