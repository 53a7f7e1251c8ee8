import t from 'tap';
import { planConfiguration } from '../../src/node/containerd/plan-configuration.ts';
import { readConfiguration } from '../../src/node/containerd/read-configuration.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import {
  dumpOf,
  ENTRY,
  expectationOf,
  fixtureHosts,
  layoutOf,
  readExpectation,
  writeExpectation,
} from './containerd-hosts.ts';

t.test('planConfiguration() plans for every host of the fixtures what lies beside it', async t => {
  for (const host of fixtureHosts()) {
    const layout = layoutOf(host.unit);
    const configuration = await readConfiguration(openHostFiles(host.root), layout);
    const dump = dumpOf(configuration, host.containerd);
    const plan = planConfiguration({
      layout,
      containerdVersion: host.containerd,
      configuration,
      dump,
      entries: [ENTRY],
    });
    const expectation = expectationOf(plan);
    if (process.env['UPDATE_FIXTURES'] === '1') writeExpectation(host, expectation);
    else t.strictSame(expectation, readExpectation(host), host.name);
  }
});
