import { status } from '@grpc/grpc-js';
import { printable } from '../../policy/printable.ts';
import { NodeError } from '../node-error.ts';
import { RuntimeCallError } from './runtime-channel.ts';

const MAXIMUM_DETAILS = 600;
const UNIT_HINT = `See whether the unit runs ('systemctl status containerd', or k3s and RKE2's own unit) and what it says ('journalctl -u containerd')`;
const NOT_LOADED_HINT = `'journalctl -u containerd' says why the CRI plugin did not load; 'crictl info' must work before gVisor is set up`;

/** What a failed call means for the node, as an error with its reason; an error of another kind is returned as it is. */
export function runtimeFailure(error: unknown, socket: string): unknown {
  if (!(error instanceof RuntimeCallError)) return error;
  const details = detailsOf(error);
  const failed = (reason: 'ContainerdUnreachable' | 'RuntimeNotLoaded', sentence: string, hint: string): NodeError =>
    new NodeError('NodeFailed', { reason, sentence, hint }, { cause: error });
  switch (error.status) {
    case status.UNIMPLEMENTED:
      return failed(
        'RuntimeNotLoaded',
        `what listens at ${socket} does not serve ${error.call}: ${details}`,
        NOT_LOADED_HINT,
      );
    case status.DEADLINE_EXCEEDED:
      return failed('ContainerdUnreachable', `no answer to ${error.call} in time at ${socket}`, UNIT_HINT);
    case status.UNAVAILABLE:
      return failed('ContainerdUnreachable', `no container runtime answers at ${socket}: ${details}`, UNIT_HINT);
    default:
      return failed(
        'ContainerdUnreachable',
        `${error.call} at ${socket} failed with ${status[error.status]}: ${details}`,
        UNIT_HINT,
      );
  }
}

/** True when the other side says that there is no such sandbox. */
export function isNotFound(error: unknown): boolean {
  return error instanceof RuntimeCallError && error.status === status.NOT_FOUND;
}

/** True when the other side has no such call. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof RuntimeCallError && error.status === status.UNIMPLEMENTED;
}

/** True when the runtime itself refused, rather than the way to it. */
export function isRefusal(error: unknown): error is RuntimeCallError {
  if (!(error instanceof RuntimeCallError)) return false;
  return ![status.UNAVAILABLE, status.CANCELLED].includes(error.status);
}

/** The words of a failure, without those of gRPC around a connection's error. */
export function detailsOf({ details, status: code }: RuntimeCallError): string {
  if (code === status.DEADLINE_EXCEEDED) return 'no answer in time';
  const connection = /Last error: (?:Error: )?(.+?)\.? Resolution note:/s.exec(details)?.[1];
  return printable(connection ?? details, MAXIMUM_DETAILS);
}
