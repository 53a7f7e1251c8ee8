import { printable } from '../../policy/printable.ts';
import { NodeError } from '../node-error.ts';
import type { HostFiles } from './host-files.ts';

const MACHINE_ID_FILE = '/etc/machine-id';

/** The host's identity: 32 hexadecimal digits (machine-id(5)). @throws {NodeError} LayoutUnsupported when it has none */
export async function readMachineId(files: HostFiles): Promise<string> {
  const bytes = await files.read(MACHINE_ID_FILE);
  const text = bytes?.toString('utf8').trim();
  if (text !== undefined && /^[0-9a-f]{32}$/.test(text)) return text;
  throw new NodeError('NodeRefused', {
    reason: 'LayoutUnsupported',
    sentence: `${MACHINE_ID_FILE} ${text === undefined ? 'is not there' : `holds '${printable(text, 40)}'`}, where 32 hexadecimal digits are expected`,
    hint: `systemd writes it at boot, and 'systemd-machine-id-setup' does it by hand; is this the root of a host that runs?`,
  });
}
