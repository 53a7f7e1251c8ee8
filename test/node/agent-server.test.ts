import { once } from 'node:events';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { AgentMetrics, NODE_METRICS } from '../../src/node/agent/agent-metrics.ts';
import { createAgentServer } from '../../src/node/agent/agent-server.ts';
import { proofs, VERDICTS } from './agent-world.ts';

t.test('probes and metrics are served in plain HTTP', async t => {
  const metrics = new AgentMetrics();
  metrics.ended(proofs(VERDICTS.failed), 1.5);
  metrics.called('get', 'a"b\\c\n');
  metrics.setCondition('False', 'Installing');
  metrics.setCondition('True', 'Proved');
  let reason: string | undefined = 'not yet';
  const server = createAgentServer({ notReadyReason: () => reason, scrape: () => metrics.scrape() });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const ask = async (path: string): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    get({ port, path }, response => {
      let body = '';
      response.on('data', chunk => (body += String(chunk)));
      response.once('end', () => resolve(`${response.statusCode} ${body}`));
    });
    return await promise;
  };
  t.equal(await ask('/livez'), '200 ok\n');
  t.equal(await ask('/readyz'), '503 not ready: not yet\n');
  reason = undefined;
  t.equal(await ask('/readyz'), '200 ok\n');
  t.match(await ask('/__proto__'), /^404/);
  const text = await ask('/metrics?x');
  for (const { name, type, help } of Object.values(NODE_METRICS))
    t.match(text, `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
  t.match(text, 'gvisor_injector_node_proofs_total{handler="runsc",result="failed",cause="SandboxNotStarted"} 1\n');
  t.match(text, 'gvisor_injector_node_step_seconds_total{step="prove"} 1.5\n');
  t.match(text, 'gvisor_injector_node_api_requests_total{verb="get",result="a\\"b\\\\c\\n"} 1\n');
  t.match(text, 'gvisor_injector_node_condition{status="True",reason="Proved"} 1\n');
  t.notMatch(text, 'Installing');
});
