import { readdir, readFile } from 'node:fs/promises';
import { tryCommand } from './run-command.ts';

/** What a cluster could leave on a machine, looked at without knowing its names. */
export async function machineSnapshot(): Promise<Readonly<Record<string, readonly string[]>>> {
  const links = await tryCommand('ip', ['-oneline', 'link', 'show']);
  // What is further down belongs to whoever made the group above it.
  const groups = await tryCommand('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-type', 'd']);
  const sysctls = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops', 'net/ipv4/ip_forward'];
  const values: string[] = [];
  for (const name of sysctls) values.push(`${name}=${(await readFile(`/proc/sys/${name}`, 'utf8')).trim()}`);
  return {
    mounts: lines(await readFile('/proc/self/mounts', 'utf8')),
    links: lines(links.stdout).map(line => line.split(': ')[1] ?? ''),
    namespaces: await entries('/run/netns'),
    cgroups: lines(groups.stdout),
    folders: await entries('/var/lib'),
    machines: [...(await entries('/run/systemd/nspawn/locks')), ...(await entries('/run/systemd/nspawn/propagate'))],
    sysctls: values,
  };
}

async function entries(folder: string): Promise<readonly string[]> {
  return lines((await readdir(folder).catch(() => [])).join('\n'));
}

function lines(text: string): readonly string[] {
  return text.trimEnd().split('\n').toSorted();
}
