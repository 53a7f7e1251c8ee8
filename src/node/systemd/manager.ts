import * as v from 'valibot';
import { printable } from '../../policy/printable.ts';
import { NodeError } from '../node-error.ts';
import { type Connection, ConnectionError, connectPeer, RefusalError, within } from './connection.ts';
import { messageValues } from './wire-message.ts';
import type { WireValue } from './wire-value.ts';

/** How long systemd may take, in milliseconds. */
export interface ManagerTimes {
  /** To accept a connection, and to answer. */
  readonly call: number;
  /** To read the unit files of a large host again. */
  readonly reload: number;
  /** To end a job. containerd gives up its own start after 90 s. */
  readonly job: number;
}

/** As long as systemctl waits for an answer, and longer than a service takes to start or stop by default. */
export const MANAGER_TIMES: ManagerTimes = { call: 25_000, reload: 90_000, job: 120_000 };

/** Where systemd is. */
export interface ManagerOptions {
  /** Its private socket, as it is seen here. */
  readonly socket: string;
  readonly uid: number;
  readonly times: ManagerTimes;
}

/** A call of systemd's manager object. */
export interface ManagerCall {
  readonly member: string;
  readonly signature?: string;
  readonly values?: readonly WireValue[];
  readonly timeoutMilliseconds?: number;
}

/** A property of a unit. */
export interface UnitProperty {
  /** The unit's object, as `LoadUnit` returns it. */
  readonly path: string;
  /** The last word of the interface, such as `Unit` or `Service`. */
  readonly interface: string;
  readonly name: string;
}

const SYSTEMD = 'org.freedesktop.systemd1';
const MANAGER_PATH = '/org/freedesktop/systemd1';
const MANAGER_INTERFACE = `${SYSTEMD}.Manager`;
const MESSAGE_LENGTH = 300;
const PathSchema = v.tuple([v.string()]);
/** Of the signal `JobRemoved`: number, path, unit, result. */
const JobRemovedSchema = v.tuple([v.number(), v.string(), v.string(), v.string()]);

/**
 * The manager object of systemd (org.freedesktop.systemd1(5)), over its private socket.
 *
 * @throws {NodeError} SystemdUnreachable from every call
 */
export class Manager {
  readonly #options: ManagerOptions;
  #connection: Promise<Connection> | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** Makes a call that must not be refused. */
  async call(call: ManagerCall): Promise<void> {
    this.#expect(await this.#tryCall(call, v.unknown()), call.member);
  }

  /** The object of a unit, whether there is such a unit or not. */
  async loadUnit(name: string): Promise<string> {
    const call = { member: 'LoadUnit', signature: 's', values: [name] };
    return this.#expect(await this.#tryCall(call, PathSchema), call.member)[0];
  }

  /** A property of a unit. */
  async property<Schema extends v.GenericSchema>(
    { path, interface: word, name }: UnitProperty,
    schema: Schema,
  ): Promise<v.InferOutput<Schema>> {
    const call = {
      path,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      signature: 'ss',
      values: [`${SYSTEMD}.${word}`, name],
      timeoutMilliseconds: this.#options.times.call,
    };
    const answer = await this.#guarded(connection => connection.call(call, v.tuple([v.object({ value: schema })])));
    return this.#expect(answer, `Get of ${name}`)[0].value;
  }

  /**
   * Makes a call that queues a job, and waits for the job's end.
   *
   * @returns the job's result, `done` when it is what was asked for, or the name of the refusal: `NoSuchUnit`,
   *   `UnitMasked`, `UnitExists`
   */
  async job(call: ManagerCall, timeoutMilliseconds = this.#options.times.job): Promise<string> {
    const result = await this.#guarded(async connection => {
      const watch = watchJobs(connection);
      try {
        const [job] = await this.#callManager(connection, call, PathSchema);
        const lost = connection.ended.then(error => Promise.reject(error));
        const end = Promise.race([watch.resultOf(job), lost]);
        return await within(end, timeoutMilliseconds, `end of the job of ${call.member}`);
      } finally {
        watch.stop();
      }
    });
    return result instanceof RefusalError ? lastWord(result.errorName) : result;
  }

  /** Forgets that a unit failed; one that is not loaded is no error. */
  async resetFailed(unit: string): Promise<void> {
    const call = { member: 'ResetFailedUnit', signature: 's', values: [unit] };
    const answer = await this.#tryCall(call, v.unknown());
    if (answer instanceof RefusalError && lastWord(answer.errorName) !== 'NoSuchUnit')
      this.#expect(answer, call.member);
  }

  /** Connects, so that it is known whether systemd is there. */
  async open(): Promise<void> {
    await this.#guarded(async () => undefined);
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  /** Uses a connection. What systemd refuses is a value: it may be what the caller wants to know. */
  async #guarded<Result>(use: (connection: Connection) => Promise<Result>): Promise<Result | RefusalError> {
    try {
      return await use(await this.#openConnection());
    } catch (error) {
      if (error instanceof RefusalError) return error;
      if (error instanceof ConnectionError) throw this.#unreachable(error.message, error);
      throw error;
    }
  }

  /** A new one where systemd has closed the last, as it does when it executes itself anew. */
  async #openConnection(): Promise<Connection> {
    const last = this.#connection;
    const connection = await last?.catch(() => undefined);
    if (connection?.isOpen === true) return connection;
    // Of several calls at once, the first has begun a new one.
    if (this.#connection === undefined || this.#connection === last) this.#connection = this.#connect();
    return await this.#connection;
  }

  async #connect(): Promise<Connection> {
    const { socket, uid, times } = this.#options;
    const connection = await connectPeer({ socket, uid, timeoutMilliseconds: times.call });
    try {
      await this.#callManager(connection, { member: 'Subscribe' }, v.unknown());
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  async #tryCall<Schema extends v.GenericSchema>(
    call: ManagerCall,
    schema: Schema,
  ): Promise<v.InferOutput<Schema> | RefusalError> {
    return await this.#guarded(connection => this.#callManager(connection, call, schema));
  }

  async #callManager<Schema extends v.GenericSchema>(
    connection: Connection,
    call: ManagerCall,
    schema: Schema,
  ): Promise<v.InferOutput<Schema>> {
    const object = { path: MANAGER_PATH, interface: MANAGER_INTERFACE, timeoutMilliseconds: this.#options.times.call };
    return await connection.call({ ...object, ...call }, schema);
  }

  #expect<Answer>(answer: Answer | RefusalError, what: string): Answer {
    if (!(answer instanceof RefusalError)) return answer;
    const reason = printable(answer.message, MESSAGE_LENGTH);
    throw this.#unreachable(`${what} was refused, ${answer.errorName}: ${reason}`, answer);
  }

  #unreachable(what: string, cause?: unknown): NodeError {
    return new NodeError(
      'NodeFailed',
      {
        reason: 'SystemdUnreachable',
        sentence: `systemd at ${this.#options.socket}: ${what}`,
        hint: `Run as root on a host that systemd has started; in a container, mount the host's folder /run/systemd`,
      },
      { cause },
    );
  }
}

/** The jobs that end while one looks. */
interface JobWatch {
  resultOf(job: string): Promise<string>;
  stop(): void;
}

/** To be begun before a job is queued: its end may be told before its beginning is answered. */
function watchJobs(connection: Connection): JobWatch {
  const jobs = new Map<string, PromiseWithResolvers<string>>();
  const find = (path: string): PromiseWithResolvers<string> => {
    const job = jobs.get(path) ?? Promise.withResolvers<string>();
    jobs.set(path, job);
    return job;
  };
  const stop = connection.onSignal(signal => {
    if (signal.interface !== MANAGER_INTERFACE || signal.member !== 'JobRemoved') return;
    const [, path, , result] = v.parse(JobRemovedSchema, messageValues(signal));
    find(path).resolve(result);
  });
  return { resultOf: async path => await find(path).promise, stop };
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
