/** What the kernel says of one mount. */
export interface Mount {
  readonly readOnly: boolean;
  readonly noExecution: boolean;
}

/**
 * Finds a mount in the text of `/proc/self/mountinfo`, whose lines are
 * `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPERBLOCK_OPTIONS` (proc_pid_mountinfo(5)).
 *
 * @returns undefined when there is no mount with this id
 */
export function findMount(mountInformation: string, id: string): Mount | undefined {
  const fields = mountInformation
    .split('\n')
    .map(line => line.split(' '))
    .find(candidate => candidate[0] === id);
  if (fields === undefined) return undefined;
  const options = (fields[5] ?? '').split(',');
  // A file system that is read-only as a whole says so here, whatever its mounts say.
  const ofSuperblock = (fields[fields.indexOf('-', 6) + 3] ?? '').split(',');
  return {
    readOnly: options.includes('ro') || ofSuperblock.includes('ro'),
    noExecution: options.includes('noexec'),
  };
}

/** The id of the mount that holds an open file, from the text of `/proc/self/fdinfo/N`. */
export function mountIdOf(fileDescriptorInformation: string): string | undefined {
  return /^mnt_id:\s*(\d+)$/m.exec(fileDescriptorInformation)?.[1];
}
