import { chmod, copyFile, cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';

/** One file of a dependency that is replaced for the build. */
export interface ModulePatch {
  readonly module: string;
  /** The file in the module. */
  readonly file: string;
  /** What takes its place: a file beside go.mod. */
  readonly replacement: string;
}

/**
 * Copies a module with one file replaced, and a go.mod that takes the copy. The module cache stays as it is.
 *
 * @param source the folder of go.mod
 * @param folder where the copies go; emptied first
 * @returns the path for `go build -modfile`
 */
export async function writePatchedModule(source: string, folder: string, patch: ModulePatch): Promise<string> {
  const { module, file, replacement } = patch;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await runCommand('go', ['mod', 'download', module], { cwd: source });
  const original = (await runCommand('go', ['list', '-m', '-f', '{{.Dir}}', module], { cwd: source })).trim();
  const copy = join(folder, 'module');
  await cp(original, copy, { recursive: true });
  await chmod(join(copy, file), 0o644);
  await copyFile(join(source, replacement), join(copy, file));
  const goModule = join(folder, 'go.mod');
  await copyFile(join(source, 'go.mod'), goModule);
  await copyFile(join(source, 'go.sum'), join(folder, 'go.sum'));
  await runCommand('go', ['mod', 'edit', `-replace=${module}=${copy}`, goModule]);
  return goModule;
}
