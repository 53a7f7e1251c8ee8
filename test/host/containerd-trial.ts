import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import {
  CANDIDATE_DROP_IN,
  CANDIDATE_ROOT,
  type ConfigurationChange,
  type ContainerdConfiguration,
} from '../../src/node/containerd/configuration.ts';
import { parseContainerdVersion } from '../../src/node/containerd/containerd-version.ts';
import { withImports } from '../../src/node/containerd/imports.ts';
import { emptyRoot } from '../../src/node/containerd/judge-configuration.ts';
import { readConfiguration } from '../../src/node/containerd/read-configuration.ts';
import { parseToml, stringsOf, valueAt } from '../../src/node/containerd/toml.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import type { Layout } from '../../src/node/layout/layout.ts';
import { type RunResult, tryCommand } from '../cluster/run-command.ts';
import type { ContainerdBuild } from './containerd-builds.ts';

/** What is tried with what. */
export interface TrialOptions {
  /** The root of the host. */
  readonly root: string;
  readonly layout: Layout;
  readonly build: ContainerdBuild;
  readonly edit: (text: string) => string;
}

/**
 * One configuration tried with one real containerd, in a copy of the host's tree. containerd itself is not told of
 * another root: what it is given are the same files with every absolute import pointed into a folder of the trial.
 */
export class ContainerdTrial implements AsyncDisposable {
  readonly #folder: string;
  readonly #layout: Layout;
  readonly #build: ContainerdBuild;

  private constructor(folder: string, layout: Layout, build: ContainerdBuild) {
    this.#folder = folder;
    this.#layout = layout;
    this.#build = build;
  }

  /** Copies the tree of a host, with other texts in all its files. */
  static async begin({ root, layout, build, edit }: TrialOptions): Promise<ContainerdTrial> {
    const folder = await mkdtemp(join(tmpdir(), 'containerd-trial-'));
    const host = join(folder, 'host');
    await cp(root, host, { recursive: true, verbatimSymlinks: true });
    for (const entry of await readdir(host, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) await writeFile(path, edit(await readFile(path, 'utf8')));
    }
    return new ContainerdTrial(folder, layout, build);
  }

  /** The configuration as it lies there now. */
  async read(): Promise<ContainerdConfiguration> {
    return await readConfiguration(openHostFiles(join(this.#folder, 'host')), this.#layout);
  }

  /** What `config dump` makes of the configuration as it is. */
  async dump({ root, imported }: ContainerdConfiguration): Promise<RunResult> {
    const version = parseContainerdVersion(this.#build.version) ?? { major: 1, minor: 0, patch: 0 };
    const files = imported.map(({ name, text }) => ({ path: name, text }));
    const path = this.#layout.configuration;
    return await this.#run(path, [{ path, text: root?.text ?? emptyRoot(version) }, ...files]);
  }

  /** What `config dump` makes of the candidate, where it lies beside the files that are there now. */
  async dumpCandidate({ imported }: ContainerdConfiguration, { candidate }: ConfigurationChange): Promise<RunResult> {
    const dropIn = candidate.dropIn === undefined ? [] : [{ path: CANDIDATE_DROP_IN, text: candidate.dropIn }];
    const files = imported.map(({ name, text }) => ({ path: name, text }));
    return await this.#run(CANDIDATE_ROOT, [{ path: CANDIDATE_ROOT, text: candidate.root }, ...dropIn, ...files]);
  }

  /** Does what a change says. */
  async apply({ path, after, folder }: ConfigurationChange): Promise<void> {
    const host = join(this.#folder, 'host');
    if (folder !== undefined) await mkdir(join(host, folder));
    if (after === undefined) await rm(join(host, path));
    else await writeFile(join(host, path), after);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  async #run(root: string, files: readonly { readonly path: string; readonly text: string }[]): Promise<RunResult> {
    const mapped = await mkdtemp(join(this.#folder, 'mapped-'));
    for (const { path, text } of files) {
      await mkdir(join(mapped, dirname(path)), { recursive: true });
      await writeFile(join(mapped, path), mapImports(text, mapped));
    }
    return await tryCommand(this.#build.program, ['--config', join(mapped, root), 'config', 'dump']);
  }
}

/** The text with absolute imports below a folder. */
function mapImports(text: string, folder: string): string {
  const result = parseToml(text);
  if ('fault' in result) throw new Error(result.fault.what);
  const imports = stringsOf(valueAt(result.tree, 'imports'));
  const mapped = withImports(
    text,
    imports.map(path => (isAbsolute(path) ? join(folder, path) : path)),
  );
  if (mapped === undefined) throw new Error('the imports cannot be mapped');
  return mapped;
}
