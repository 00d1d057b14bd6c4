import type { Timer } from '@headrace/core';
import { describeOptions, number } from '@headrace/core/authoring';
import { VirtualClock } from '@headrace/core/testing';
import type { SimulatedTime } from '../simulated-time.ts';

/** How a host's clock goes wrong. */
export interface ClockFault {
  /** Added to the time of day. @default as before */
  readonly offsetMs?: number;
  /**
   * 0.001 gains a second in a thousand, -0.001 loses one; also in `clock.now()` and in timers, those that run included.
   * From -0.99 to 99. @default as before
   */
  readonly drift?: number;
}

/** The time of day at which a simulation begins, as virtual time does. */
const BEGINNING_OF_TIME = new VirtualClock().timeOfDay();
const MOST_MS = Number.MAX_SAFE_INTEGER;
const FAULT = describeOptions('setClock', {
  offsetMs: number({ min: -MOST_MS, max: MOST_MS }),
  drift: number({ min: -0.99, max: 99 }),
});

interface Alarm {
  readonly dueMs: number;
  readonly task: () => void;
  planned: Timer;
}

/** The clock of a machine: it goes on when the machine is restarted. */
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

  /** Monotonic. */
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

  /** Runs a task when this clock has counted so much more, at whatever speed it will. */
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
