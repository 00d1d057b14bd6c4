import type { Clock, Logger } from '@headrace/core';
import { RepeatLimit } from '@headrace/core/authoring';

/** Number of lines for one reason in one period, and its length. A node that is refused tries again each second. */
const LIMIT = { maxLines: 8, periodMs: 60_000 };

/**
 * The log lines about connections that were refused, limited by their reasons. Those that others have made have a limit of their
 * own: strangers make any number of them, with any reason, and must not silence what is logged about the nodes of the own list.
 */
export class MeshRefusals {
  private readonly logger: Logger;
  private readonly ofStrangers: RepeatLimit;
  private readonly ofOwnList: RepeatLimit;

  constructor(clock: Clock, logger: Logger) {
    const owner = { ...LIMIT, clock, report: (line: string) => logger.log('warn', line) };
    this.logger = logger;
    this.ofStrangers = new RepeatLimit(owner);
    this.ofOwnList = new RepeatLimit(owner);
  }

  log(text: string, isStranger: boolean): void {
    const limit = isStranger ? this.ofStrangers : this.ofOwnList;
    if (limit.passes(text)) this.logger.log('warn', text);
  }

  close(): void {
    this.ofStrangers.close();
    this.ofOwnList.close();
  }
}
