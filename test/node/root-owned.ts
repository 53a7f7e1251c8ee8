import type { FileAttributes, HostFiles } from '../../src/node/host/host-files.ts';

/**
 * The same files for a test without root: what this process owns counts as root's, and what root shall own this
 * process owns.
 */
export function rootOwned(files: HostFiles): HostFiles {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  if (uid === 0) return files;
  const own = (attributes: FileAttributes): FileAttributes => ({
    mode: attributes.mode,
    uid: attributes.uid === 0 ? uid : attributes.uid,
    gid: attributes.gid === 0 ? gid : attributes.gid,
  });
  return {
    resolve: path => files.resolve(path),
    read: path => files.read(path),
    stream: path => files.stream(path),
    status: async path => {
      const found = await files.status(path);
      if (found === undefined) return undefined;
      return { ...found, uid: found.uid === uid ? 0 : found.uid, gid: found.gid === gid ? 0 : found.gid };
    },
    list: path => files.list(path),
    readLink: path => files.readLink(path),
    fileSystem: path => files.fileSystem(path),
    writable: folder => files.writable(folder),
    makeFolder: (path, mode) => files.makeFolder(path, mode),
    createFile: (path, content, attributes) => files.createFile(path, content, own(attributes)),
    makeLink: (path, target) => files.makeLink(path, target),
    rename: (from, to) => files.rename(from, to),
    setAttributes: (path, attributes) => files.setAttributes(path, own(attributes)),
    removeFile: path => files.removeFile(path),
    removeFolder: path => files.removeFolder(path),
    syncFolder: path => files.syncFolder(path),
  };
}
