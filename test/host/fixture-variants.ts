import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FixtureHost } from '../node/containerd-hosts.ts';

/** Where links of these hosts lead to. */
const ELSEWHERE = 'srv/elsewhere';
/** An owner that nobody here has. */
const OWNER = 4321;

/** Files of a fixture as paths below the root of the host, each containerd's own. */
type Vary = (root: string, files: readonly string[]) => void;

/** How the same files can lie on a host: each is done to the copy of a fixture. */
export const VARIANTS: Readonly<Record<string, Vary>> = {
  'as it is': () => undefined,
  'with CRLF': edited(text => text.replaceAll('\n', '\r\n')),
  'without the last line break': edited(text => text.replace(/\n$/, '')),
  'with comments': edited(
    text =>
      `# [plugins] of somebody, with a tab\t\n\n${text}\n   # imports = ["/nowhere/*.toml"]\n\n\n# no line break here`,
  ),
  'with files that are links': (root, files) => {
    for (const [index, file] of files.entries()) moveBehindLink(root, file, { isAbsolute: index % 2 === 0 });
  },
  'with folders that are links': (root, files) => {
    // The innermost first: the path of a folder is then still its own. A relative link would lose its way with the next.
    const folders = [...new Set(files.map(dirname))].toSorted((one, other) => other.length - one.length);
    for (const folder of folders) moveBehindLink(root, folder, { isAbsolute: folder !== folders.at(-1) });
  },
  'with odd modes and owners': (root, files) => {
    for (const folder of new Set(files.map(dirname))) {
      chownSync(join(root, folder), 0, OWNER);
      chmodSync(join(root, folder), 0o2750);
    }
    for (const file of files) {
      chownSync(join(root, file), OWNER, OWNER);
      chmodSync(join(root, file), 0o460);
    }
    // Then an install has to make it, and to know that it did.
    rmdirSync(join(root, 'opt'));
  },
};

/** Copies the files of a fixture into the root of a host, as a variant of them. */
export function placeFixture(fixture: FixtureHost, variant: string, root: string): void {
  rmSync(join(root, 'etc/containerd'), { recursive: true });
  cpSync(fixture.root, root, { recursive: true, verbatimSymlinks: true });
  VARIANTS[variant]?.(root, configurationFiles(fixture.root));
}

function configurationFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => /\.(toml|tmpl)$/.test(path) && lstatSync(join(folder, path)).isFile())
    .toSorted();
}

function edited(edit: (text: string) => string): Vary {
  return (root, files) => {
    for (const file of files) writeFileSync(join(root, file), edit(readFileSync(join(root, file), 'utf8')));
  };
}

function moveBehindLink(root: string, path: string, { isAbsolute }: { readonly isAbsolute: boolean }): void {
  mkdirSync(join(root, ELSEWHERE), { recursive: true });
  const place = join(ELSEWHERE, `${readdirSync(join(root, ELSEWHERE)).length}-${basename(path)}`);
  renameSync(join(root, path), join(root, place));
  const up = dirname(path)
    .split('/')
    .map(() => '..')
    .join('/');
  symlinkSync(isAbsolute ? `/${place}` : `${up}/${place}`, join(root, path));
}
