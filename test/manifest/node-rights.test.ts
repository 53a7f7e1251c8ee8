import t from 'tap';
import { printManifest } from '../../src/manifest/print-manifest.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { objectsOf, only, renderNode } from './rendering.ts';

const manifests = renderNode(DEFAULT_POLICY_TEXT);

/** Every right of the agent, as `namespace verb group/resource`. */
function rights(): readonly string[] {
  const roles = [...objectsOf(manifests, 'ClusterRole'), ...objectsOf(manifests, 'Role')];
  return roles.flatMap(({ metadata, rules = [] }) =>
    rules.flatMap(({ apiGroups = [], resources = [], verbs }) =>
      verbs.map(verb => `${metadata.namespace ?? '*'}: ${verb} ${[...apiGroups, ...resources].join('/')}`),
    ),
  );
}

t.test('the agent has these rights and no others, each with its reason', async t => {
  t.same(rights(), [
    '*: list /nodes',
    '*: watch /nodes',
    '*: patch /nodes',
    '*: patch /nodes/status',
    'gvisor-injector-node: get /pods',
    'gvisor-injector-proof: create /pods',
    'gvisor-injector-proof: delete /pods',
    'gvisor-injector-proof: get /pods',
    'gvisor-injector-proof: list /pods',
    'gvisor-injector-proof: watch /pods',
    'gvisor-injector-proof: list events.k8s.io/events',
    'default: create events.k8s.io/events',
  ]);
  for (const manifest of manifests) {
    if (manifest.object.kind !== 'ClusterRole' && manifest.object.kind !== 'Role') continue;
    const lines = printManifest(manifest).split('\n');
    for (const [index, line] of lines.entries()) {
      if (line.startsWith('  - apiGroups:')) t.match(lines[index - 1], /^ +# \S/, `${manifest.file}: ${line}`);
    }
  }
});

t.test('the rights are given to the account of the DaemonSet alone', async t => {
  const pod = only(manifests, 'DaemonSet').spec?.template.spec;
  const account = only(manifests, 'ServiceAccount').metadata;
  t.equal(pod?.serviceAccountName, account.name);
  t.equal(pod?.automountServiceAccountToken, true);
  const bindings = [...objectsOf(manifests, 'ClusterRoleBinding'), ...objectsOf(manifests, 'RoleBinding')];
  t.equal(bindings.length, 4);
  for (const { subjects } of bindings) {
    t.same(subjects, [{ kind: 'ServiceAccount', name: account.name, namespace: account.namespace }]);
  }
});
