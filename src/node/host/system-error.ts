import { constants } from 'node:os';

/** Errors of ours that look like the system's own, where we refuse what the system would not. */
export type SystemErrorCode = 'EEXIST' | 'EISDIR' | 'EINVAL' | 'ELOOP';

const MEANINGS = {
  EEXIST: 'file already exists',
  EISDIR: 'illegal operation on a directory',
  EINVAL: 'invalid argument',
  ELOOP: 'too many symbolic links encountered',
} as const satisfies Record<SystemErrorCode, string>;

/** An error in the form that Node gives the system's own: `ELOOP: too many symbolic links encountered, open '/a'`. */
export function systemError(code: SystemErrorCode, call: string, path: string): Error {
  const error = new Error(`${code}: ${MEANINGS[code]}, ${call} '${path}'`);
  return Object.assign(error, { code, errno: -constants.errno[code], syscall: call, path });
}
