import {
  CANDIDATE_DROP_IN,
  CANDIDATE_FOLDER,
  CANDIDATE_ROOT,
  type ConfigurationChange,
} from '../containerd/configuration.ts';
import { compareDumps } from '../containerd/compare-dumps.ts';
import type { Host } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { replaceFile, temporaryPathOf } from '../host/replace-file.ts';
import { NodeError } from '../node-error.ts';
import { printable } from '../../policy/printable.ts';
import type { ChangeContext } from './context.ts';

const CANDIDATE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const TIMEOUT_SECONDS = 30;
const MESSAGE_LENGTH = 500;

/**
 * Asks the node's own containerd what it would make of the change, before anything is touched: it must load, and
 * nothing may differ but what is ours.
 *
 * @throws {NodeError} OracleRefused with what containerd says, or with the differences
 */
export async function askOracle(
  { files, systemd, report }: ChangeContext,
  host: Host,
  change: ConfigurationChange,
): Promise<void> {
  report(`asking ${host.layout.program} what it makes of the new configuration`);
  // A configuration may hold credentials of registries.
  const attributes = { mode: CANDIDATE_MODE, uid: 0, gid: 0 };
  await files.makeFolder(CANDIDATE_FOLDER, FOLDER_MODE);
  try {
    await replaceFile(files, CANDIDATE_ROOT, change.candidate.root, attributes);
    if (change.candidate.dropIn !== undefined) {
      await replaceFile(files, CANDIDATE_DROP_IN, change.candidate.dropIn, attributes);
    }
    const { exitCode, stdout, stderr } = await systemd.run({
      purpose: 'oracle',
      command: [host.layout.program, '--config', CANDIDATE_ROOT, 'config', 'dump'],
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    if (exitCode !== 0) throw refusal(host, `does not load it: ${printable(stderr.trim(), MESSAGE_LENGTH)}`);
    const { entries, removed } = change;
    const differences = compareDumps({ before: host.dump, after: stdout, entries, removed });
    if (differences.length > 0) throw refusal(host, `would not only change what is ours: ${differences.join('; ')}`);
  } finally {
    await removeCandidates(files);
  }
}

/** Removes the candidates, also those that an interrupted run left: they may hold credentials of registries. */
export async function removeCandidates(files: HostFiles): Promise<void> {
  if ((await files.status(CANDIDATE_FOLDER)) === undefined) return;
  for (const file of [CANDIDATE_ROOT, CANDIDATE_DROP_IN]) {
    await files.removeFile(temporaryPathOf(file));
    await files.removeFile(file);
  }
  await files.removeFolder(CANDIDATE_FOLDER);
}

function refusal(host: Host, what: string): NodeError {
  return new NodeError('NodeRefused', {
    reason: 'OracleRefused',
    sentence: `${host.layout.program} was asked about the new configuration and ${what}`,
    hint: 'Nothing was changed; look for drop-ins that replace what the root file says, and report the versions',
  });
}
