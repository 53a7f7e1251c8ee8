import type { HostFiles } from '../../src/node/host/host-files.ts';

/** The calls of {@link HostFiles} that change something. */
export const MUTATIONS = [
  'makeFolder',
  'createFile',
  'makeLink',
  'rename',
  'setAttributes',
  'removeFile',
  'removeFolder',
  'syncFolder',
] as const satisfies readonly (keyof HostFiles)[];

/** One of {@link MUTATIONS}. */
export type Mutation = (typeof MUTATIONS)[number];

/** Called before a change is made; the path is the first one of the call. What it throws is the call's error. */
export type OnMutation = (mutation: Mutation, path: string) => void | Promise<void>;

/** The same files, with a hook before each change: to count, to fail, to stop the process. */
export function withFaults(files: HostFiles, onMutation: OnMutation): HostFiles {
  return {
    resolve: path => files.resolve(path),
    read: path => files.read(path),
    stream: path => files.stream(path),
    status: path => files.status(path),
    list: path => files.list(path),
    readLink: path => files.readLink(path),
    fileSystem: path => files.fileSystem(path),
    writable: folder => files.writable(folder),
    makeFolder: async (path, mode) => {
      await onMutation('makeFolder', path);
      return await files.makeFolder(path, mode);
    },
    createFile: async (path, content, attributes) => {
      await onMutation('createFile', path);
      await files.createFile(path, content, attributes);
    },
    makeLink: async (path, target) => {
      await onMutation('makeLink', path);
      await files.makeLink(path, target);
    },
    rename: async (from, to) => {
      await onMutation('rename', from);
      await files.rename(from, to);
    },
    setAttributes: async (path, attributes) => {
      await onMutation('setAttributes', path);
      await files.setAttributes(path, attributes);
    },
    removeFile: async path => {
      await onMutation('removeFile', path);
      await files.removeFile(path);
    },
    removeFolder: async path => {
      await onMutation('removeFolder', path);
      await files.removeFolder(path);
    },
    syncFolder: async path => {
      await onMutation('syncFolder', path);
      await files.syncFolder(path);
    },
  };
}

/** Fails the call with this number, counted from 1, with an error as the system's; all later ones too when `always`. */
export function failingCall(code: string, number: number, { always }: { readonly always: boolean }): OnMutation {
  let calls = 0;
  return (mutation, path) => {
    calls += 1;
    if (calls === number || (always && calls > number)) throw faultOf(code, mutation, path);
  };
}

/** An error in the form of Node's. */
export function faultOf(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: made by a test, ${call} '${path}'`), { code, syscall: call, path });
}

/** What the hook of {@link stopAt} throws: the process is gone at this call. */
export class Stopped extends Error {}

/** From the call with this number on, counted from 1, nothing is done any more, as after a kill. */
export function stopAt(number: number): OnMutation {
  let calls = 0;
  return (mutation, path) => {
    calls += 1;
    if (calls >= number) throw new Stopped(`stopped before ${mutation} '${path}'`);
  };
}

/** Counts the calls. */
export function countCalls(): { readonly onMutation: OnMutation; readonly calls: string[] } {
  const calls: string[] = [];
  return { calls, onMutation: (mutation, path) => void calls.push(`${mutation} ${path}`) };
}
