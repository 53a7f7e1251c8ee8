import { writeFile } from 'node:fs/promises';
import { EXIT_CODES, systemErrorCode, UserError } from '../errors/user-error.ts';
import { evidenceText, gatherEvidence } from '../node/proof/evidence.ts';
import { localSurroundings } from '../node/proof/evidence-surroundings.ts';
import { parseFlags } from './flags.ts';
import type { NodeCommand } from './node.ts';

const NAME = 'node evidence';
/** Where a kubelet takes a container's last words from (kubernetes: Container.terminationMessagePath). */
const TERMINATION_MESSAGE = '/dev/termination-log';
const FLAGS = { output: 'string' } as const;

/** `node evidence`: the program of a proof's Pod. */
export const nodeEvidence: NodeCommand = {
  help: `gvisor-injector node evidence --output -

What the Pod of a proof runs: gathers what it sees of kernel, network and limits, and leaves it as the container's
termination message, where the node agent reads it. Proves nothing by itself.

  -o, --output FILE    where to, - for stdout (default: ${TERMINATION_MESSAGE})
`,
  run: async (args, io) => {
    const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { o: 'output' } });
    const file = flags.output ?? TERMINATION_MESSAGE;
    const text = evidenceText(await gatherEvidence(localSurroundings(io.environment)));
    if (file === '-') io.stdout.write(`${text}\n`);
    else await writeMessage(file, text);
    return EXIT_CODES.done;
  },
};

/** Into the file that is there: the kubelet reads that one, and no other of its name. */
async function writeMessage(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new UserError('WriteFailed', `Cannot write the evidence to '${file}': ${systemErrorCode(cause)}`, {
      hint: 'Outside of a Pod, name - or a file with --output',
      cause,
    });
  }
}
