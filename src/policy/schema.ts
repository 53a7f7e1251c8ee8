import * as v from 'valibot';
import { isJsonObject } from './json.ts';
import { handlerLabel, INSTALL_LABEL, OPT_OUT_VALUE, PRODUCT, RUNTIME_FLAG_PREFIX } from './keys.ts';
import { nearest } from './nearest.ts';
import { printable } from './printable.ts';

/** DNS-1123 names (kubernetes/apimachinery: pkg/util/validation). */
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;
const LABEL_KEY =
  /^((?=[^/]{1,253}\/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
/** The suffix `-opt-out` must still fit into the 63 characters of a label name. */
const SANDBOX_KEY_NAME = /(^|\/)[^/]{1,55}$/;
const QUANTITY = /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;
const RUNSC_FLAG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const ALLOWED_ANNOTATION = /^dev\.gvisor\.[A-Za-z0-9._/-]+\*?$/;
const POSSIBLE_TYPES = 'a string, true, false or a number';

function text(pattern: RegExp, what: string) {
  return v.pipe(
    v.string(issue => `must be ${what}, found ${show(issue.input)}`),
    v.regex(pattern, issue => `must be ${what}, found ${show(issue.input)}`),
  );
}

function oneOf<const Options extends readonly string[]>(options: Options) {
  return v.picklist(options, issue => {
    const near = typeof issue.input === 'string' ? nearest(issue.input, options) : undefined;
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    const wanted = options.length === 1 ? options.join() : `one of ${options.join(', ')}`;
    return `must be ${wanted}, found ${show(issue.input)}${hint}`;
  });
}

function listOf<const Item extends v.GenericSchema>(item: Item, what: string) {
  return v.array(item, issue => `must be a list of ${what}, found ${show(issue.input)}`);
}

/** A JSON object; valibot's own object schemas take arrays for objects too. */
function plainObject(what: string) {
  return v.custom<{ readonly [key: string]: unknown }>(
    isJsonObject,
    issue => `must be ${what}, found ${show(issue.input)}`,
  );
}

/** A map whose keys and values are each checked at their own place. */
function mapOf<const Value extends v.GenericSchema>(key: RegExp, keyName: string, value: Value) {
  return v.pipe(
    plainObject('a map'),
    v.record(v.string(), value),
    v.rawCheck(({ dataset, addIssue }) => {
      for (const name of keysOf(dataset.value)) {
        if (!key.test(name)) addIssue(keyIssue(name, `key must be ${keyName}, found ${show(name)}`));
      }
    }),
  );
}

/** An object whose every unknown key is a fault that names the nearest known one; valibot's own stops at the first. */
function closedObject<const Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries);
  return v.pipe(
    plainObject(`a map with the keys ${known.join(', ')}`),
    v.looseObject(entries, 'is missing'),
    v.rawCheck(({ dataset, addIssue }) => {
      for (const key of keysOf(dataset.value)) {
        if (known.includes(key)) continue;
        const near = nearest(key, known);
        const hint = near === undefined ? `the keys are ${known.join(', ')}` : `did you mean "${near}"?`;
        addIssue(keyIssue(key, `unknown key ${show(key)}; ${hint}`));
      }
    }),
  );
}

function keysOf(value: unknown): readonly string[] {
  return isJsonObject(value) ? Object.keys(value) : [];
}

function keyIssue(key: string, message: string) {
  const item: v.ObjectPathItem = { type: 'object', origin: 'key', input: {}, key, value: undefined };
  return { message, path: [item] satisfies [v.IssuePathItem] };
}

function show(input: unknown): string {
  if (input === undefined || input === null) return 'nothing';
  return printable(typeof input === 'object' ? (Array.isArray(input) ? 'a list' : 'a map') : JSON.stringify(input), 80);
}

const labelValue = text(
  LABEL_VALUE,
  'a label value (at most 63 letters, digits, ".", "_", "-"; quote true, false and numbers)',
);
const profileName = v.pipe(
  text(DNS_LABEL, 'a DNS-1123 label (a-z, 0-9, "-", at most 63)'),
  v.check(name => name !== OPT_OUT_VALUE, `"${OPT_OUT_VALUE}" is reserved for opting out`),
);

const TolerationSchema = v.pipe(
  closedObject({
    key: v.exactOptional(text(LABEL_KEY, 'a taint key such as example.com/pool')),
    operator: v.exactOptional(oneOf(['Equal', 'Exists'])),
    value: v.exactOptional(labelValue),
    effect: v.exactOptional(oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
    tolerationSeconds: v.exactOptional(
      v.pipe(
        v.number(issue => `must be a number of seconds, found ${show(issue.input)}`),
        v.integer('must be a whole number of seconds'),
      ),
    ),
  }),
  v.check(
    ({ key, operator }) => key !== undefined || operator === 'Exists',
    'a toleration without key needs operator Exists',
  ),
  v.check(({ operator, value }) => operator !== 'Exists' || value === undefined, 'operator Exists takes no value'),
  v.check(
    ({ effect, tolerationSeconds }) => tolerationSeconds === undefined || effect === 'NoExecute',
    'tolerationSeconds needs effect NoExecute',
  ),
);

/** runsc.toml takes strings only; YAML's bare true and 5 are meant as such. */
const flagValue = v.pipe(
  v.union([v.string(), v.boolean(), v.number()], issue => `must be ${POSSIBLE_TYPES}, found ${show(issue.input)}`),
  v.transform(String),
);

const quantity = v.pipe(
  v.union([v.string(), v.number()], issue => `must be a quantity such as 64Mi or 250m, found ${show(issue.input)}`),
  v.transform(String),
  v.regex(QUANTITY, issue => `must be a quantity such as 64Mi or 250m, found ${show(issue.input)}`),
);

const ProfileSchema = closedObject({
  name: profileName,
  runtimeClassName: v.exactOptional(text(DNS_SUBDOMAIN, 'a DNS-1123 subdomain')),
  handler: v.exactOptional(
    v.pipe(
      text(DNS_LABEL, 'a DNS-1123 label, the name of a containerd handler'),
      v.check(
        name => handlerLabel(name) !== INSTALL_LABEL,
        `its label would be ${INSTALL_LABEL}, which is the admin's`,
      ),
    ),
  ),
  nodeSelector: v.exactOptional(mapOf(LABEL_KEY, 'a label key such as example.com/pool', labelValue)),
  tolerations: v.exactOptional(listOf(TolerationSchema, 'tolerations')),
  overhead: v.exactOptional(mapOf(LABEL_KEY, 'a resource name such as memory', quantity)),
  runscFlags: v.exactOptional(mapOf(RUNSC_FLAG, 'a runsc flag without dashes before it, such as net-raw', flagValue)),
  allowedAnnotations: v.exactOptional(
    listOf(
      text(
        ALLOWED_ANNOTATION,
        `a key that begins with ${RUNTIME_FLAG_PREFIX} and says more, with an optional * at the end`,
      ),
      'annotation keys',
    ),
  ),
  alternatives: v.exactOptional(listOf(profileName, 'profile names')),
});

/** The policy file as it is written; what is absent here is filled in by `validatePolicy`. */
export const PolicySchema = closedObject({
  apiVersion: oneOf([`${PRODUCT}/v1alpha1`]),
  kind: oneOf(['SandboxPolicy']),
  sandboxKey: v.exactOptional(
    v.pipe(
      text(LABEL_KEY, 'a label key such as sandbox or example.com/sandbox'),
      v.regex(
        SANDBOX_KEY_NAME,
        'is too long: "-opt-out" is appended to it, and a label name has at most 63 characters',
      ),
    ),
  ),
  incompatible: v.exactOptional(oneOf(['deny', 'warn'])),
  exemptNamespaces: v.exactOptional(listOf(text(DNS_LABEL, 'the name of a namespace'), 'namespaces')),
  admission: v.exactOptional(
    closedObject({
      timeoutSeconds: v.exactOptional(
        v.pipe(
          v.number(issue => `must be a number of seconds, found ${show(issue.input)}`),
          v.check(
            seconds => Number.isInteger(seconds) && seconds >= 1 && seconds <= 30,
            'must be a whole number of 1 to 30 seconds',
          ),
        ),
      ),
      failurePolicy: v.exactOptional(oneOf(['Fail', 'Ignore'])),
    }),
  ),
  profiles: v.pipe(listOf(ProfileSchema, 'profiles'), v.minLength(1, 'must list at least one profile')),
});

/** A policy file that has the right shape. */
export type ParsedPolicy = v.InferOutput<typeof PolicySchema>;

/** A profile of such a file. */
export type ParsedProfile = ParsedPolicy['profiles'][number];
