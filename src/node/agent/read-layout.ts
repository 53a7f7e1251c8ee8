import { detectLayout } from '../layout/detect-layout.ts';
import type { Layout } from '../layout/layout.ts';
import { readLayoutFacts } from '../layout/read-layout-facts.ts';
import { NodeError } from '../node-error.ts';
import type { ChangeContext } from '../change/context.ts';

/** The layout of the host, without reading the rest of it. @throws {NodeError} why there is none */
export async function readLayout({ files, systemd }: Pick<ChangeContext, 'files' | 'systemd'>): Promise<Layout> {
  const layout = detectLayout(await readLayoutFacts(files, systemd));
  if ('reason' in layout) throw new NodeError('NodeRefused', layout);
  return layout;
}
