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
  kube: { rooms: [], packages: ['@kubernetes/client-node'], node: false },
  record: { rooms: ['policy'], packages: ['pino', 'valibot'], node: true },
  documents: { rooms: ['errors', 'policy'], packages: ['jsonpatch', 'yaml'], node: true },
  certificates: { rooms: ['errors'], packages: ['@peculiar/x509', 'reflect-metadata'], node: true },
  manifest: { rooms: ['errors', 'kube', 'policy'], packages: ['yaml'], node: true },
  webhook: { rooms: ['certificates', 'errors', 'policy', 'record'], packages: ['fastify', 'prom-client'], node: true },
  cli: {
    rooms: ['certificates', 'documents', 'errors', 'manifest', 'policy', 'record', 'webhook'],
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

t.test('each room imports only what the table lets it', t => {
  t.strictSame(readdirSync('src').toSorted(), Object.keys(ROOMS).toSorted(), 'the table has every room');
  for (const [room, allowed] of Object.entries(ROOMS)) {
    for (const file of roomFiles(room)) {
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('.')) {
          const target = new URL(specifier, `file:///${file}`).pathname.split('/')[2] ?? '';
          t.ok(target === room || allowed.rooms.includes(target), `${file} imports ${specifier}`);
          t.match(specifier, /\.ts$/, `${file}: ${specifier} ends in .ts`);
        } else if (specifier.startsWith('node:')) {
          t.ok(allowed.node && builtinModules.includes(specifier.slice(5)), `${file} imports ${specifier}`);
        } else {
          const name = specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/');
          t.ok(allowed.packages.includes(name), `${file} imports ${specifier}`);
        }
      }
    }
  }
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
