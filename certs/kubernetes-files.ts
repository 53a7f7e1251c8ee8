import { parse, stringify } from 'yaml';
import { CERTIFICATE_KEYS, CERTIFICATE_SECRET_NAME, WEBHOOK_CONFIGURATION_NAME } from '../src/manifest/names.ts';
import { isJsonObject, member } from '../src/policy/json.ts';
import type { CertificateFiles } from './certificate-folder.ts';

/** Name of the file with the Secret; a resource of the kustomization. */
export const SECRET_FILE = 'secret.yaml';

/** Name of the kustomization's file, which kubectl looks for. */
export const KUSTOMIZATION_FILE = 'kustomization.yaml';

/** Begins every YAML file of this command; by it a later run knows that a file is its own to replace. */
const MARK = '# Made by npm run certs';

/** The key of the Secret that holds the authority's certificate, beside those that the type asks for. */
const CA_KEY = 'ca.crt';

/** The Secret that the webhook's Deployment mounts. */
export function secretText(namespace: string, { ca, certificate, key }: CertificateFiles): string {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: CERTIFICATE_SECRET_NAME, namespace },
    type: 'kubernetes.io/tls',
    data: {
      [CA_KEY]: base64(ca),
      [CERTIFICATE_KEYS.certificate]: base64(certificate),
      [CERTIFICATE_KEYS.key]: base64(key),
    },
  };
  return `${MARK}; holds a private key, so keep it out of git.\n${stringify(secret, { lineWidth: 0 })}`;
}

/**
 * The kustomization that installs a base together with the certificates. The Secret's `data` is base64 of the PEM
 * already, which is what `caBundle` wants, so one replacement copies it into every entry, whatever the entries are.
 *
 * @param base path of the base, relative to the kustomization's folder
 */
export function kustomizationText(base: string): string {
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [base, SECRET_FILE],
    replacements: [
      {
        source: { kind: 'Secret', name: CERTIFICATE_SECRET_NAME, fieldPath: `data.${CA_KEY.replaceAll('.', '\\.')}` },
        targets: [
          {
            select: { kind: 'MutatingWebhookConfiguration', name: WEBHOOK_CONFIGURATION_NAME },
            fieldPaths: ['webhooks.*.clientConfig.caBundle'],
            options: { create: true },
          },
        ],
      },
    ],
  };
  return `${MARK}. Yours to add to: it stays as it is while it installs the same base.\n${stringify(kustomization, { lineWidth: 0 })}`;
}

/** True for a file of this command. */
export function isMarked(text: string): boolean {
  return text.startsWith(MARK);
}

/** True when a kustomization, perhaps edited since, still installs the base and the Secret. */
export function installsBase(text: string, base: string): boolean {
  const resources = readResources(text);
  return resources.includes(base) && resources.includes(SECRET_FILE);
}

function readResources(text: string): readonly unknown[] {
  try {
    const kustomization: unknown = parse(text);
    const resources = isJsonObject(kustomization) ? member(kustomization, 'resources') : undefined;
    return Array.isArray(resources) ? resources : [];
  } catch {
    return [];
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
