import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { UserError } from '../../src/errors/user-error.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { connectSystemd } from '../../src/node/systemd/connect-systemd.ts';
import { holdLock } from '../../src/node/systemd/lock.ts';
import type { Systemd } from '../../src/node/systemd/systemd.ts';

/**
 * Runs in a host and makes one call of its systemd: `systemd-probe.ts CALL [TEXT]...`. Prints what the call comes to, or
 * the message of a UserError, as JSON. `lock` holds the lock until its standard input ends.
 */
const ROOT = '/';
const files = openHostFiles(ROOT);
const systemd = await connectSystemd({ socket: '/run/systemd/private', files });
const [call = '', ...texts] = process.argv.slice(2);
try {
  print({ result: await make(systemd, call, texts) });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  print({ error: error.message });
} finally {
  await systemd.close();
}

async function make(systemd: Systemd, call: string, [text = '', ...others]: readonly string[]): Promise<unknown> {
  switch (call) {
    case 'unit':
      return await systemd.unit(text);
    case 'run':
      return await systemd.run({ purpose: 'probe', timeoutSeconds: Number(text), command: others });
    case 'restart':
      return await systemd.restart(text);
    case 'start':
      return await systemd.start(text);
    case 'stop':
      return await systemd.stop(text);
    case 'reload':
      return await systemd.reload();
    case 'reset-failed':
      return await systemd.resetFailed(text);
    case 'lock':
      return await lock(systemd);
    case 'reexec':
      await promisify(execFile)('systemctl', ['daemon-reexec']);
      return await systemd.unit(text);
    default:
      throw new TypeError(`there is no call '${call}'`);
  }
}

async function lock(systemd: Systemd): Promise<string> {
  const started = performance.now();
  const release = await holdLock({ systemd, files, root: ROOT });
  print({ heldAfterMilliseconds: Math.round(performance.now() - started) });
  process.stdin.resume();
  await once(process.stdin, 'end');
  await release();
  return 'released';
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
