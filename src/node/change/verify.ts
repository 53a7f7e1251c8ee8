import { handlersOf } from '../containerd/dump.ts';
import { GVISOR_RUNTIME_TYPE } from '../containerd/handler-tables.ts';
import { ownDigest } from '../containerd/inspect-configuration.ts';
import { cgroupDriverOf } from '../host/cgroup-driver.ts';
import type { CgroupDriver, Host } from '../host/host.ts';
import { verifyPayload } from '../payload/verify-payload.ts';
import { cgroupDriverIn } from '../runsc/runsc-configuration.ts';
import type { ChangeContext } from './context.ts';
import { isArmed } from './dead-man.ts';
import { findLostEntry } from './lost-entry.ts';
import { inspectHost } from './prepare.ts';
import type { HostRecord } from './record.ts';

/** One thing that was looked at. */
export interface Check {
  readonly subject: string;
  readonly passed: boolean;
  /** What was found, without a full stop. */
  readonly sentence: string;
}

/** What to look at. */
export interface VerifyRequest {
  /** The handlers that the policy wants. */
  readonly handlers: readonly string[];
  /** Starts a sandbox by each of them, and removes it again. */
  readonly boot: boolean;
}

/** Looks whether the host is as it should be; changes nothing, but for sandboxes that come and go when asked to boot. */
export async function verify(context: ChangeContext, request: VerifyRequest): Promise<readonly Check[]> {
  const { host, record } = await inspectHost(context);
  const checks = [await checkChange(context, record)];
  if (record.entry !== null) {
    checks.push(await checkPayload(context, record.entry.release), await checkEntry(context, record.entry));
  }
  const lost = findLostEntry(host, record)?.refusal.sentence;
  if (lost !== undefined) {
    checks.push({ subject: 'configuration', passed: false, sentence: `${lost}; 'node install' takes them over` });
  }
  for (const handler of request.handlers) {
    checks.push(await checkHandler(context, host, handler), checkLoaded(host, handler));
    if (request.boot) checks.push(await bootSandbox(context, host, handler));
  }
  return checks;
}

async function checkChange({ files }: ChangeContext, { change, entry }: HostRecord): Promise<Check> {
  const subject = 'record';
  if (change !== null) {
    const sentence = `an ${change.kind} was interrupted; 'node ${change.kind}' ends it`;
    return { subject, passed: false, sentence };
  }
  if (await isArmed(files)) {
    return { subject, passed: false, sentence: "the timer of a change is armed; 'node install' disarms it" };
  }
  return {
    subject,
    passed: true,
    sentence: entry === null ? 'nothing of ours is installed' : `our entry is in ${entry.path}`,
  };
}

async function checkPayload({ files }: ChangeContext, release: string): Promise<Check> {
  const faults = await verifyPayload(files, release);
  const sentence = faults.length === 0 ? `every part of ${release} is as it was installed` : faults.join('; ');
  return { subject: 'payload', passed: faults.length === 0, sentence };
}

async function checkEntry(
  { files }: ChangeContext,
  { path, sha256 }: NonNullable<HostRecord['entry']>,
): Promise<Check> {
  const own = ownDigest((await files.read(path))?.toString('utf8') ?? '');
  const passed = own === sha256;
  const sentence = passed
    ? `our bytes in ${path} are as we wrote them`
    : `our entry in ${path} is ${own === undefined ? 'gone' : 'changed'}; 'node install' repairs it`;
  return { subject: 'configuration', passed, sentence };
}

async function checkHandler({ files }: ChangeContext, host: Host, name: string): Promise<Check> {
  const subject = `handler ${name}`;
  const handler = handlersOf(host.dump).get(name);
  if (handler === undefined) return { subject, passed: false, sentence: 'containerd is not told of it' };
  if (handler.runtimeType !== GVISOR_RUNTIME_TYPE) {
    return {
      subject,
      passed: false,
      sentence: `its runtime type is ${handler.runtimeType}, not ${GVISOR_RUNTIME_TYPE}`,
    };
  }
  for (const path of [handler.runtimePath, handler.configPath]) {
    if (path !== undefined && path !== '' && (await files.status(await files.resolve(path))) === undefined) {
      return { subject, passed: false, sentence: `${path}, which it names, is not there` };
    }
  }
  return {
    subject,
    passed: true,
    sentence: `containerd is told of it, with ${handler.configPath ?? 'no configuration of its own'}`,
  };
}

function checkLoaded({ runtime }: Host, name: string): Check {
  const passed = runtime.handlers.includes(name);
  return { subject: `handler ${name}`, passed, sentence: passed ? 'CRI has loaded it' : 'CRI has not loaded it' };
}

async function bootSandbox(context: ChangeContext, host: Host, name: string): Promise<Check> {
  const subject = `sandbox ${name}`;
  const runtime = context.connectRuntime(host.layout.socket);
  try {
    const cgroupDriver = await driverOf(context, host, name);
    const start = await runtime.startSandbox({ handler: name, cgroupDriver });
    if (start.outcome === 'failed') return { subject, passed: false, sentence: start.message };
    const { id } = start;
    try {
      const type = (await runtime.sandbox(id))?.runtimeType;
      const passed = type === GVISOR_RUNTIME_TYPE;
      return {
        subject,
        passed,
        sentence: passed ? `one booted under ${type}` : `one booted under ${type ?? 'nothing'}`,
      };
    } finally {
      await runtime.removeSandbox(id);
    }
  } catch (error) {
    return { subject, passed: false, sentence: error instanceof Error ? error.message : String(error) };
  } finally {
    runtime.close();
  }
}

/** The driver that the handler was configured for, which a person may have said. */
async function driverOf({ files }: ChangeContext, host: Host, name: string): Promise<CgroupDriver> {
  const path = handlersOf(host.dump).get(name)?.configPath;
  const text = path === undefined ? undefined : (await files.read(path))?.toString('utf8');
  return (text === undefined ? undefined : cgroupDriverIn(text)) ?? cgroupDriverOf(host, undefined) ?? 'cgroupfs';
}
