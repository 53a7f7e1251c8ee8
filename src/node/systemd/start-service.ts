import { NodeError } from '../node-error.ts';
import type { Manager } from './manager.ts';
import type { HostService } from './systemd.ts';
import { execStart, START_TRANSIENT_UNIT, transientUnit } from './transient-unit.ts';

/**
 * Starts a program as a transient unit. False when a unit of that name is there: systemd gives each name once, so that
 * of two at the same time one starts it.
 */
export async function startService(manager: Manager, { unit, description, command }: HostService): Promise<boolean> {
  // One that failed would keep the name.
  await manager.resetFailed(unit);
  const values = transientUnit(unit, {
    Description: ['s', description],
    Type: ['s', 'simple'],
    CollectMode: ['s', 'inactive-or-failed'],
    ExecStart: execStart(command),
  });
  const result = await manager.job({ member: 'StartTransientUnit', signature: START_TRANSIENT_UNIT, values });
  if (result === 'UnitExists') return false;
  if (result === 'done') return true;
  throw new NodeError('NodeFailed', {
    reason: 'SystemdUnreachable',
    sentence: `systemd did not start ${unit}: the job ended as '${result}'`,
    hint: `'journalctl --unit ${unit}' on the host says more`,
  });
}
