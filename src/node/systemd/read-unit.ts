import * as v from 'valibot';
import type { Manager } from './manager.ts';
import type { UnitState } from './systemd.ts';

/** Commands of a unit: a path, arguments, and how the last run of each ended. */
const CommandsSchema = v.array(v.looseTuple([v.string(), v.array(v.string())]));
const NO_SERVICE = { command: [], environment: [], mainProcess: 0 } as const;

/** A unit, or undefined when there is none of that name. `GetUnit` would know those only that are in use. */
export async function readUnit(manager: Manager, name: string): Promise<UnitState | undefined> {
  const path = await manager.loadUnit(name);
  const unit = { path, interface: 'Unit' };
  const loadState = await manager.property({ ...unit, name: 'LoadState' }, v.string());
  if (loadState === 'not-found') return undefined;
  const activeState = await manager.property({ ...unit, name: 'ActiveState' }, v.string());
  const activeSince = await manager.property({ ...unit, name: 'ActiveEnterTimestamp' }, v.bigint());
  const service = name.endsWith('.service') ? await readService(manager, path) : NO_SERVICE;
  return { activeState, activeSince: Number(activeSince), ...service };
}

async function readService(
  manager: Manager,
  path: string,
): Promise<Pick<UnitState, 'command' | 'environment' | 'mainProcess'>> {
  const service = { path, interface: 'Service' };
  const [first] = await manager.property({ ...service, name: 'ExecStart' }, CommandsSchema);
  const environment = await manager.property({ ...service, name: 'Environment' }, v.array(v.string()));
  const mainProcess = await manager.property({ ...service, name: 'MainPID' }, v.number());
  return { command: first?.[1] ?? [], environment, mainProcess };
}
