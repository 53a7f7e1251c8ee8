import { mkdtemp, rm } from 'node:fs/promises';
import { machine, tmpdir } from 'node:os';
import { join } from 'node:path';
import { choiceFlag, type Flags, parseFlags, usageError } from '../src/cli/flags.ts';
import { EXIT_CODES, type ExitCode, UserError } from '../src/errors/user-error.ts';
import { DEFAULT_IMAGE, DEFAULT_NODE_IMAGE, IMAGE_NAME, NODE_IMAGE_NAME } from '../src/manifest/names.ts';
import { type Builder, buildImage, BUILDERS, findBuilder } from './builder.ts';
import { kustomizeImages } from './image-reference.ts';
import { makePayloadContext } from './payload-context.ts';

const ROOT = join(import.meta.dirname, '..');
const NAME = 'image';
const ARCHITECTURES = ['x86_64', 'aarch64'] as const;
const FLAGS = {
  tag: 'string',
  builder: 'string',
  'build-image': 'string',
  'runtime-image': 'string',
  payload: 'string',
  release: 'string',
  sha512: 'string',
  architecture: 'string',
  'product-image': 'string',
  help: 'boolean',
} as const;

const HELP = `npm run image -- --tag registry.example/gvisor-injector:0.1.0
npm run image -- --payload gvisor.tar.zstd --release 20260914.0 --sha512 gvisor.tar.zstd.sha512 \\
  --product-image registry.example/gvisor-injector:0.1.0 --tag registry.example/gvisor-injector-node:0.1.0

Builds the image of the product from images/Dockerfile, or, with --payload, from it that of the node agent, by
images/node.Dockerfile. Prints the lines for the images: of a kustomization.

  --tag IMAGE            name and tag of the image (default: ${DEFAULT_IMAGE}, with --payload ${DEFAULT_NODE_IMAGE})
  --builder NAME         ${BUILDERS.join(', ')} (default: the first that works here)
  --build-image IMAGE    base to build in: Node 24 with npm (default: in images/Dockerfile)
  --runtime-image IMAGE  base to run on: its entry point is Node 24 (default: in images/Dockerfile)

  --payload PATH         a release of gVisor: gvisor.tar.zstd, gvisor.tar.bz2 (unpacked by tar), or a folder with its parts
  --release NAME         which release it is, such as 20260914.0
  --sha512 SUM           the archive's sha512, or a file of sums (default: the one that lies beside)
  --architecture NAME    ${ARCHITECTURES.join(' or ')} (default: this machine's)
  --product-image IMAGE  the product's image (default: ${DEFAULT_IMAGE})
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
  const { tag: image = flags.payload === undefined ? DEFAULT_IMAGE : DEFAULT_NODE_IMAGE } = flags;
  const lines = kustomizeImages(flags.payload === undefined ? IMAGE_NAME : NODE_IMAGE_NAME, image);
  if (lines === undefined) throw usageError(NAME, `--tag must be an image name with a tag, not '${image}'`);
  const builder =
    flags.builder === undefined
      ? await findBuilder()
      : choiceFlag(NAME, { name: 'builder', value: flags.builder, choices: BUILDERS });
  process.stderr.write(`building ${image} with ${builder}\n`);
  await (flags.payload === undefined ? buildProduct : buildNode)({ builder, image, flags });
  process.stderr.write(
    `\nBuilt ${image}. Bring it to where your nodes find it, and put this into your kustomization:\n`,
  );
  process.stdout.write(lines);
  return EXIT_CODES.done;
}

interface Build {
  readonly builder: Builder;
  readonly image: string;
  readonly flags: Flags<typeof FLAGS>;
}

async function buildProduct({ builder, image, flags }: Build): Promise<void> {
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
}

async function buildNode({ builder, image, flags }: Build): Promise<void> {
  const { payload: path = '', release, sha512: sum, architecture = machine() } = flags;
  if (release === undefined) throw usageError(NAME, '--payload needs --release, which names the release');
  const known = choiceFlag(NAME, { name: 'architecture', value: architecture, choices: ARCHITECTURES });
  const context = await mkdtemp(join(tmpdir(), 'gvisor-injector-image-'));
  try {
    await makePayloadContext({ path, release, architecture: known, sum }, context);
    await buildImage({
      builder,
      context,
      dockerfile: join(ROOT, 'images/node.Dockerfile'),
      image,
      buildArguments: { PRODUCT_IMAGE: flags['product-image'] ?? DEFAULT_IMAGE },
    });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
