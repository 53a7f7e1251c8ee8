import type { FileAttributes } from '../host/host-files.ts';

/** A text file of the host. */
export interface ConfigurationFile {
  /** Where it is, without symbolic links. */
  readonly path: string;
  readonly text: string;
  readonly attributes: FileAttributes;
}

/** A file that is found by a path which may have links in it. */
export interface NamedFile extends ConfigurationFile {
  /** The absolute path by which it is found: links are not followed. */
  readonly name: string;
}

/** A file that the root file imports, or that one of those imports. */
export interface ImportedFile extends NamedFile {
  /** The root file's own `imports` name it. */
  readonly isDirect: boolean;
}

/** A folder from which the root file imports whatever is there, so that a file of ours is loaded too. */
export interface DropInFolder {
  /** Where it is, without symbolic links. Its parent exists. */
  readonly path: string;
  readonly exists: boolean;
  /** The absolute path by which containerd finds it: links are not followed. */
  readonly name: string;
}

/** The configuration of a containerd as it lies on the disk. */
export interface ContainerdConfiguration {
  /** The root file: the one that containerd is told to read; undefined when there is none (containerd then has defaults). */
  readonly root: ConfigurationFile | undefined;
  /** Where the root file is, or would be, without symbolic links. */
  readonly rootPath: string;
  /** False when the folder of the root file has to be made first; its parent exists. */
  readonly hasRootFolder: boolean;
  /** The files that it imports, in the order of loading. */
  readonly imported: readonly ImportedFile[];
  /** Where a drop-in of ours is loaded from; undefined when the root file imports no such folder. */
  readonly dropInFolder: DropInFolder | undefined;
  /** k3s and RKE2: where they look for templates, without symbolic links; the root file itself may be a link to elsewhere. */
  readonly templateFolder: string;
  /** k3s and RKE2: the templates that are there, from which the root file is rendered. */
  readonly templates: readonly NamedFile[];
  /** The file that the record names, when it is there and none of the files above: containerd does not load it. */
  readonly unloaded: ConfigurationFile | undefined;
}

/** What containerd is to be told of one handler. */
export interface HandlerEntry {
  /** The handler's name, such as `runsc`. */
  readonly name: string;
  /** The shim, an absolute path of the host. */
  readonly runtimePath: string;
  /** The shim's own configuration file (runsc.toml), an absolute path of the host. */
  readonly configPath: string;
  /** Patterns of Pod annotations that containerd passes on; usually none. */
  readonly podAnnotations: readonly string[];
}

/** How the entry gets into the configuration. */
export type ConfigurationMethod = 'block' | 'drop-in' | 'template';

/** What `config dump` is run on, before anything is changed. */
export interface Candidate {
  /** The root file, for {@link CANDIDATE_ROOT}: its `imports` are written out, so that it loads from there what the real one loads. */
  readonly root: string;
  /** The file that changes, for {@link CANDIDATE_DROP_IN}, when that is an imported one. */
  readonly dropIn: string | undefined;
}

/** One file that changes, and what the node's own containerd is asked about before. */
export interface ConfigurationChange {
  readonly method: ConfigurationMethod;
  /** The file, without symbolic links. */
  readonly path: string;
  /** Its text now; undefined when it is not there. */
  readonly before: string | undefined;
  /** Its text afterwards; undefined when it is removed. */
  readonly after: string | undefined;
  /** Its owner and permissions, as they are now; those of a new file when it is not there. */
  readonly attributes: FileAttributes;
  /** A folder that must be made first, as its parent exists. */
  readonly folder: string | undefined;
  readonly candidate: Candidate;
  /** What containerd is told of our handlers afterwards. */
  readonly entries: readonly HandlerEntry[];
  /** Names of the handlers of ours that are gone afterwards. */
  readonly removed: readonly string[];
  /** SHA-256 of our bytes in the file afterwards, for the record; undefined when none are left. */
  readonly sha256: string | undefined;
}

/** What the record says of our bytes in the configuration. */
export interface RecordedBytes {
  /** The file, without symbolic links. */
  readonly path: string;
  /** As {@link ConfigurationChange.sha256} was. */
  readonly sha256: string;
  /** The file was not there before us. */
  readonly created: boolean;
}

/** The name of our drop-in: it sorts behind what others usually have, and it says whose it is. */
export const DROP_IN_NAME = '99-gvisor-injector.toml';

/** The folder of the candidates, where no `imports` of anybody's looks. */
export const CANDIDATE_FOLDER = '/var/lib/gvisor-injector/candidate';
/** The candidate of the root file. */
export const CANDIDATE_ROOT = `${CANDIDATE_FOLDER}/config.toml`;
/** The candidate of the drop-in. */
export const CANDIDATE_DROP_IN = `${CANDIDATE_FOLDER}/drop-in.toml`;
