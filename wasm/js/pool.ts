import { cancelled } from './abort.js';
import type { Connection, Delivery, Operation } from './connection.js';
import { SmtpError } from './errors.js';
import type { Message } from './message.js';
import type { SmtpEnvelope } from './session.js';

/** Bounds of a pool. */
export interface PoolLimits {
  /** Connections at most. */
  maxConnections: number;
  /** Messages that go over one connection before another takes its place. */
  maxMessages: number;
  /** Messages in each `rateDelta` milliseconds, over all connections. */
  rateLimit: number;
  rateDelta: number;
  /** Milliseconds after which a connection that nobody uses is left. */
  idleTimeout: number;
  /** Whether its connections log in. */
  hasLogin: boolean;
}

/** A message for a pool. */
export interface PoolMessage {
  envelope: SmtpEnvelope;
  message: Message;
  messageId: string | undefined;
  signal: AbortSignal;
  /** Whether the caller may give this one up. */
  isCancellable: boolean;
}

/** A message that was delivered, and how. */
export interface PoolDelivery {
  connection: Connection;
  delivery: Delivery;
}

interface Job extends PoolMessage {
  done: (delivery: PoolDelivery) => void;
  failed: (error: unknown) => void;
  /** Gives it up, wherever it is. */
  cancel: () => void;
  /** Whether it was tried before, and whether its octets were asked for. */
  isRetry: boolean;
  isOpened: boolean;
  /** Whether a connection had it. */
  isBegun: boolean;
  /** Why a connection that it was to go over never stood. */
  setup: SmtpError | undefined;
}

/** A place for a connection; while that is being opened, there is none. */
interface Member {
  connection: Connection | undefined;
  /** When it began to be opened. */
  opened: number;
  /** Messages that it was given, and those under way that may be given up. */
  count: number;
  cancellable: number;
  idle: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Connections that are kept. A message goes over one that is idle, else over a new one, else behind the messages of one
 * that is busy. Nothing is sent to find out whether a connection still stands: one that was closed has said so, and a
 * message that met its end before any of its octets was sent goes over another one, once.
 */
export class Pool {
  readonly #open: (signal: AbortSignal) => Promise<Connection>;
  readonly #limits: PoolLimits;
  readonly #onTurn: () => void;
  /** What was given and is not over; and what of it no connection has yet. */
  readonly #jobs = new Set<Job>();
  readonly #waiting: Job[] = [];
  readonly #members = new Set<Member>();
  /** Those that are not closed yet. */
  readonly #connections = new Set<Connection>();
  /** When messages were begun, in the last `rateDelta`; and what waits until more may be. */
  readonly #begun: number[] = [];
  #turn: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  /** Called when nothing is left to do. */
  #done: (() => void)[] = [];
  /** Whether a login is known to be right, or what failed was no login: then connections are opened side by side. */
  #isProven = false;
  /** The server does not take more connections than this, as it said then, until then. */
  #most = ANY;

  /** @param onTurn Told when the rate allows more. */
  constructor(open: (signal: AbortSignal) => Promise<Connection>, limits: PoolLimits, onTurn: () => void) {
    this.#open = open;
    this.#limits = limits;
    this.#onTurn = onTurn;
  }

  /** Messages that were given and are not over. */
  get size(): number {
    return this.#jobs.size;
  }

  /** Whether the rate lets so many more messages go out at once; if not, `onTurn` is called when it may. */
  allows(count: number): boolean {
    return this.#mayBegin(this.#waiting.length + count);
  }

  send(message: PoolMessage): Promise<PoolDelivery> {
    if (this.#isClosed) return Promise.reject(closedError());
    return new Promise((done, failed) => {
      const job: Job = { ...message, done, failed, cancel: () => {}, isRetry: false, isOpened: false, isBegun: false, setup: undefined };
      const { open } = message.message;
      job.message = { ...message.message, open: () => ((job.isOpened = true), open()) };
      this.#jobs.add(job);
      this.#wait(job);
      this.#pump();
    });
  }

  /** Takes no more. What was given is sent first, or given up with `force`; then everything is closed. */
  async close(force: boolean): Promise<void> {
    this.#isClosed = true;
    if (force) {
      for (const job of [...this.#jobs]) job.cancel();
      for (const connection of this.#connections) connection.abort();
    }
    if (this.#jobs.size > 0) await new Promise<void>((done) => this.#done.push(done));
    clearTimeout(this.#turn);
    for (const member of this.#members) this.#leave(member);
    await Promise.all([...this.#connections].map(({ finished }) => finished));
  }

  /** Puts a job where it waits for a connection: behind all, or before those that were never begun, in order. */
  #wait(job: Job, isFirst = false): void {
    job.isBegun ||= isFirst;
    const place = isFirst ? this.#waiting.findIndex(({ isBegun }) => !isBegun) : -1;
    this.#waiting.splice(place < 0 ? this.#waiting.length : place, 0, job);
    this.#onCancel(job, () => {
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      this.#end(job, () => job.failed(cancelled(job.messageId)));
    });
  }

  /** From now on, this gives the job up. */
  #onCancel(job: Job, cancel: () => void): void {
    job.signal.removeEventListener('abort', job.cancel);
    job.cancel = cancel;
    job.signal.addEventListener('abort', cancel);
    if (job.signal.aborted) cancel();
  }

  #end(job: Job, tell: () => void): void {
    job.signal.removeEventListener('abort', job.cancel);
    this.#jobs.delete(job);
    tell();
    if (this.#jobs.size === 0) for (const done of this.#done.splice(0)) done();
  }

  /** Begins what may be begun. */
  #pump(): void {
    while (this.#waiting.length > 0 && this.#mayBegin(1)) {
      const job = this.#waiting[0] as Job;
      const idle = this.#pick(0);
      // What met the end of a connection goes over a new one, and others wait until there is room for that.
      const member = job.isRetry ? this.#added() : (idle ?? this.#added() ?? this.#pick(DEPTH - 1));
      if (!member && job.isRetry && idle) this.#leave(idle);
      if (!member) return;
      this.#waiting.shift();
      this.#begun.push(performance.now());
      if (member.connection) this.#begin(job, member, member.connection);
      else void this.#openFor(job, member);
    }
  }

  /** Whether the rate allows so many more; if not, it is looked at again when it does. */
  #mayBegin(count: number): boolean {
    const { rateLimit, rateDelta } = this.#limits;
    if (rateLimit === Infinity) {
      this.#begun.length = 0;
      return true;
    }
    const now = performance.now();
    while (this.#begun.length > 0 && (this.#begun[0] as number) <= now - rateDelta) this.#begun.shift();
    if (this.#begun.length + count <= rateLimit) return true;
    // A timer has a longest time.
    this.#turn ??= setTimeout(() => {
      this.#turn = undefined;
      this.#pump();
      this.#onTurn();
    }, Math.min((this.#begun[0] ?? now) + rateDelta - now, 2 ** 31 - 1));
    return false;
  }

  /**
   * The connection with the fewest messages under way, if those are no more than that. Nothing goes behind a message that
   * may be given up, since that closes the connection.
   */
  #pick(most: number): Member | undefined {
    let [found, fewest] = [undefined as Member | undefined, most + 1];
    for (const member of this.#members) {
      const { connection, count } = member;
      if (!connection?.isOpen || count >= this.#limits.maxMessages || connection.underWay >= fewest || member.cancellable > 0) continue;
      [found, fewest] = [member, connection.underWay];
    }
    return found;
  }

  /** A place for one more connection, if there may be one. */
  #added(): Member | undefined {
    // A login that is wrong is refused once, and not by as many connections as there may be.
    const most = this.#limits.hasLogin && !this.#isProven ? 1 : this.#limits.maxConnections;
    if (this.#members.size >= most || (this.#members.size >= this.#most.connections && performance.now() < this.#most.until)) return undefined;
    const member = { connection: undefined, opened: performance.now(), count: 0, cancellable: 0, idle: undefined };
    this.#members.add(member);
    return member;
  }

  async #openFor(job: Job, member: Member): Promise<void> {
    const controller = new AbortController();
    this.#onCancel(job, () => controller.abort());
    try {
      const connection = await this.#open(controller.signal);
      member.connection = connection;
      this.#connections.add(connection);
      void connection.ready.then(
        () => {
          this.#isProven = true;
          // One that was opened since stands: the server takes more again.
          if (member.opened > this.#most.at) this.#most = ANY;
          this.#pump();
        },
        () => {},
      );
      void connection.finished.then(() => {
        this.#connections.delete(connection);
        this.#members.delete(member);
        clearTimeout(member.idle);
        this.#pump();
      });
      this.#begin(job, member, connection, true);
    } catch (error) {
      this.#members.delete(member);
      this.#failed(job, error, { member, isSetup: true });
    }
    this.#pump();
  }

  /** @param isNew Whether the connection was opened for this message. */
  #begin(job: Job, member: Member, connection: Connection, isNew = false): void {
    clearTimeout(member.idle);
    member.count += 1;
    let operation: Operation;
    try {
      operation = connection.send(job.envelope, job.message, job.messageId);
    } catch (error) {
      // A connection that was at its end takes nothing, which is no try; but not again and again.
      if (connection.isOpen || isNew) this.#failed(job, error);
      else this.#wait(job, true);
      return this.#freed(member, connection);
    }
    this.#onCancel(job, operation.cancel);
    const isCancellable = job.isCancellable ? 1 : 0;
    member.cancellable += isCancellable;
    const { delivery, wasUntried } = operation;
    // The first one on a connection is tried there, whatever comes of it.
    const isFirst = member.count === 1;
    void delivery
      .then(
        (delivery) => this.#end(job, () => job.done({ connection, delivery })),
        (error: unknown) => this.#failed(job, error, { member, isSetup: !connection.isReady, isUntried: !isFirst && wasUntried() }),
      )
      .finally(() => {
        member.cancellable -= isCancellable;
        this.#freed(member, connection);
      });
  }

  /** @param isSetup Whether its connection never stood. `isUntried`: that stood, and the message was not tried there. */
  #failed(job: Job, error: unknown, { member, isSetup = false, isUntried = false }: { member?: Member; isSetup?: boolean; isUntried?: boolean } = {}): void {
    const isRefused = isSetup && error instanceof SmtpError && error.code === 'EAUTH' && (error.responseCode ?? 0) >= 500;
    if (isSetup && error instanceof SmtpError && error.code !== 'EABORT' && !job.signal.aborted) {
      if (!isRefused) this.#isProven = true;
      const others = [...this.#members].filter((other) => other !== member && (other.connection === undefined || other.connection.isOpen)).length;
      if (others > 0) {
        // It goes over those, and no more are opened for a while; never, if that might lock an account.
        const now = performance.now();
        this.#most = { connections: others, at: now, until: isRefused ? Infinity : now + REFUSED };
        job.setup = error;
        return this.#wait(job, true);
      }
      // Nothing stands, so it is as bad for those that waited for the others.
      this.#most = ANY;
      for (const waiting of this.#waiting.filter(({ setup }) => setup !== undefined)) {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.#end(waiting, () => waiting.failed(waiting.setup));
      }
    }
    if (!isSetup && mayTryAgain(job, error, isUntried)) {
      if (!isUntried) job.isRetry = true;
      return this.#wait(job, true);
    }
    this.#end(job, () => job.failed(error));
    // The next connection would be refused as this one was; too many refusals lock an account.
    if (isRefused) for (const waiting of this.#waiting.splice(0)) this.#end(waiting, () => waiting.failed(error.about(waiting.messageId)));
  }

  /** A message of this connection is over. */
  #freed(member: Member, connection: Connection): void {
    if (connection.underWay === 0) {
      clearTimeout(member.idle);
      // Given up while it is being set up, it may never be: quit closes such a one at once.
      if (member.count >= this.#limits.maxMessages || !connection.isReady || !connection.isOpen) this.#leave(member);
      else if (this.#limits.idleTimeout < 2 ** 31) member.idle = setTimeout(() => this.#leave(member), this.#limits.idleTimeout);
    }
    this.#pump();
  }

  /** Says QUIT; until it is closed, it counts. */
  #leave({ idle, connection }: Member): void {
    clearTimeout(idle);
    connection?.quit();
  }
}

/** Whether a message met the end of its connection before any of its octets was sent, for the first time. */
function mayTryAgain({ isRetry, isOpened, message, signal }: Job, error: unknown, isUntried: boolean): boolean {
  if (signal.aborted || !(error instanceof SmtpError) || (message.plan.once === true && isOpened)) return false;
  if (isRetry && !isUntried) return false;
  if (error.stage === 'sender' && error.responseCode === 421) return true;
  return error.code === 'ECONNECTION' && error.dataSent === 'none' && error.outcome !== 'unknown';
}

const ANY = { connections: Infinity, at: Infinity, until: 0 };
/** Milliseconds for which no more connections are opened than stand, once one was refused. */
const REFUSED = 10_000;
/** Messages under way on a connection before the next one waits. */
const DEPTH = 4;

/** @internal */
export function closedError(): SmtpError {
  return new SmtpError('The transport was closed: make another one.', { code: 'ECONNECTION', origin: 'settings', stage: 'connect', outcome: 'temporary' });
}

