import type { Test } from 'tap';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { type NodeLayout, NODES } from './layout.ts';
import { agentProcess, callsOf, memoryOf } from './node-agent-install-checks.ts';
import { runInNode } from './node-machine.ts';

/** A stream is asked for 30 to 60 minutes (src/kube/watch.ts), and there is one at rest. */
const STREAMS_AN_HOUR = 60 / 45;
const CALLS_AN_HOUR = 20;
const HOUR = 3600;
/** Of processor time (USER_HZ). */
const TICKS_A_SECOND = 100;

/** What an agent has used until a moment. */
interface Usage {
  readonly at: number;
  readonly calls: number;
  readonly processorSeconds: number;
}

/** The agents at rest, from now on until the function that is returned is called: what they ask and use. */
export async function measureRest(cluster: ClusterUnderTest): Promise<(t: Test) => Promise<void>> {
  const before = await Promise.all(NODES.map(async node => await usageOf(cluster, node)));
  return async t => {
    const rows = await Promise.all(
      NODES.map(async (node, index) => await describe(t, cluster, { node, before: before[index] })),
    );
    const yearly = (nodes: number): string => {
      const hourly = Math.round(nodes * STREAMS_AN_HOUR);
      return `${nodes.toLocaleString('en')} nodes: ${nodes.toLocaleString('en')} open watches, each of one Node, and ${hourly.toLocaleString('en')} requests an hour (${(hourly / HOUR).toFixed(1)} a second)`;
    };
    cluster.note(
      'What does a node at rest cost?',
      [
        ...rows,
        `Its one request at rest is the watch of its own Node, which is asked for anew after 30 to 60 minutes: ${STREAMS_AN_HOUR.toFixed(1)} requests an hour. Looks at the host (files every 30 s, everything every 45 to 75 minutes) ask the API server nothing.`,
        `By that arithmetic, ${yearly(1000)}; ${yearly(5000)}. A kubelet alone renews its Lease 360 times an hour.`,
      ].join('\n\n'),
    );
  };
}

async function describe(
  t: Test,
  cluster: ClusterUnderTest,
  { node, before }: { readonly node: NodeLayout; readonly before: Usage | undefined },
): Promise<string> {
  const after = await usageOf(cluster, node);
  const seconds = (after.at - (before?.at ?? 0)) / 1000;
  const calls = after.calls - (before?.calls ?? 0);
  const hourly = (calls / seconds) * HOUR + STREAMS_AN_HOUR;
  t.ok(hourly < CALLS_AN_HOUR, `${node.name}: ${calls} requests in ${seconds.toFixed(0)} s at rest`);
  const millicores = ((after.processorSeconds - (before?.processorSeconds ?? 0)) / seconds) * 1000;
  const { total, anonymous } = await memoryOf(node);
  return `${node.name}: ${calls} requests in ${seconds.toFixed(0)} s, ${millicores.toFixed(1)} millicores, ${total} MiB of RSS (${anonymous} MiB its own).`;
}

async function usageOf(cluster: ClusterUnderTest, node: NodeLayout): Promise<Usage> {
  const { total } = await callsOf(cluster, node);
  const stat = await runInNode(node, ['cat', `/proc/${await agentProcess(node)}/stat`]);
  const fields = stat.slice(stat.lastIndexOf(')')).split(' ');
  const ticks = Number(fields[12]) + Number(fields[13]);
  return { at: Date.now(), calls: total, processorSeconds: ticks / TICKS_A_SECOND };
}
