import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ProgramFolders } from './go-programs.ts';
import { REPOSITORY } from './layout.ts';

const FILE = join(REPOSITORY, 'docs/api-server-behaviour.md');

/** Renders what the tests found out into docs/, when `UPDATE_FIXTURES` is set. */
export async function writeFindings(
  notes: readonly { readonly question: string; readonly answer: string }[],
  programs: ProgramFolders,
): Promise<void> {
  if (process.env['UPDATE_FIXTURES'] !== '1') return;
  const head = `# What the API server does

Rendered by \`UPDATE_FIXTURES=1 npm run test:cluster\` from what the tests saw: ${basename(programs.kubernetes)}, ${basename(programs.containerd)} and Debian's containerd, ${basename(programs.gvisor)}.
`;
  const sections = notes.map(({ question, answer }) => `\n## ${question}\n\n${answer}\n`);
  await writeFile(FILE, `${head}${sections.join('')}`);
}
