import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from './cluster-error.ts';
import { INSTALL_FOLDER } from './install-webhook.ts';
import type { Kubectl } from './kubectl.ts';
import { REPOSITORY } from './layout.ts';

/** What the README's three commands are about: in this order they install the product and make use of it. */
export const README_STEPS = ['apply', 'label node', 'label namespace'] as const;

/** One of {@link README_STEPS}. */
export type ReadmeStep = (typeof README_STEPS)[number];

const HEADING = '## Install on a cluster';
/** The words that a reader replaces by names of their own. */
const PLACES: readonly string[] = ['NODE', 'NAMESPACE'];

/**
 * The three commands of the README's cluster install, as it has them: those of one block of code, and no others.
 *
 * @throws {ClusterError} when the README has other ones
 */
export async function readInstallCommands(): Promise<readonly string[]> {
  const text = await readFile(join(REPOSITORY, 'README.md'), 'utf8');
  const [, section = ''] = text.split(`${HEADING}\n`);
  const [own = ''] = section.split(/^## /m);
  const blocks = [...own.matchAll(/^```console\n(.*?)^```/gms)].map(([, block = '']) => block.trimEnd().split('\n'));
  const found = blocks.filter(block => block.some(line => line.startsWith('kubectl apply ')));
  const [commands = []] = found;
  const isKnown = README_STEPS.every((step, index) => commands[index]?.startsWith(`kubectl ${step} `));
  if (found.length === 1 && commands.length === README_STEPS.length && isKnown) return commands;
  throw new ClusterError(`README.md does not install by these three commands: ${README_STEPS.join(', ')}`, commands);
}

/** Runs one of these commands, with a name where the README has NODE or NAMESPACE, and nothing else changed. */
export async function runReadmeCommand(kubectl: Kubectl, step: ReadmeStep, name = ''): Promise<string> {
  const command = (await readInstallCommands())[README_STEPS.indexOf(step)] ?? '';
  const [, ...words] = command.split(' ').map(word => (PLACES.includes(word) ? name : word));
  return await kubectl.run(words, { cwd: INSTALL_FOLDER });
}
