import type { Refusal } from '../reason.ts';
import type { UnitState } from '../systemd/systemd.ts';
import { containerdLayout, rancherLayout, type StartedUnit } from './exec-start.ts';
import { KNOWN_UNITS, type KnownUnit, UNSUPPORTED_SYSTEMS } from './known-units.ts';
import type { Layout, LayoutName } from './layout.ts';

/** What a host says of itself, as far as its layout depends on it. */
export interface LayoutFacts {
  /** The units of {@link KNOWN_UNITS}; undefined for one that systemd does not have. */
  readonly units: ReadonlyMap<string, UnitState | undefined>;
  /** The assignments of /etc/os-release; empty when there is none. */
  readonly osRelease: ReadonlyMap<string, string>;
  /** Which of `LAYOUT_FILES` are there. They never decide anything. */
  readonly files: readonly string[];
}

const RUNNING_STATES: readonly string[] = ['active', 'reloading'];

/**
 * Which layout a host has: the unit that is active decides, and never which files exist (what an installer left behind
 * looks the same as what is used). A host with two active ones is refused, as nothing here says which the kubelet uses.
 *
 * @returns LayoutUnknown, LayoutAmbiguous or LayoutUnsupported when there is no layout that can be changed
 */
export function detectLayout(facts: LayoutFacts): Layout | Refusal {
  const { units, osRelease } = facts;
  const system = UNSUPPORTED_SYSTEMS.get(osRelease.get('ID') ?? '');
  if (system !== undefined) return unsupported(`the host runs ${systemName(osRelease, system.name)}`, system.hint);
  const running = KNOWN_UNITS.flatMap(known => {
    const state = units.get(known.unit);
    return state !== undefined && RUNNING_STATES.includes(state.activeState) ? [{ known, state }] : [];
  });
  const [first, second] = running;
  if (first === undefined) return unknownLayout(facts);
  if (second !== undefined) return ambiguousLayout(running.map(({ known }) => known));
  const { known, state } = first;
  if ('unsupported' in known) return unsupported(`${known.unit} is active, which is ${known.unsupported}`, known.hint);
  return layoutOf(known.layout, { unit: known.unit, command: state.command, environment: state.environment });
}

function layoutOf(name: LayoutName, unit: StartedUnit): Layout | Refusal {
  return name === 'containerd' ? containerdLayout(unit) : rancherLayout(name, unit);
}

function systemName(osRelease: ReadonlyMap<string, string>, name: string): string {
  const variant = osRelease.get('VARIANT_ID');
  return variant === undefined ? name : `${name} (${variant})`;
}

function unsupported(what: string, hint: string): Refusal {
  return { reason: 'LayoutUnsupported', sentence: `${what}, a layout that is not supported yet`, hint };
}

function ambiguousLayout(known: readonly KnownUnit[]): Refusal {
  return {
    reason: 'LayoutAmbiguous',
    sentence: `${known.map(({ unit }) => unit).join(' and ')} are active at the same time, and each has a configuration of its own`,
    hint: 'Stop and disable those that the kubelet does not use',
  };
}

function unknownLayout({ units, files }: LayoutFacts): Refusal {
  const stopped = KNOWN_UNITS.flatMap(({ unit }) => {
    const state = units.get(unit)?.activeState;
    return state === undefined ? [] : [`${unit} is ${state}`];
  });
  const found = files.length === 0 ? [] : [`${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} there`];
  const known = KNOWN_UNITS.flatMap(unit => ('layout' in unit ? [unit.unit] : [])).join(', ');
  return {
    reason: 'LayoutUnknown',
    sentence: ['no unit of a known container runtime is active', ...stopped, ...found].join('; '),
    hint: `Start the node's container runtime as one of ${known}`,
  };
}
