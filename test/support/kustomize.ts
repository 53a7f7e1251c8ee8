/** The kustomize binary to test with: CI builds one, elsewhere the variable may name one. */
export const KUSTOMIZE = process.env['GVISOR_INJECTOR_KUSTOMIZE'];

/** For tests that need it: runs, or is skipped with the reason. */
export const WITH_KUSTOMIZE = {
  skip:
    KUSTOMIZE === undefined &&
    'GVISOR_INJECTOR_KUSTOMIZE names no kustomize binary (go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1)',
};
