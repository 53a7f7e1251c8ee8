import { OPT_OUT_ALLOWED, OPT_OUT_VALUE, optOutKey, PRODUCT } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { list } from '../policy/rule.ts';
import { all, any, choose, literal, not, say, type Sentence, sentence, show, speak } from './backstop-cel.ts';
import type { Refusal } from './backstop-policy.ts';

/**
 * What a Pod is refused for, by the variables of `backstop-sandbox-variables.ts`. Each is false where an earlier row of
 * the precedence table has decided, and none can err.
 */

const KNOWN_LABEL = 'variables.label in variables.classes';
const IS_NOT_OPTING_OUT = `variables.annotation != ${literal(OPT_OUT_VALUE)}`;
/** Known wherever it is said. */
const PROFILE = say('variables.profile');

/** A label that names no profile: nobody can say what its owner wants, so no Pod is created. */
export function unknownLabel({ sandboxKey, profiles }: Policy): Refusal {
  return {
    name: 'unknownLabel',
    reason: 'UnknownProfile',
    when: not(KNOWN_LABEL),
    message: sentence`the label ${sandboxKey}=${show('variables.label')} of this namespace names no profile; ask the owner of the namespace to set it to a profile (${names(profiles)}) or to remove it`,
  };
}

/** Row 5 of the precedence table. */
export function optOutForbidden({ sandboxKey }: Policy): Refusal {
  return {
    name: 'optOutForbidden',
    reason: 'OptOutForbidden',
    when: all(KNOWN_LABEL, `variables.annotation == ${literal(OPT_OUT_VALUE)}`, '!variables.optedOut'),
    message: sentence`annotation ${sandboxKey}=${OPT_OUT_VALUE}: this namespace does not let Pods opt out; remove the annotation, or ask the owner of the namespace to label it ${optOutKey(sandboxKey)}=${OPT_OUT_ALLOWED}`,
  };
}

/** Row 6, in a namespace whose label is known. */
export function unknownProfileInLabelled(policy: Policy): Refusal {
  const refusal = unknownProfile(policy);
  return { ...refusal, when: all(KNOWN_LABEL, IS_NOT_OPTING_OUT, refusal.when) };
}

/** Row 6. */
export function unknownProfile({ sandboxKey, profiles }: Policy): Refusal {
  return {
    name: 'unknownProfile',
    reason: 'UnknownProfile',
    when: all('variables.annotated', not('variables.annotation in variables.classes')),
    message: sentence`annotation ${sandboxKey}=${show('variables.annotation')} names no profile; the profiles are ${names(profiles)}`,
  };
}

/** Row 7. */
export function runtimeClassConflict({ sandboxKey }: Policy): Refusal {
  return {
    name: 'runtimeClassConflict',
    reason: 'RuntimeClassConflict',
    when: all('variables.judged', "variables.class != ''", 'variables.class != variables.wantedClass'),
    message: sentence`spec.runtimeClassName is ${show('variables.class')}, but profile "${PROFILE}" is asked for and needs "${say('variables.wantedClass')}"; remove the field, it is set by itself, or let annotation ${sandboxKey} name another profile`,
  };
}

/** Row 8. */
export function profileForbidden({ sandboxKey }: Policy): Refusal {
  const permitted = choose('variables.judged', "variables.permitted[variables.label].join(', ')", "''");
  return {
    name: 'profileForbidden',
    reason: 'ProfileForbidden',
    when: all('variables.judged', not('variables.profile in variables.permitted[variables.label]')),
    message: sentence`profile "${PROFILE}" is not permitted in a namespace labelled ${sandboxKey}=${say('variables.label')}; use ${say(permitted)}, or ask an administrator to list it under alternatives of the label's profile`,
  };
}

/** Row 9. */
export function nodeSelectorConflict(): Refusal {
  const differs = 'key in variables.selector && variables.selector[key] != variables.wantedSelector[key]';
  const clause = speak([
    ...fieldAt('key'),
    ' is "',
    say('variables.selector[key]'),
    '", but profile "',
    PROFILE,
    '" needs "',
    say('variables.wantedSelector[key]'),
    '"',
  ]);
  return {
    name: 'nodeSelectorConflict',
    reason: 'NodeSelectorConflict',
    when: `variables.wantedSelector.exists(key, ${differs})`,
    message: sentence`${say(`variables.wantedSelector.filter(key, ${differs}).map(key, ${clause}).join('; ')`)}; remove it from the Pod, it is added by itself`,
  };
}

/** Neither the author nor an injector set what the profile needs, or something took it out again. */
export function notInjected(namespace: string): Refusal {
  const isLacking = '!(key in variables.selector)';
  const lackingClass = choose("variables.class == ''", '[variables.wantedClass]', '[]');
  const classField = speak(['spec.runtimeClassName "', say('name'), '"']);
  const selectorField = speak([...fieldAt('key'), ' "', say('variables.wantedSelector[key]'), '"']);
  const lacking = `(${lackingClass}.map(name, ${classField}) + variables.wantedSelector.filter(key, ${isLacking}).map(key, ${selectorField})).join(', ')`;
  return {
    name: 'notInjected',
    reason: 'NotInjected',
    when: all('variables.judged', any("variables.class == ''", `variables.wantedSelector.exists(key, ${isLacking})`)),
    message: sentence`this Pod lacks ${say(lacking)}, which profile "${PROFILE}" needs: ${PRODUCT} did not inject it, or something took it out again; see whether the webhook runs (kubectl get pods --namespace ${namespace}) and create the Pod again, or write these fields into it`,
  };
}

function fieldAt(key: string): Sentence {
  return ['spec.nodeSelector["', say(key), '"]'];
}

function names(profiles: Policy['profiles']): string {
  return list(profiles.map(({ name }) => name));
}
