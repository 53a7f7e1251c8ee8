import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ClusterError } from '../cluster/cluster-error.ts';
import { createProgress } from '../cluster/progress.ts';
import { createHost, startedHost } from './create-host.ts';
import { prepareHostParts } from './host-parts.ts';
import { tearDownHosts } from './tear-down.ts';

const HELP = `test/host/main.ts up [debian | module]

A host with systemd and containerd and nothing else, for tests and for a look. Root on Debian, with Go.

  up [SOURCE]    creates the host of that name: containerd of Debian (1.7, default), or of the Go module (2.x)
  shell SOURCE   a shell in it; 'node /usr/local/lib/gvisor-injector/src/cli/main.ts' is the product
  down           removes every host
`;

/** Runs one command. Returns the exit code. */
async function main([command, name = 'debian', ...rest]: readonly string[]): Promise<number> {
  if (name !== 'debian' && name !== 'module') throw new ClusterError(`there is no containerd of '${name}'`);
  const progress = createProgress(process.stderr);
  switch (command) {
    case 'up': {
      const parts = await prepareHostParts(progress, new AbortController().signal);
      await progress(`creating host ${name}`, async () => await createHost({ name, containerd: name, parts }));
      return 0;
    }
    case 'shell': {
      const args = await startedHost(name).enterArguments();
      const shell = spawn('nsenter', [...args, ...(rest.length > 0 ? rest : ['bash'])], { stdio: 'inherit' });
      await once(shell, 'close');
      return shell.exitCode ?? 1;
    }
    case 'down':
      await tearDownHosts();
      return 0;
    default:
      process.stdout.write(HELP);
      return command === undefined ? 0 : 2;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ClusterError)) throw error;
  process.stderr.write(`${[error.message, ...error.details].join('\n  ')}\n`);
  process.exitCode = 1;
}
