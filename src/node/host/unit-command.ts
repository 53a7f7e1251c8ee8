import type { HostFiles } from './host-files.ts';

const VARIABLE_WORD = /^\$([A-Za-z_][A-Za-z0-9_]*)$/;
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/**
 * The command of a unit as systemd runs it: `$NAME` alone becomes as many words as it has, `${NAME}` stays within its
 * word, and a variable that is not set is nothing (systemd.service(5), Command lines).
 *
 * @param variables `NAME=value`; a later one replaces an earlier one
 */
export function expandCommand(command: readonly string[], variables: readonly string[]): readonly string[] {
  const values = new Map<string, string>();
  for (const variable of variables) {
    const [, name = '', value = ''] = ASSIGNMENT.exec(variable) ?? [];
    values.set(name, value);
  }
  return command.flatMap(word => {
    const name = VARIABLE_WORD.exec(word)?.[1];
    if (name !== undefined) return (values.get(name) ?? '').split(/\s+/).filter(part => part !== '');
    return [word.replaceAll(VARIABLE, (_, inner: string) => values.get(inner) ?? '')];
  });
}

/**
 * The variables of files in the form of EnvironmentFile=, in their order; files that are not there have none. Quotes
 * around a whole value are taken off, which is as much as anybody writes for a kubelet.
 */
export async function readEnvironmentFiles(files: HostFiles, paths: readonly string[]): Promise<readonly string[]> {
  const variables: string[] = [];
  for (const path of paths) {
    const text = (await files.read(path))?.toString('utf8') ?? '';
    for (const line of text.split('\n')) {
      const [, name, value = ''] = ASSIGNMENT.exec(line.trim()) ?? [];
      if (name !== undefined) variables.push(`${name}=${value.replace(/^(["'])(.*)\1$/, '$2')}`);
    }
  }
  return variables;
}
