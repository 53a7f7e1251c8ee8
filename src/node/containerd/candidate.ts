import { dirname, isAbsolute, join } from 'node:path/posix';
import {
  CANDIDATE_DROP_IN,
  type Candidate,
  type ContainerdConfiguration,
  DROP_IN_NAME,
  type ImportedFile,
} from './configuration.ts';
import { withImports } from './imports.ts';
import { parseToml, stringsOf, valueAt } from './toml.ts';

/** A change of one file that containerd loads. */
export interface LoadedChange {
  readonly configuration: ContainerdConfiguration;
  /** The root file without the change, or with it when that is the file; what containerd has without one when it goes. */
  readonly root: string;
  /** The imported file that changes; undefined when the root file does. */
  readonly imported: { readonly path: string; readonly text: string | undefined } | undefined;
}

/**
 * What `config dump` is run on: the root file with its imports written out one by one, so that it loads from another
 * folder what the real one loads, in the same order, without the real root file among them, and the changed file in
 * place of the real one.
 *
 * @returns undefined when the imports are written so that they cannot be changed, or the file is imported by another one
 */
export function candidateOf({ configuration, root, imported }: LoadedChange): Candidate | undefined {
  const direct = configuration.imported.filter(({ isDirect }) => isDirect);
  const isNested =
    imported !== undefined && configuration.imported.some(file => file.path === imported.path && !file.isDirect);
  if (isNested) return undefined;
  const names = direct.flatMap(file => {
    if (file.path !== imported?.path) return [file.name];
    return imported.text === undefined ? [] : [CANDIDATE_DROP_IN];
  });
  const isNew = imported?.text !== undefined && !names.includes(CANDIDATE_DROP_IN);
  const candidate = withImports(root, isNew ? withDropIn(configuration, names) : names);
  if (candidate === undefined) return undefined;
  const text = imported?.text;
  const name = direct.find(file => file.path === imported?.path)?.name ?? CANDIDATE_DROP_IN;
  const dropIn = text === undefined ? undefined : withAbsoluteImports(text, name);
  return text !== undefined && dropIn === undefined ? undefined : { root: candidate, dropIn };
}

/** The names with our new drop-in where the pattern of its folder has it. */
function withDropIn({ dropInFolder, imported }: ContainerdConfiguration, names: readonly string[]): readonly string[] {
  const isBehind = ({ name }: ImportedFile): boolean =>
    dirname(name) === dropInFolder?.name && name > join(dropInFolder.name, DROP_IN_NAME);
  const next = imported.find(file => file.isDirect && isBehind(file));
  return next === undefined
    ? [...names, CANDIDATE_DROP_IN]
    : names.toSpliced(names.indexOf(next.name), 0, CANDIDATE_DROP_IN);
}

/** The text of a file with the relative ones of its imports as they are meant from its own folder. */
function withAbsoluteImports(text: string, name: string): string | undefined {
  const result = parseToml(text);
  if ('fault' in result) return undefined;
  const imports = stringsOf(valueAt(result.tree, 'imports'));
  return withImports(
    text,
    imports.map(entry => (isAbsolute(entry) ? entry : join(dirname(name), entry))),
  );
}
