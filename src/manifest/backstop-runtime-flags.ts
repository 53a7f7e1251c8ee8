import { RUNTIME_FLAG_PREFIX } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { all, any, choose, listOf, literal, mapOf, not, say, sentence, show, speak } from './backstop-cel.ts';
import { type BackstopPolicy, coreRule, type Refusal, type Variable } from './backstop-policy.ts';

/** Longest list of keys in a message, in characters. */
const LISTED_LENGTH = 500;

const ANNOTATIONS = 'object.metadata.annotations';
const FORMER = 'oldObject.metadata.annotations';
const IS_FLAG = `key.startsWith(${literal(RUNTIME_FLAG_PREFIX)})`;

/**
 * Beyond it the keys are not looked at, since the time for it grows as the square of their number: an API server took 7 s
 * for the 77 000 that fit into an object, and 0.05 s for these (Kubernetes 1.37).
 */
const MOST_ANNOTATIONS = 5000;
const IS_TOO_MANY = `size(${ANNOTATIONS}) > ${MOST_ANNOTATIONS}`;
const IS_CHANGED = not(`key in variables.former && variables.former[key] == ${ANNOTATIONS}[key]`);

/** Nearly every request ends here. */
const CARRIES_FLAGS = {
  name: 'carries-runtime-flags',
  expression: all(
    'has(object.metadata)',
    `has(${ANNOTATIONS})`,
    any(IS_TOO_MANY, `${ANNOTATIONS}.exists(key, ${IS_FLAG})`),
  ),
};

/** One comparison lets a kubelet's reports pass, however many annotations the Pod has. */
const BRINGS_FLAGS = {
  name: 'brings-runtime-flags',
  expression: all(
    not(`request.operation == 'UPDATE' && has(${FORMER}) && has(${ANNOTATIONS}) && ${FORMER} == ${ANNOTATIONS}`),
    CARRIES_FLAGS.expression,
  ),
};

/**
 * Annotations by which a Pod would change gVisor itself. Without labels or exempt namespaces: a Pod that reaches a
 * handler of gVisor by its class alone is meant too. CREATE is not enough: containerd reads the annotations again at
 * every start of a container.
 */
export function runtimeFlagsPolicy({ profiles }: Policy): BackstopPolicy {
  const allowed = allowedAnnotations(profiles);
  const named = speak(['with spec.runtimeClassName ', show('variables.class')]);
  const whichClass = choose("variables.class == ''", literal('without spec.runtimeClassName'), named);
  return {
    key: 'runtimeFlags',
    action: 'Deny',
    comment:
      `Annotations ${RUNTIME_FLAG_PREFIX}* on Pods, in every namespace and at every change: gVisor reads them as flags, and some open\n` +
      "files of the host. Only those pass that the profile of the Pod's RuntimeClass allows, and those that were there before.",
    constraints: { resourceRules: [coreRule(['CREATE', 'UPDATE'], 'pods'), coreRule(['UPDATE'], 'pods/status')] },
    conditions: [BRINGS_FLAGS],
    variables: [
      { name: 'class', expression: choose('has(object.spec.runtimeClassName)', 'object.spec.runtimeClassName', "''") },
      {
        name: 'former',
        expression: choose(`request.operation == 'UPDATE' && has(${FORMER})`, FORMER, '{}'),
      },
      ...allowed.variables,
      forbiddenAmong(all(IS_FLAG, IS_CHANGED, ...allowed.conditions)),
    ],
    refusals: [
      TOO_MANY,
      {
        name: 'runtimeFlagForbidden',
        reason: 'RuntimeFlagForbidden',
        when: 'size(variables.forbidden) > 0',
        message: sentence`annotations that change gVisor itself are not allowed on a Pod ${say(whichClass)}: ${say(shortList('variables.forbidden'))}; remove them, or ask an administrator to add them to allowedAnnotations of its profile`,
      },
    ],
    allowedReason: "''",
  };
}

/** Annotations that a Binding would write into its Pod. Nobody needs them there: a Pod brings its own. */
export function bindingFlagsPolicy(): BackstopPolicy {
  return {
    key: 'bindingFlags',
    action: 'Deny',
    comment: `Annotations ${RUNTIME_FLAG_PREFIX}* on Bindings: the API server copies them into the Pod, past every look at the Pod itself.`,
    constraints: { resourceRules: [coreRule(['CREATE'], 'pods/binding', 'bindings')] },
    conditions: [CARRIES_FLAGS],
    variables: [forbiddenAmong(IS_FLAG)],
    refusals: [
      TOO_MANY,
      {
        name: 'runtimeFlagForbidden',
        reason: 'RuntimeFlagForbidden',
        when: 'size(variables.forbidden) > 0',
        message: sentence`annotations of a Binding are copied into its Pod, and these change gVisor itself: ${say(shortList('variables.forbidden'))}; remove them from the Binding`,
      },
    ],
    allowedReason: "''",
  };
}

const TOO_MANY: Refusal = {
  name: 'tooManyAnnotations',
  reason: 'RuntimeFlagForbidden',
  when: IS_TOO_MANY,
  message: sentence`more than ${String(MOST_ANNOTATIONS)} annotations are not searched for those that change gVisor itself, and are refused; remove some`,
};

/** The keys for which a condition holds. */
function forbiddenAmong(condition: string): Variable {
  return { name: 'forbidden', expression: choose(IS_TOO_MANY, '[]', `${ANNOTATIONS}.filter(key,\n${condition})`) };
}

/** What the classes allow, as variables, and the conditions under which a key is none of it. */
interface AllowedAnnotations {
  readonly variables: readonly Variable[];
  readonly conditions: readonly string[];
}

/** Whole keys and beginnings of keys are apart; what no class allows any of is left out. */
function allowedAnnotations(profiles: Policy['profiles']): AllowedAnnotations {
  const keys = allowedOfClasses(profiles, annotation => (annotation.endsWith('*') ? [] : [annotation]));
  const beginnings = allowedOfClasses(profiles, annotation =>
    annotation.endsWith('*') ? [annotation.slice(0, -1)] : [],
  );
  const parts = [
    { name: 'allowedKeys', map: keys, test: 'key in variables.allowedKeys[variables.class]' },
    {
      name: 'allowedBeginnings',
      map: beginnings,
      test: 'variables.allowedBeginnings[variables.class].exists(beginning, key.startsWith(beginning))',
    },
  ].filter(({ map }) => map !== '{}');
  return {
    variables: parts.map(({ name, map }) => ({ name, expression: map, comment: 'By RuntimeClass.' })),
    conditions: parts.map(({ name, test }) => not(`variables.class in variables.${name} && ${test}`)),
  };
}

/**
 * A map from RuntimeClass to what is picked of its profile's list; classes without any are left out. A Pod without a
 * class may carry what any profile allows: it could name that profile's class just as well.
 */
function allowedOfClasses(profiles: Policy['profiles'], pick: (annotation: string) => readonly string[]): string {
  const picked = profiles.map(profile => [profile.runtimeClassName, profile.allowedAnnotations.flatMap(pick)] as const);
  const ofAny = ['', [...new Set(picked.flatMap(([, annotations]) => annotations))]] as const;
  return mapOf(
    [ofAny, ...picked].flatMap(([name, annotations]) =>
      annotations.length === 0 ? [] : [[name, listOf(annotations)] as const],
    ),
  );
}

/** The keys of a list in one string, cut where it gets long. */
function shortList(list: string): string {
  const joined = `${list}.join(', ')`;
  return choose(`size(${joined}) > ${LISTED_LENGTH}`, `${joined}.substring(0, ${LISTED_LENGTH}) + ' and more'`, joined);
}
