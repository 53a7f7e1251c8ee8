import { OPT_OUT_ALLOWED, OPT_OUT_VALUE, optOutKey } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { all, choose, listOf, literal, mapOf, textAt } from './backstop-cel.ts';
import type { Variable } from './backstop-policy.ts';
import { carriesAnnotation } from './webhook-entries.ts';

/**
 * The variables that the policies on sandboxed Pods judge by. Three of them the policies give themselves: `profile` is
 * the name that is asked for, and `judged` is true when it is a profile's.
 */

const NAMESPACE_LABELS = 'namespaceObject.metadata.labels';

/** What the policy file says of the profiles. */
export function profileVariables({ profiles }: Policy): readonly Variable[] {
  const selectors = profiles.map(({ name, nodeSelector }) => {
    const pairs = Object.entries(nodeSelector).map(([key, value]) => [key, literal(value)] as const);
    return [name, mapOf(pairs)] as const;
  });
  return [
    {
      name: 'classes',
      expression: mapOf(profiles.map(({ name, runtimeClassName }) => [name, literal(runtimeClassName)] as const)),
      comment: 'Profile to RuntimeClass, and the other way round.',
    },
    {
      name: 'profiles',
      expression: mapOf(profiles.map(({ name, runtimeClassName }) => [runtimeClassName, literal(name)] as const)),
    },
    { name: 'selectors', expression: mapOf(selectors), comment: 'Profile to nodeSelector.' },
  ];
}

/** What the Pod says; absent is empty. */
export function podVariables({ sandboxKey }: Policy): readonly Variable[] {
  const annotation = `object.metadata.annotations[${literal(sandboxKey)}]`;
  return [
    { name: 'annotated', expression: carriesAnnotation(sandboxKey), comment: 'What the Pod says; absent is empty.' },
    { name: 'annotation', expression: choose('variables.annotated', annotation, "''") },
    { name: 'class', expression: choose('has(object.spec.runtimeClassName)', 'object.spec.runtimeClassName', "''") },
    { name: 'selector', expression: choose('has(object.spec.nodeSelector)', 'object.spec.nodeSelector', '{}') },
  ];
}

/** What the namespace says, and what is asked for in it. */
export function namespaceVariables({ sandboxKey, profiles }: Policy): readonly Variable[] {
  const permitted = profiles.map(({ name, alternatives }) => [name, listOf([name, ...alternatives])] as const);
  const asked = choose(
    'variables.class in variables.profiles',
    'variables.profiles[variables.class]',
    'variables.label',
  );
  return [
    { name: 'permitted', expression: mapOf(permitted), comment: 'Label to the profiles that it permits.' },
    { name: 'label', expression: textAt(NAMESPACE_LABELS, sandboxKey) },
    {
      name: 'optedOut',
      expression: all(
        `variables.annotation == ${literal(OPT_OUT_VALUE)}`,
        `${textAt(NAMESPACE_LABELS, optOutKey(sandboxKey))} == ${literal(OPT_OUT_ALLOWED)}`,
      ),
    },
    {
      name: 'profile',
      expression: choose('variables.annotated', 'variables.annotation', asked),
      comment: "The annotation asks first, then a RuntimeClass that is a profile's, then the label.",
    },
    {
      name: 'judged',
      expression: all('variables.label in variables.classes', 'variables.profile in variables.classes'),
    },
  ];
}

/** What the profile asks of the Pod; nothing where none is known. */
export function wantedVariables(): readonly Variable[] {
  return [
    {
      name: 'wantedClass',
      expression: choose('variables.judged', 'variables.classes[variables.profile]', "''"),
      comment: 'What the profile asks of the Pod; nothing where none is known.',
    },
    { name: 'wantedSelector', expression: choose('variables.judged', 'variables.selectors[variables.profile]', '{}') },
  ];
}
