import { createHash } from 'node:crypto';
import { LineCounter, parseDocument } from 'yaml';
import { UserError } from '../errors/user-error.ts';
import type { Policy } from '../policy/policy.ts';
import type { PolicyFault } from '../policy/policy-fault.ts';
import { printable } from '../policy/printable.ts';
import { validatePolicy } from '../policy/validate.ts';
import { offsetOf, positionAt } from './node-position.ts';
import { kubernetesTags } from './parse-documents.ts';

/** A policy file that was read. */
export interface PolicyDocument {
  readonly policy: Policy;
  /** The file's text, byte for byte. */
  readonly text: string;
  /** First 16 hex digits of the SHA-256 of the text; in every record and in the ConfigMap's name. */
  readonly digest: string;
}

/** A policy is YAML 1.2; a tag beyond those of plain values is left unresolved, with a warning. */
const OPTIONS = {
  prettyErrors: false,
  stringKeys: true,
  resolveKnownTags: false,
  customTags: kubernetesTags,
} as const;

/**
 * Reads a policy file.
 *
 * @param file what to call the file in faults
 * @param namespace the namespace of the webhook; it and its companions are exempt
 * @throws {UserError} PolicyInvalid, with every fault on a line of its own: `file:line:column: path: what is wrong`
 */
export function parsePolicyDocument(
  text: string,
  { file, namespace }: { readonly file: string; readonly namespace: string },
): PolicyDocument {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { ...OPTIONS, lineCounter });
  const place = (offset: number) => {
    const { line, column } = positionAt(lineCounter, offset);
    return `${file}:${line}:${column}`;
  };
  const syntaxFaults = document.errors.map(
    ({ pos, code, message }) =>
      `${place(pos[0])}: ${code === 'MULTIPLE_DOCS' ? 'a policy file holds one document, remove what follows' : message}`,
  );
  if (syntaxFaults.length > 0) throw invalid(file, syntaxFaults);
  const tagFaults = document.warnings
    .filter(({ code }) => code === 'TAG_RESOLVE_FAILED')
    .map(
      ({ pos }) =>
        `${place(pos[0])}: tag ${printable(text.slice(...pos), 80)} has no meaning here, write a plain value`,
    );
  if (tagFaults.length > 0) throw invalid(file, tagFaults);
  const { policy, faults } = validatePolicy(toPlain(document, file), namespace);
  if (faults !== undefined) {
    throw invalid(
      file,
      faults
        .map(fault => ({ fault, offset: offsetOf(document.contents, fault) }))
        .toSorted((left, right) => left.offset - right.offset)
        .map(({ fault, offset }) => `${place(offset)}: ${formatPath(fault.path)}${fault.message}`),
    );
  }
  return { policy, text, digest: createHash('sha256').update(text).digest('hex').slice(0, 16) };
}

function toPlain(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw invalid(file, [`${file}: aliases are not supported, write the values out`], cause);
  }
}

function invalid(file: string, details: readonly string[], cause?: unknown): UserError {
  const faults = details.length === 1 ? 'a fault' : `${details.length} faults`;
  return new UserError('PolicyInvalid', `Cannot use the policy '${file}': ${faults}`, { details, cause });
}

function formatPath(path: PolicyFault['path']): string {
  const text = path.map(key => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  return text === '' ? '' : `${text.replace(/^\./, '')}: `;
}
