import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import t from 'tap';

/**
 * Which room may import which, and which packages: the one table. `policy` imports no room and valibot alone, nobody
 * imports `cli`, and only `kube` imports the Kubernetes client.
 */
const ROOMS: Readonly<
  Record<string, { readonly rooms: readonly string[]; readonly packages: readonly string[]; readonly node: boolean }>
> = {
  errors: { rooms: [], packages: [], node: false },
  policy: { rooms: [], packages: ['valibot'], node: false },
  files: { rooms: ['errors'], packages: [], node: true },
  kube: { rooms: ['errors', 'policy', 'record'], packages: ['@kubernetes/client-node'], node: true },
  record: { rooms: ['policy'], packages: ['pino', 'valibot'], node: true },
  documents: { rooms: ['errors', 'policy'], packages: ['jsonpatch', 'yaml'], node: true },
  certificates: { rooms: ['errors'], packages: ['@peculiar/x509', 'reflect-metadata'], node: true },
  manifest: { rooms: ['errors', 'files', 'kube', 'node', 'policy'], packages: ['yaml'], node: true },
  webhook: { rooms: ['certificates', 'errors', 'policy', 'record'], packages: ['fastify', 'prom-client'], node: true },
  node: {
    rooms: ['errors', 'kube', 'policy', 'record'],
    packages: ['@grpc/grpc-js', 'modern-tar', 'protobufjs', 'smol-toml', 'valibot', 'yaml'],
    node: true,
  },
  cli: {
    rooms: ['certificates', 'documents', 'errors', 'files', 'kube', 'manifest', 'node', 'policy', 'record', 'webhook'],
    packages: [],
    node: true,
  },
};

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|(?:^|\n)\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;

function importsOf(file: string): readonly string[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(match => match[1] ?? match[2] ?? match[3] ?? '');
}

function roomFiles(room: string): readonly string[] {
  return readdirSync(`src/${room}`, { recursive: true, encoding: 'utf8' })
    .filter(file => /\.m?ts$/.test(file))
    .map(file => `src/${room}/${file}`);
}

/** Imports of a file that the table does not let its room have. */
function violations(room: string, file: string): readonly string[] {
  const allowed = ROOMS[room] ?? { rooms: [], packages: [], node: false };
  const isAllowed = (specifier: string): boolean => {
    if (specifier.startsWith('node:')) return allowed.node && builtinModules.includes(specifier.slice(5));
    if (!specifier.startsWith('.')) return allowed.packages.includes(packageOf(specifier));
    const target = new URL(specifier, `file:///${file}`).pathname.split('/')[2] ?? '';
    return specifier.endsWith('.ts') && (target === room || allowed.rooms.includes(target));
  };
  return importsOf(file)
    .filter(specifier => !isAllowed(specifier))
    .map(specifier => `${file} imports ${specifier}`);
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

t.test('each room imports only what the table lets it', t => {
  t.strictSame(readdirSync('src').toSorted(), Object.keys(ROOMS).toSorted(), 'the table has every room');
  for (const room of Object.keys(ROOMS)) {
    const files = roomFiles(room);
    t.ok(files.length > 0, `${room} has files`);
    t.strictSame(
      files.flatMap(file => violations(room, file)),
      [],
      room,
    );
  }
  t.end();
});

t.test('no export, or group of them, is left without a doc comment that says what it is for', t => {
  const bare = Object.keys(ROOMS).flatMap(room =>
    roomFiles(room).flatMap(file => {
      const lines = readFileSync(file, 'utf8').split('\n');
      return lines.flatMap((line, index) =>
        /^export (?:async )?(?:function|class|interface|type|const) /.test(line) && (lines[index - 1] ?? '') === ''
          ? [`${file}:${index + 1}: ${line}`]
          : [],
      );
    }),
  );
  t.strictSame(bare, []);
  t.end();
});

t.test('the Kubernetes client is imported for its types only', t => {
  for (const file of roomFiles('kube')) {
    for (const [statement] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)\b[^;]*?from '@kubernetes\/client-node'/gm,
    )) {
      t.match(statement, /^(?:import|export) type/, file);
    }
  }
  t.end();
});
