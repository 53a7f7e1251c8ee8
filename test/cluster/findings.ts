import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ProgramFolders } from './go-programs.ts';
import { REPOSITORY } from './layout.ts';

/** Something that the tests found out. */
export interface Finding {
  readonly question: string;
  readonly answer: string;
}

/** A page of what the tests found out. */
export interface FindingsPage {
  /** In docs/. */
  readonly file: string;
  readonly title: string;
  readonly findings: readonly Finding[];
}

/** Renders what the tests found out into docs/, when `UPDATE_FIXTURES` is set. */
export async function writeFindings({ file, title, findings }: FindingsPage, programs: ProgramFolders): Promise<void> {
  if (process.env['UPDATE_FIXTURES'] !== '1') return;
  const head = `# ${title}

Rendered by \`UPDATE_FIXTURES=1 npm run test:cluster\` from what the tests saw: ${basename(programs.kubernetes)}, ${basename(programs.containerd)} and Debian's containerd, ${basename(programs.gvisor)}.
`;
  const sections = findings.map(({ question, answer }) => `\n## ${question}\n\n${answer}\n`);
  await writeFile(join(REPOSITORY, 'docs', file), `${head}${sections.join('')}`);
}
