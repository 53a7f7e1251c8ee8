import type { FileAttributes } from '../host/host-files.ts';

/** A text file of the host. */
export interface ConfigurationFile {
  /** Where it is, without symbolic links. */
  readonly path: string;
  readonly text: string;
  readonly attributes: FileAttributes;
}

/** The configuration of a containerd as it lies on the disk. */
export interface ContainerdConfiguration {
  /** The root file: the one that containerd is told to read; undefined when there is none (containerd then has defaults). */
  readonly root: ConfigurationFile | undefined;
  /** Where the root file is, or would be, without symbolic links. */
  readonly rootPath: string;
  /** The files that it imports, in the order of loading. */
  readonly imported: readonly ConfigurationFile[];
  /** k3s and RKE2: the templates that are there, from which the root file is rendered. */
  readonly templates: readonly ConfigurationFile[];
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

/** One file that changes, and what the node's own containerd is asked about before. */
export interface ConfigurationChange {
  readonly method: ConfigurationMethod;
  /** The file, without symbolic links. */
  readonly path: string;
  /** Its text now; undefined when it is not there. */
  readonly before: string | undefined;
  /** Its text afterwards; undefined when it is removed. */
  readonly after: string | undefined;
  /** A folder that must be made first, as its parent exists. */
  readonly folder: string | undefined;
  /**
   * What `config dump` is run on: a root file at {@link CANDIDATE_ROOT}, and beside it the drop-in that it imports at
   * {@link CANDIDATE_DROP_IN}.
   */
  readonly candidate: { readonly root: string; readonly dropIn: string | undefined };
}

/** The folder of the candidates, where no `imports` of anybody's looks. */
export const CANDIDATE_FOLDER = '/var/lib/gvisor-injector/candidate';
/** The candidate of the root file. */
export const CANDIDATE_ROOT = `${CANDIDATE_FOLDER}/config.toml`;
/** The candidate of the drop-in. */
export const CANDIDATE_DROP_IN = `${CANDIDATE_FOLDER}/drop-in.toml`;
