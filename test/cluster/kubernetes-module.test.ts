import t from 'tap';
import { kubernetesModule, parseKubernetesVersion } from './kubernetes-module.ts';

t.test('a version of Kubernetes may have its v or not, and must be one that the product supports', async t => {
  t.equal(parseKubernetesVersion('1.36.3'), 'v1.36.3');
  t.equal(parseKubernetesVersion('v1.30.14'), 'v1.30.14');
  for (const text of ['1.36', 'v1.36.3-rc.0', 'latest', '', '2.0.0', '../v1.36.3']) {
    t.throws(() => parseKubernetesVersion(text), { message: `'${text}' is no version of Kubernetes; one is 1.36.3` });
  }
  t.throws(() => parseKubernetesVersion('1.29.6'), {
    message: 'Kubernetes 1.29.6 is too old; the product needs 1.30 or later',
  });
});

t.test('the module of another version takes the staging modules at that version, and nothing else over', async t => {
  const upstream = `module k8s.io/kubernetes

go 1.25.0

godebug default=go1.25

require (
\tgithub.com/go-logr/logr v1.4.3
\tk8s.io/api v0.0.0
\tk8s.io/apiserver v0.0.0
\tk8s.io/klog/v2 v2.130.1
)

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
)
`;
  t.equal(
    kubernetesModule('v1.36.3', upstream),
    `module kubernetes-programs
go 1.25.0
godebug default=go1.25
require k8s.io/kubernetes v1.36.3
replace k8s.io/api => k8s.io/api v0.36.3
replace k8s.io/apiserver => k8s.io/apiserver v0.36.3
`,
  );
});
