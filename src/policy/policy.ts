/** The parsed, validated configuration file, complete with every default. */
export interface Policy {
  /** Label and annotation key that users write. */
  readonly sandboxKey: string;
  /** What becomes of a Pod with a finding of severity `error`: refused, or sandboxed with warnings. */
  readonly incompatible: IncompatibleAction;
  /** Namespaces in which nothing is ever decided: kube-system, the product's own, and those that the file lists. */
  readonly exemptNamespaces: readonly string[];
  /** How the API server is told to call the webhook. */
  readonly admission: AdmissionSettings;
  /** At least one; the first is the default profile. */
  readonly profiles: readonly [Profile, ...Profile[]];
}

/** `deny` refuses a Pod that gVisor cannot run, `warn` sandboxes it and says so. */
export type IncompatibleAction = 'deny' | 'warn';

/** How the API server is told to call the webhook. */
export interface AdmissionSettings {
  /** Seconds that the API server waits for an answer on `/mutate`; 1 to 30. */
  readonly timeoutSeconds: number;
  /** What the API server does while the webhook is down. `Ignore` needs the backstop. */
  readonly failurePolicy: FailurePolicy;
}

/** What the API server does with a request when the webhook cannot be reached. */
export type FailurePolicy = 'Fail' | 'Ignore';

/** A named sandbox. */
export interface Profile {
  /** DNS-1123 label; the value of the Namespace label and the Pod annotation, and a segment of the webhook's path. */
  readonly name: string;
  /** Unique among the profiles, so that a Pod's RuntimeClass names at most one of them. */
  readonly runtimeClassName: string;
  /** The containerd handler that the RuntimeClass names. */
  readonly handler: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  /** Kubernetes quantities of `RuntimeClass.overhead.podFixed`, by resource name; empty for none. */
  readonly overhead: Readonly<Record<string, string>>;
  /** runsc flags of this handler, without dashes; values are strings as runsc.toml wants them. */
  readonly runscFlags: Readonly<Record<string, string>>;
  /** Annotation keys under `dev.gvisor.` that a Pod may carry; a `*` at the end stands for any rest. */
  readonly allowedAnnotations: readonly string[];
  /** Profiles that a Pod in a namespace labelled with this one may choose instead. */
  readonly alternatives: readonly string[];
}

/** A toleration as the Pod spec has it. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Equal' | 'Exists';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  readonly tolerationSeconds?: number;
}

/** The profile of that name, or undefined. */
export function findProfile(policy: Policy, name: string): Profile | undefined {
  return policy.profiles.find(profile => profile.name === name);
}

/** The profile whose RuntimeClass that is, or undefined for a class that others made. */
export function profileOfRuntimeClass(policy: Policy, runtimeClassName: string): Profile | undefined {
  return policy.profiles.find(profile => profile.runtimeClassName === runtimeClassName);
}
