import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, type status } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import type { Test } from 'tap';
import { connectRuntime, type RuntimeAddress } from '../../src/node/runtime/connect-runtime.ts';
import type { ContainerRuntime } from '../../src/node/runtime/container-runtime.ts';
import { RUNTIME_CALLS, type RuntimeCall } from '../../src/node/runtime/runtime-channel.ts';
import { RUNTIME_MESSAGES } from '../../src/node/runtime/runtime-messages.ts';

/** What a call answers: a message of the descriptor, bytes as they are, an error, or nothing ever. */
export type ServedAnswer =
  | { readonly message: object }
  | { readonly bytes: Buffer }
  | { readonly status: status; readonly details: string }
  | 'never';

/** One call that was made. */
export interface ServedCall {
  readonly call: RuntimeCall;
  readonly request: object;
}

/** The server of a test. */
export interface RuntimeServer {
  /** In the order in which they came. */
  readonly calls: readonly ServedCall[];
  stop(): void;
}

/** Answers of a test, by call; a call without one is unimplemented, as with a containerd whose CRI has not loaded. */
export type ServedAnswers = Partial<Record<RuntimeCall, (request: object) => ServedAnswer>>;

const messages = protobuf.Root.fromJSON(RUNTIME_MESSAGES);

/** Serves answers at a Unix socket, by the same descriptor: good for what goes wrong, no proof of the descriptor. */
export async function serveRuntime(socket: string, answers: ServedAnswers): Promise<RuntimeServer> {
  const server = new Server();
  const calls: ServedCall[] = [];
  for (const [call, answer] of entriesOf(answers)) {
    const { path, request, response } = RUNTIME_CALLS[call];
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    } as const;
    const handle = ({ request: bytes }: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void => {
      const type = messages.lookupType(request);
      const value = type.toObject(type.decode(bytes));
      calls.push({ call, request: value });
      const answered = answer(value);
      if (answered === 'never') return;
      if ('status' in answered) reply({ code: answered.status, details: answered.details });
      else reply(null, 'bytes' in answered ? answered.bytes : encode(response, answered.message));
    };
    server.addService({ [call]: definition }, { [call]: handle });
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  rmSync(socket, { force: true });
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), error =>
    error === null ? resolve() : reject(error),
  );
  await promise;
  return { calls, stop: () => server.forceShutdown() };
}

/** A path for a socket: it may have 107 bytes only, which a folder named after a test exceeds. */
export function socketOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'runtime-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return join(folder, 'r.sock');
}

/** A runtime that is connected to a server of these answers; both end with the test. */
export async function serveToRuntime(
  t: Test,
  answers: ServedAnswers,
  options: Omit<RuntimeAddress, 'socket'> = {},
): Promise<{ readonly runtime: ContainerRuntime; readonly server: RuntimeServer }> {
  const socket = socketOf(t);
  const server = await serveRuntime(socket, answers);
  const runtime = connectRuntime({ socket, ...options });
  t.teardown(() => {
    runtime.close();
    server.stop();
  });
  return { runtime, server };
}

function encode(name: string, message: object): Buffer {
  const type = messages.lookupType(name);
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

function entriesOf(answers: ServedAnswers): readonly (readonly [RuntimeCall, (request: object) => ServedAnswer])[] {
  const calls: readonly RuntimeCall[] = [
    'Version',
    'Status',
    'RuntimeConfig',
    'ListPodSandbox',
    'PodSandboxStatus',
    'RunPodSandbox',
    'StopPodSandbox',
    'RemovePodSandbox',
  ];
  return calls.flatMap(call => {
    const answer = answers[call];
    return answer === undefined ? [] : [[call, answer] as const];
  });
}
