import { parseCABundle } from '../certificates/ca-bundle.ts';
import { EXIT_CODES, type ExitCode } from '../errors/user-error.ts';
import { readText } from '../files/read-text.ts';
import { manifestFiles } from '../manifest/manifest-folder.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { DEFAULT_IMAGE, DEFAULT_NODE_IMAGE } from '../manifest/names.ts';
import { printStream } from '../manifest/print-manifest.ts';
import { renderManifests } from '../manifest/render-manifests.ts';
import { writeFolder } from '../manifest/write-folder.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import type { Command, CommandIO } from './command.ts';
import { type Flags, namespaceFlag, parseFlags, usageError } from './flags.ts';
import { readPolicyFile } from './policy-file.ts';

const NAME = 'render';
const FLAGS = {
  policy: 'string',
  namespace: 'string',
  image: 'string',
  'node-image': 'string',
  'ca-bundle': 'string',
  output: 'string',
} as const;

const IMAGE = /^[a-z0-9][A-Za-z0-9._/:@-]*$/;

const HELP = `gvisor-injector render -f policy.yaml | kubectl apply -f -
gvisor-injector render -f policy.yaml --output my-base && kubectl apply -k my-base

Prints the cluster objects for a policy as YAML: of the webhook, of the backstop (ValidatingAdmissionPolicies), of the node
agent (with its roles, and the policies that bound it), the RuntimeClasses, and the MutatingWebhookConfiguration last.

Flags:
  -f, --policy FILE     the policy; without it the built-in default, as in manifests/base
  -n, --namespace NAME  where the webhook runs (default: ${DEFAULT_NAMESPACE})
      --image IMAGE     image of the webhook (default: ${DEFAULT_IMAGE})
      --node-image IMAGE
                        image of the node agent (default: ${DEFAULT_NODE_IMAGE})
      --ca-bundle FILE  PEM certificates that the API server trusts the webhook by; without it caBundle is left out,
                        for cert-manager or a patch to fill in
  -o, --output FOLDER   write a kustomize base there, one file for each object, instead of printing
`;

/** `render`: the cluster objects for a policy. */
export const render: Command = { summary: 'the cluster objects for a policy, as YAML', help: HELP, run };

async function run(args: readonly string[], io: CommandIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { f: 'policy', n: 'namespace', o: 'output' } });
  const manifests = await renderFlags(flags);
  if (flags.output === undefined) {
    io.stdout.write(printStream(manifests));
    return EXIT_CODES.done;
  }
  const { written, unchanged, removed } = await writeFolder(flags.output, manifestFiles(manifests));
  io.stderr.write(
    `Wrote ${written.length} files to '${flags.output}'; ${unchanged.length} were the same already, ` +
      `${removed.length} of a former rendering removed\nnext: kubectl apply -k ${flags.output}\n`,
  );
  return EXIT_CODES.done;
}

async function renderFlags(flags: Flags<typeof FLAGS>): Promise<readonly Manifest[]> {
  const image = imageFlag('image', flags.image ?? DEFAULT_IMAGE);
  const nodeImage = imageFlag('node-image', flags['node-image'] ?? DEFAULT_NODE_IMAGE);
  const namespace = namespaceFlag(NAME, flags.namespace);
  const { policy, text, digest } = await readPolicyFile(flags.policy, namespace);
  const caBundle = flags['ca-bundle'] === undefined ? undefined : await readCABundle(flags['ca-bundle']);
  return renderManifests({
    policy,
    policyText: text,
    policyDigest: digest,
    namespace,
    image,
    nodeImage,
    ...(caBundle === undefined ? {} : { caBundle }),
  });
}

function imageFlag(flag: string, image: string): string {
  if (IMAGE.test(image)) return image;
  throw usageError(NAME, `--${flag} must be an image reference, not '${image}'`);
}

async function readCABundle(file: string): Promise<string> {
  const hint = 'Name a readable PEM file with --ca-bundle, or leave the flag out';
  return parseCABundle(await readText(file, { what: 'the CA bundle', hint }), file);
}
