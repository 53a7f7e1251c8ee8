import { spawnSync } from 'node:child_process';
import t from 'tap';

function run(args: readonly string[], nodeArgs: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const MAIN = 'src/cli/main.ts';

t.test('an older Node is refused at once, with what to do', t => {
  // The real check in a real process; only the version that it sees is another.
  const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})';
  const { status, stdout, stderr } = run(
    [MAIN, 'demo'],
    ['--import', pretend, '--import', './src/cli/require-node-24.mjs'],
  );
  t.equal(status, 2);
  t.equal(stdout, '', 'nothing has run');
  t.match(stderr, /^error: gvisor-injector needs Node 24 or later, this is Node 20\.20\.2 .*\nhint: run 'npm ci'/);
  t.end();
});

t.test('without a command the overview goes to stderr and the exit code is that of bad usage', t => {
  const bare = run([MAIN]);
  const help = run([MAIN, '--help']);
  t.strictSame([bare.status, bare.stdout, help.status, help.stderr], [2, '', 0, '']);
  t.equal(bare.stderr, help.stdout, 'the same text');
  for (const command of ['serve', 'inject', 'check', 'audit', 'render', 'demo']) t.match(help.stdout, `  ${command} `);
  t.end();
});

t.test('the help of each command begins with an example', t => {
  for (const command of ['serve', 'inject', 'check', 'audit', 'render', 'demo']) {
    const { status, stdout, stderr } = run([MAIN, command, '--help']);
    t.strictSame([status, stderr], [0, ''], command);
    t.match(stdout.split('\n')[0], new RegExp(`gvisor-injector ${command}\\b`), command);
  }
  t.end();
});

t.test('an unknown command is named with the nearest known one', t => {
  const near = run([MAIN, 'injct']);
  t.strictSame(
    [near.status, near.stdout, near.stderr],
    [2, '', "error: Unknown command 'injct'\nhint: Did you mean 'inject'?\n"],
  );
  const far = run([MAIN, 'constructor']);
  t.match(
    [far.status, far.stderr],
    [2, /^error: Unknown command 'constructor'\nhint: The commands are serve, inject, /],
  );
  t.end();
});

t.test('a reader that goes away ends a command quietly', t => {
  const script = `${process.execPath} ${MAIN} audit --help | true; echo done`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  t.strictSame([status, stdout, stderr], [0, 'done\n', '']);
  t.end();
});
