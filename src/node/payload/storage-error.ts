import { systemErrorCode } from '../../errors/user-error.ts';
import type { HostFiles } from '../host/host-files.ts';
import { NodeError } from '../node-error.ts';
import type { NodeReason } from '../reason.ts';

/** Room for the folders, and so that a node's disk is not filled to its last block. */
const MARGIN = 1.1;
const FULL = ['ENOSPC', 'EDQUOT'];

/**
 * Refuses a place on the host that cannot take a payload.
 *
 * @param bytes what it shall hold
 * @throws {NodeError} TargetReadOnly, TargetNotExecutable, TargetFull
 */
export async function checkTarget(files: HostFiles, path: string, bytes: number): Promise<void> {
  const { freeBytes, readOnly, noExecution } = await files.fileSystem(path);
  if (readOnly)
    throw refusal('TargetReadOnly', `${path} is on a file system that is read-only`, 'Mount it for writing');
  if (noExecution) {
    throw refusal(
      'TargetNotExecutable',
      `${path} is on a file system that executes nothing (noexec)`,
      'Mount it without noexec',
    );
  }
  const needed = Math.ceil(bytes * MARGIN);
  if (freeBytes < needed) throw full(path, needed, freeBytes, 'NodeRefused');
}

/** What failed while a place on the host was written, as an error with a reason. Errors that have one are left as they are. */
export async function storageError(
  error: unknown,
  { files, path, bytes }: { readonly files: HostFiles; readonly path: string; readonly bytes: number },
): Promise<unknown> {
  const code = systemErrorCode(error);
  if (error instanceof NodeError || !(error instanceof Error) || code === undefined || !/^E[A-Z0-9]+$/.test(code))
    return error;
  if (FULL.includes(code)) {
    const free = await freeBytesOf(files, path);
    return full(path, Math.ceil(bytes * MARGIN), free, 'NodeFailed', error);
  }
  const reason = code === 'EROFS' ? 'TargetReadOnly' : 'StorageFailed';
  const sentence = `cannot write ${path}: ${error.message}`;
  const hint = `Look at the file system of ${path}, and at what this process may do there`;
  return new NodeError('NodeFailed', { reason, sentence, hint }, { cause: error });
}

async function freeBytesOf(files: HostFiles, path: string): Promise<number> {
  try {
    return (await files.fileSystem(path)).freeBytes;
  } catch {
    // What failed before it is what has to be told.
    return 0;
  }
}

function full(
  path: string,
  needed: number,
  free: number,
  code: 'NodeRefused' | 'NodeFailed',
  cause?: unknown,
): NodeError {
  // A quota, or no inode left: bytes are not all that a file needs.
  const why =
    free < needed ? `and its file system has ${free} free` : `and its file system takes no more, with ${free} free`;
  const sentence = `${path} needs ${needed} bytes, ${why}`;
  const hint = 'Make room, or mount a larger file system there';
  return new NodeError(code, { reason: 'TargetFull', sentence, hint }, { cause });
}

function refusal(reason: NodeReason, sentence: string, hint: string): NodeError {
  return new NodeError('NodeRefused', { reason, sentence, hint });
}
