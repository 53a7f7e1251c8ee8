import { spawn } from 'node:child_process';
import { systemErrorCode, UserError } from '../src/errors/user-error.ts';

/** Programs that build images, in the order in which they are looked for. */
export const BUILDERS = ['docker', 'podman', 'buildah'] as const;

/** A program that builds images from a Dockerfile. */
export type Builder = (typeof BUILDERS)[number];

/** What to build an image from. */
export interface BuildOptions {
  readonly builder: Builder;
  /** Folder that the Dockerfile copies from. */
  readonly context: string;
  readonly dockerfile: string;
  /** Name and tag of the result. */
  readonly image: string;
  readonly buildArguments: Readonly<Record<string, string>>;
}

/**
 * The first builder that works here. A client without its daemon does not.
 *
 * @throws {UserError} BadUsage when there is none
 */
export async function findBuilder(): Promise<Builder> {
  for (const builder of BUILDERS) {
    if ((await run(builder, ['info'], 'ignore')) === 0) return builder;
  }
  throw new UserError('BadUsage', `Cannot build an image: none of ${BUILDERS.join(', ')} works here`, {
    hint: 'Install one of them, or start the daemon of docker, and try again',
  });
}

/**
 * Builds an image; what the builder says goes to stderr.
 *
 * @throws {UserError} WriteFailed when the builder fails
 */
export async function buildImage(options: BuildOptions): Promise<void> {
  const { builder, context, dockerfile, image, buildArguments } = options;
  const args = [
    'build',
    `--file=${dockerfile}`,
    `--tag=${image}`,
    ...Object.entries(buildArguments).map(([name, value]) => `--build-arg=${name}=${value}`),
    context,
  ];
  const code = await run(builder, args, 'inherit');
  if (code === 'ENOENT') throw new UserError('BadUsage', `Cannot build an image: ${builder} is not installed`);
  if (code !== 0) {
    throw new UserError('WriteFailed', `Cannot build the image '${image}': ${builder} ended with ${code}`, {
      hint: 'The lines above are the words of the builder',
    });
  }
}

/** The exit code, or what ended the program or kept it from starting. */
async function run(program: string, args: readonly string[], output: 'inherit' | 'ignore'): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  spawn(program, args, { stdio: ['ignore', output === 'inherit' ? 2 : 'ignore', output] })
    .once('error', error => resolve(systemErrorCode(error) ?? error.message))
    .once('close', (code, signal) => resolve(code ?? String(signal)));
  return await promise;
}
