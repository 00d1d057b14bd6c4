import type { Clock, Logger, Timer } from '@headrace/core';
import { RepeatLimit } from '@headrace/core/authoring';

/** Number of lines for one reason in one period, and its length. A node that is refused tries again each second. */
const LIMIT = { maxLines: 8, periodMs: 60_000 };

/**
 * The log lines about connections that were refused, limited by their reasons. Those that others have made have a limit of their
 * own: strangers make any number of them, with any reason, and must not silence what is logged about the nodes of the own list.
 */
export class MeshRefusals {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly ofStrangers = this.limit();
  private readonly ofOwnList = this.limit();
  private readonly timers = new Set<Timer>();

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock;
    this.logger = logger;
  }

  log(text: string, isStranger: boolean): void {
    const limit = isStranger ? this.ofStrangers : this.ofOwnList;
    if (limit.passes(text)) this.logger.log('warn', text);
  }

  close(): void {
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }

  private limit(): RepeatLimit {
    return new RepeatLimit({
      ...LIMIT,
      later: (task, delayMs) => {
        const timer = this.clock.schedule(() => {
          this.timers.delete(timer);
          task();
        }, delayMs);
        this.timers.add(timer);
      },
      report: (count, example, periodMs) =>
        this.logger.log(
          'warn',
          `${count} more lines like this in ${periodMs / 1000} s: ${example}`,
        ),
    });
  }
}
