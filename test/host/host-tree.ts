import type { TestHost } from './create-host.ts';

/** Where an install may write. containerd's own state is left out. */
const FOLDERS = ['/etc', '/opt', '/usr/local/bin', '/usr/local/sbin', '/var/lib/gvisor-injector'];

/** Every file of a host that an install could have touched: kind, mode, owner, path, target of a link, content. */
export async function hostTree(host: Pick<TestHost, 'run'>): Promise<readonly string[]> {
  const script = `
find ${FOLDERS.join(' ')} -printf '%y %m %U:%G %p %l\\n' 2>/dev/null || true
find ${FOLDERS.join(' ')} -type f -exec sha256sum {} + 2>/dev/null || true
`;
  return (await host.run(['sh', '-c', script])).split('\n').toSorted();
}
