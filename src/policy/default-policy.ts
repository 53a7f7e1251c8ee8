/** The policy that holds when no file is given, and the one in the manifests: one profile, `gvisor`, with every default. */
export const DEFAULT_POLICY_TEXT = `apiVersion: gvisor-injector/v1alpha1
kind: SandboxPolicy
profiles:
  - name: gvisor
`;
