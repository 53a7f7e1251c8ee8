import { readFile } from 'node:fs/promises';
import { machine, release } from 'node:os';
import { systemErrorCode } from '../../errors/user-error.ts';

/** What the kernel that runs says. It is the host's kernel in a container too, and whatever folder the host's root is in. */
export interface KernelFacts {
  /** As `uname -m` says: `x86_64`, `aarch64`. */
  readonly architecture: string;
  /** As `uname -r` says. */
  readonly release: string;
  /** Another one after each boot. */
  readonly bootId: string;
  /** `user.max_user_namespaces`; undefined when the kernel has no such setting. */
  readonly maximumUserNamespaces: number | undefined;
  /** SELinux is there, enforcing or not. */
  readonly hasSELinux: boolean;
}

/**
 * Asks the kernel. SELinux is read from `/proc/filesystems`, as a container sees no `/sys/fs/selinux`: the kernel
 * registers `selinuxfs` only when SELinux is on (linux: security/selinux/selinuxfs.c init_sel_fs).
 */
export async function readKernelFacts(): Promise<KernelFacts> {
  const [bootId, filesystems, maximum] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile('/proc/filesystems', 'utf8'),
    readIfThere('/proc/sys/user/max_user_namespaces'),
  ]);
  return {
    architecture: machine(),
    release: release(),
    bootId: bootId.trim(),
    maximumUserNamespaces: maximum === undefined ? undefined : Number(maximum),
    hasSELinux: /\bselinuxfs$/m.test(filesystems),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
