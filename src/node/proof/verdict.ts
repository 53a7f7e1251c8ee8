/** What speaks against gVisor on this node. */
export const FAILURE_CAUSES = [
  'SandboxNotStarted',
  'ContainerNotStarted',
  'ProgramFailed',
  'KernelForeign',
  'RuntimeForeign',
  'LimitsNotEnforced',
  'LoopbackBroken',
] as const;

/** What says nothing of gVisor. */
export const DOUBT_CAUSES = [
  'Admission',
  'Quota',
  'Scheduling',
  'API',
  'Image',
  'Network',
  'Runtime',
  'Resources',
  'Removed',
  'NotStarted',
  'NoHostView',
  'AgentFault',
] as const;

/** One of {@link FAILURE_CAUSES}. */
export type FailureCause = (typeof FAILURE_CAUSES)[number];

/** One of {@link DOUBT_CAUSES}. */
export type DoubtCause = (typeof DOUBT_CAUSES)[number];

/** What a proof came to. Sentences are printable, have no full stop, and name what was found. */
export type Verdict =
  | { readonly result: 'passed'; readonly sentence: string }
  | { readonly result: 'failed'; readonly cause: FailureCause; readonly sentence: string }
  | { readonly result: 'inconclusive'; readonly cause: DoubtCause; readonly sentence: string };
