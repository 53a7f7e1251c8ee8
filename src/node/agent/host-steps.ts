import type { ChangeContext } from '../change/context.ts';
import { install, type InstallResult, type PayloadSupply } from '../change/install.ts';
import type { InstallRequest } from '../change/install-plan.ts';
import { previewUninstall, uninstall } from '../change/uninstall.ts';
import { verify, type VerifyRequest } from '../change/verify.ts';
import { NodeError } from '../node-error.ts';
import type { Refusal } from '../reason.ts';
import type { FileLook } from './drift-watch.ts';
import { type EndedStep, type InstalledReport, isTrouble, type Trouble } from './step-report.ts';
import { watchedFiles } from './watched-files.ts';

/** Has gVisor installed, and reports. @throws what is no failure on the host */
export async function installStep(
  context: ChangeContext,
  {
    request,
    payload,
    look,
  }: { readonly request: InstallRequest; readonly payload: PayloadSupply; readonly look: FileLook },
): Promise<EndedStep> {
  return await reported('install', async () => {
    let pauseMilliseconds = 0;
    const paused = (milliseconds: number): void => {
      pauseMilliseconds += milliseconds;
    };
    const result = await install({ ...context, paused }, request, payload);
    const report = await installedReport(context, { request, result, look });
    const isPause = result.restarted && !isTrouble(report);
    return { step: 'install', report: isPause ? { ...report, pauseMilliseconds } : report };
  });
}

async function installedReport(
  context: ChangeContext,
  {
    request,
    result,
    look,
  }: { readonly request: InstallRequest; readonly result: InstallResult; readonly look: FileLook },
): Promise<InstalledReport | Trouble> {
  const { outcome, plan } = result;
  if (outcome === 'refused') return refusedBy(plan.refusals);
  return {
    outcome,
    release: plan.release,
    handlers: request.handlers.map(({ name }) => ({ name, adopted: plan.adopted.includes(name) })),
    files: [...(await watchedFiles(context, look))],
  };
}

/** Has the host looked at, and reports what is not as it should be. @throws what is no failure on the host */
export async function verifyStep(context: ChangeContext, request: VerifyRequest): Promise<EndedStep> {
  return await reported('verify', async () => {
    const checks = await verify(context, request);
    const faults = checks.filter(({ passed }) => !passed).map(({ subject, sentence }) => ({ subject, sentence }));
    return { step: 'verify', report: { outcome: faults.length === 0 ? 'sound' : 'unsound', faults } };
  });
}

/** Asks whether a removal would be refused, and reports. @throws what is no failure on the host */
export async function lookStep(context: ChangeContext): Promise<EndedStep> {
  return await reported('look', async () => {
    const { refusals } = await previewUninstall(context);
    return { step: 'look', report: refusals.length === 0 ? { outcome: 'clear' } : refusedBy(refusals) };
  });
}

/** Has gVisor removed, and reports. @throws what is no failure on the host */
export async function uninstallStep(context: ChangeContext): Promise<EndedStep> {
  return await reported('uninstall', async () => {
    const { outcome, plan } = await uninstall(context);
    if (outcome === 'refused') return { step: 'uninstall', report: refusedBy(plan.refusals) };
    return { step: 'uninstall', report: { outcome: outcome === 'absent' ? 'absent' : 'removed' } };
  });
}

/** A step with its report, also when it failed on the host. @throws anything but a {@link NodeError} */
export async function reported(step: EndedStep['step'], work: () => Promise<EndedStep>): Promise<EndedStep> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    const outcome = error.code === 'NodeRefused' ? 'refused' : 'failed';
    const { reason, hint = '' } = error;
    // The message of such an error begins with its reason.
    return { step, report: { outcome, reason, sentence: error.message.replace(`${reason}: `, ''), hint } };
  }
}

/** All at once: who mends the first finds the others without another try. */
function refusedBy(refusals: readonly Refusal[]): Trouble {
  const [first, ...others] = refusals;
  if (first === undefined) throw new TypeError('Nothing was refused');
  const more = others.map(({ reason, sentence }) => `; ${reason}: ${sentence}`).join('');
  return { outcome: 'refused', reason: first.reason, sentence: `${first.sentence}${more}`, hint: first.hint };
}
