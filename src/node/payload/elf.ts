import type { Architecture } from './payload.ts';

/** Bytes at the beginning of a program that {@link judgeProgram} looks at. */
export const HEADER_BYTES = 20;

/** `\x7fELF`, then 64 bits, little-endian, version 1 (elf(5)). */
const IDENTITY = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
/** ET_EXEC and ET_DYN: a program at a fixed address or at any. */
const PROGRAM_TYPES = [2, 3];
/** EM_X86_64 and EM_AARCH64. */
const MACHINES = { x86_64: 62, aarch64: 183 } as const satisfies Record<Architecture, number>;

/** What is wrong with a file that shall be a program. */
export interface ProgramFault {
  readonly reason: 'PayloadInvalid' | 'PayloadWrongArchitecture';
  /** As in `is no ELF program of 64 bits`. */
  readonly what: string;
}

/**
 * Judges a program by its first bytes.
 *
 * @param head at least {@link HEADER_BYTES}, unless the file is shorter
 */
export function judgeProgram(head: Uint8Array, architecture: Architecture): ProgramFault | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, IDENTITY.length).equals(IDENTITY)) {
    return { reason: 'PayloadInvalid', what: 'is no ELF program of 64 bits' };
  }
  if (!PROGRAM_TYPES.includes(bytes.readUInt16LE(16)))
    return { reason: 'PayloadInvalid', what: 'is an ELF file, and no program' };
  const machine = bytes.readUInt16LE(18);
  if (machine === MACHINES[architecture]) return undefined;
  const found =
    machine === MACHINES.x86_64 ? 'x86_64' : machine === MACHINES.aarch64 ? 'aarch64' : `machine ${machine}`;
  return { reason: 'PayloadWrongArchitecture', what: `is for ${found}, and this node is ${architecture}` };
}
