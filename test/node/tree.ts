import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * A folder as text, one line an entry: `folder 755 0:0 opt`, `file 644 0:0 opt/a BASE64`. Two trees are equal when
 * these are; inode numbers and times are left out. Links are not followed.
 */
export function treeOf(folder: string, prefix = ''): readonly string[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap(entry => {
      const path = `${folder}/${entry}`;
      const name = `${prefix}${entry}`;
      const found = lstatSync(path);
      const head = `${(found.mode & 0o7777).toString(8)} ${found.uid}:${found.gid} ${name}`;
      if (found.isSymbolicLink()) return [`link ${name} -> ${readlinkSync(path)}`];
      if (found.isDirectory()) return [`folder ${head}`, ...treeOf(path, `${name}/`)];
      return [found.isFile() ? `file ${head} ${readFileSync(path).toString('base64')}` : `other ${head}`];
    });
}
