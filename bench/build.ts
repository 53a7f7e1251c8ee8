import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Contender } from './contender.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Makes the bundle of the image anew. @returns its path */
export async function buildWebhook(signal: AbortSignal): Promise<string> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'images/bundle.ts')], { cwd: ROOT, signal });
  return join(ROOT, 'dist/main.cjs');
}

/** The baselines, each one file as ours is, so that none pays for type stripping or for many files at its start. */
export async function buildBaselines(folder: string): Promise<readonly Contender[]> {
  const baselines = [
    { name: 'bare', file: 'bare' },
    { name: 'fastify', file: 'fastify' },
    { name: 'fastify+pino', file: 'fastify-and-pino' },
  ] as const;
  return await Promise.all(
    baselines.map(async ({ name, file }) => {
      const script = join(folder, `${file}.cjs`);
      await build({
        entryPoints: [join(ROOT, `bench/servers/${file}.ts`)],
        outfile: script,
        bundle: true,
        platform: 'node',
        format: 'cjs',
        target: 'node24',
        logLevel: 'error',
      });
      return { name, script, isWebhook: false };
    }),
  );
}
