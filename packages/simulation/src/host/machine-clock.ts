import type { Timer } from '@headrace/core';
import { describeOptions, number } from '@headrace/core/authoring';
import { VirtualClock } from '@headrace/core/testing';
import type { SimulatedTime } from '../simulated-time.ts';

/** A fault of a host's clock. */
export interface ClockFault {
  /** Offset of the time of day, in milliseconds. @default unchanged */
  readonly offsetMs?: number;
  /**
   * Drift of the clock, from -0.99 to 99. 0.001 gains a second in a thousand seconds, and -0.001 loses a second. The drift
   * also affects `clock.now()` and all timers, including running timers.
   * @default unchanged
   */
  readonly drift?: number;
}

/** Time of day at which a simulation starts, the same as in virtual time. */
const BEGINNING_OF_TIME = new VirtualClock().timeOfDay();
const MAX_MS = Number.MAX_SAFE_INTEGER;
const FAULT = describeOptions('setClock', {
  offsetMs: number({ min: -MAX_MS, max: MAX_MS }),
  drift: number({ min: -0.99, max: 99 }),
});

interface Alarm {
  readonly dueMs: number;
  readonly task: () => void;
  planned: Timer;
}

/** The clock of a machine, which continues when the machine is restarted. */
export class MachineClock {
  private readonly time: SimulatedTime;
  private readonly alarms = new Set<Alarm>();
  private rate = 1;
  private offsetMs = 0;
  private changedAt = 0;
  private countedMs = 0;

  constructor(time: SimulatedTime) {
    this.time = time;
  }

  /** Monotonic time, in milliseconds. */
  get now(): number {
    return this.countedMs + (this.time.now - this.changedAt) * this.rate;
  }

  get timeOfDay(): number {
    return BEGINNING_OF_TIME + this.offsetMs + this.now;
  }

  set(fault: ClockFault): void {
    const { offsetMs = this.offsetMs, drift = this.rate - 1 } = FAULT.resolve(fault);
    this.countedMs = this.now;
    this.changedAt = this.time.now;
    this.rate = 1 + drift;
    this.offsetMs = offsetMs;
    for (const alarm of this.alarms) {
      alarm.planned.cancel();
      alarm.planned = this.planIn(alarm.dueMs - this.now, alarm);
    }
  }

  /** Runs a task after this clock has counted `delayMs` more milliseconds, even if its drift changes. */
  schedule(task: () => void, delayMs: number): Timer {
    const alarm: Alarm = { dueMs: this.now + delayMs, task, planned: NEVER };
    alarm.planned = this.planIn(delayMs, alarm);
    this.alarms.add(alarm);
    return {
      cancel: () => {
        this.alarms.delete(alarm);
        alarm.planned.cancel();
      },
    };
  }

  private planIn(delayMs: number, alarm: Alarm): Timer {
    return this.time.plan(this.time.now + delayMs / this.rate, () => {
      this.alarms.delete(alarm);
      alarm.task();
    });
  }
}

/** A timer that never fires. */
export const NEVER: Timer = { cancel: () => {} };
