import { ResumeTable, type ResumeTableOptions, type SessionLog } from '@headrace/lasting';
import type { JournalLog } from '../../src/server/journal-owner.ts';
import type { LoggedTransport } from '../../src/server/logged-transport.ts';
import type { ResumeSession } from '../../src/server/resume-session.ts';
import { SessionTransport } from '../../src/server/session-transport.ts';

/** Changes the transport of each session, before its client is there. */
abstract class ChangingTable extends ResumeTable {
  protected abstract change(transport: LoggedTransport): void;

  protected override sessionWith(...call: readonly [never]): ResumeSession {
    const session = super.sessionWith(...call);
    this.change(session.logged!);
    return session;
  }
}

/** What was taken is acknowledged before it is stored. */
export class EagerAcknowledgements extends ChangingTable {
  protected override change(transport: LoggedTransport): void {
    transport.taken = (bytes) => {
      SessionTransport.prototype.taken.call(transport, bytes);
      transport.journal.changed();
    };
  }
}

/** What was written is sent before it is stored. */
export class EagerWrites extends ChangingTable {
  protected override change(transport: LoggedTransport): void {
    transport.write = (messages, bytes) => {
      transport.journal.changed();
      return SessionTransport.prototype.write.call(transport, messages, bytes);
    };
  }
}

/** A client that comes over a new link is answered before what it sent over the old one is stored, and so sends it again. */
export class EagerAnswers extends ChangingTable {
  protected override change(transport: LoggedTransport): void {
    transport.resume = (...call) => SessionTransport.prototype.resume.apply(transport, call);
  }
}

/** Work under way is forgotten. */
export class NoHolds extends ChangingTable {
  protected override change(transport: LoggedTransport): void {
    transport.holdMessage = () => undefined;
  }
}

/** The last writer wins, whoever it is. */
export class NoFence extends ResumeTable {
  constructor(options: ResumeTableOptions) {
    const log = options.log!;
    const append: SessionLog['append'] = async (id, record, place) => {
      const revision = await log.append(id, record, place);
      if (revision !== undefined) return revision;
      const found = await log.read(id);
      return log.append(id, record, { after: found?.revision, replaces: true });
    };
    super({ ...options, log: { ...log, append } });
  }
}

/** An append that never settles is waited for. */
export class NoDeadline extends ChangingTable {
  protected override change(transport: LoggedTransport): void {
    const { parts } = transport.journal as unknown as { parts: JournalLog };
    const changed: JournalLog = Object.create(parts, {
      ask: { value: (_clock: unknown, question: () => unknown) => question() },
    });
    Object.assign(transport.journal, { parts: changed });
  }
}
