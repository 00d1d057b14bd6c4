/** A task that runs later and can be canceled. */
export interface Timer {
  /** Cancels the task. Further calls do nothing. */
  cancel(): void;
}

/** The shares of busy connections in the turns of an event loop. Channels use the `turns` of their {@link Clock}. */
export interface Turns {
  /**
   * Returns the time at which input that starts at `now` has used up its share of this turn. All busy connections share one
   * `budgetMs`. A connection that has not waited receives at least a quarter of `budgetMs`.
   *
   * @param now - time of the clock, in milliseconds
   */
  endOfShare(now: number, budgetMs: number): number;
  /**
   * Queues input whose share ended at `now`. Each turn resumes one connection, in the order of these calls.
   *
   * @param now - time of the clock, in milliseconds
   */
  wait(now: number, resume: () => void): void;
  /** Whether connections wait for their turn. */
  readonly isBusy: boolean;
}

/** An entry that is due at a certain time. A clock keeps a very large number of entries with one timer. */
export interface DeadlineEntry {
  /** Time at which the entry is due, in milliseconds of the clock. Set by the clock. */
  deadline: number;
  /** Index of the entry in the clock's heap, or -1 outside the heap. Set by the clock. */
  heapIndex: number;
  /** Order of addition among entries with the same deadline. Set by the clock. */
  heapOrder: number;
  /** Whether the entry keeps the process alive until it expires or is removed. @default false */
  readonly keepsProcess?: boolean;
  /** Called outside any asynchronous context when the entry is due and has left the heap. The method must not throw. */
  expire(): void;
}

/** The deadlines of a {@link Clock}. One timer serves the deadlines of all connections and calls. */
export interface Deadlines {
  /** Sets an entry to be due `delayMs` from now, or never with `Infinity`. An entry that was added before is moved. */
  add(entry: DeadlineEntry, delayMs: number): void;
  /** Removes an entry. Does nothing if the entry is not in the heap. */
  remove(entry: DeadlineEntry): void;
  /**
   * Runs a task once after `delayMs`, as `clock.schedule` does. Use it for tasks of which many can be due at the same time,
   * because a peer, or a failure of all peers, starts them. For a deadline of a channel, use `ctx.deadline`.
   */
  schedule(task: () => void, delayMs: number): Timer;
}

/**
 * Whether the time of a deadline stands still while reads are held, or while auto-read is off and no input is requested. Use
 * `'pauses'` for a deadline by which the peer must send data. Use `'runs'` for output, for our own waits, and for a deadline
 * that limits the resources of a stranger.
 */
export type WhileHeld = 'pauses' | 'runs';

/** The length of a deadline, and whether its time can stand still. */
export interface DeadlineRule {
  /** Length of the deadline in milliseconds, `Infinity` for never. */
  readonly ms: number;
  readonly whileHeld: WhileHeld;
}

/**
 * The only source of time and of turns of the event loop. Tests replace it with a virtual clock. A clock of your own that wraps
 * another clock, such as `systemClock`, must pass each call on and have its `turns` and `deadlines`. The channels of both clocks
 * then share the event loop as with one clock.
 */
export interface Clock {
  /** Returns the monotonic time, in milliseconds. */
  now(): number;
  /** Returns the milliseconds since 1970, UTC. The value can jump when the time of the machine is set. */
  timeOfDay(): number;
  /**
   * Runs a task once after `delayMs`. Does not keep the process alive unless `ref` is true. A task that is late, because the
   * process stood still, waits for a turn of the event loop in which the sockets are read.
   */
  schedule(task: () => void, delayMs: number, ref?: boolean): Timer;
  /** Runs a task soon, after the current event. */
  execute(task: () => void): void;
  /** Runs a task in the next turn of the event loop, after the sockets and timers that are due. */
  nextTurn(task: () => void): void;
  /** Shares of the connections in the turns. All clocks of one event loop have the same object. */
  readonly turns: Turns;
  /**
   * Deadlines of connections and calls, with one timer. A timer for each would take 230 bytes more. Deadlines that are due
   * together are called in turns of the event loop. Deadlines use the time of the clock to which they belong.
   */
  readonly deadlines: Deadlines;
  /**
   * Returns a number from 0 to 2^32 - 1 for the id of a new channel. A virtual clock may count its own channels, so that
   * a run that is repeated has the same ids. @default the next number of this process
   */
  channelNumber?(): number | undefined;
}
