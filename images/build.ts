import { join } from 'node:path';
import { choiceFlag, parseFlags, usageError } from '../src/cli/flags.ts';
import { EXIT_CODES, type ExitCode, UserError } from '../src/errors/user-error.ts';
import { DEFAULT_IMAGE, IMAGE_NAME } from '../src/manifest/names.ts';
import { buildImage, BUILDERS, findBuilder } from './builder.ts';
import { kustomizeImages } from './image-reference.ts';

const ROOT = join(import.meta.dirname, '..');
const NAME = 'image';
const FLAGS = {
  tag: 'string',
  builder: 'string',
  'build-image': 'string',
  'runtime-image': 'string',
  help: 'boolean',
} as const;

const HELP = `npm run image -- --tag registry.example/gvisor-injector:0.1.0

Builds the image from images/Dockerfile and prints the lines for the images: of a kustomization.

  --tag IMAGE            name and tag of the image (default: ${DEFAULT_IMAGE})
  --builder NAME         ${BUILDERS.join(', ')} (default: the first that works here)
  --build-image IMAGE    base to build in: Node 24 with npm (default: in images/Dockerfile)
  --runtime-image IMAGE  base to run on: its entry point is Node 24 (default: in images/Dockerfile)
`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  const help = error.hint?.replace(/'gvisor-injector [a-z]+ --help'/, "'npm run image -- --help'");
  const hint = help === undefined ? [] : [`hint: ${help}`];
  process.stderr.write(`${[`error: ${error.message}`, ...hint].join('\n')}\n`);
  process.exitCode = error.exitCode;
}

async function main(args: readonly string[]): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS });
  if (flags.help) {
    process.stdout.write(HELP);
    return EXIT_CODES.done;
  }
  const { tag: image = DEFAULT_IMAGE } = flags;
  const lines = kustomizeImages(IMAGE_NAME, image);
  if (lines === undefined) throw usageError(NAME, `--tag must be an image name with a tag, not '${image}'`);
  const builder =
    flags.builder === undefined
      ? await findBuilder()
      : choiceFlag(NAME, { name: 'builder', value: flags.builder, choices: BUILDERS });
  process.stderr.write(`building ${image} with ${builder}\n`);
  await buildImage({
    builder,
    context: ROOT,
    dockerfile: join(ROOT, 'images/Dockerfile'),
    image,
    buildArguments: {
      ...(flags['build-image'] === undefined ? {} : { BUILD_IMAGE: flags['build-image'] }),
      ...(flags['runtime-image'] === undefined ? {} : { RUNTIME_IMAGE: flags['runtime-image'] }),
    },
  });
  process.stderr.write(
    `\nBuilt ${image}. Bring it to where your nodes find it, and put this into your kustomization:\n`,
  );
  process.stdout.write(lines);
  return EXIT_CODES.done;
}
