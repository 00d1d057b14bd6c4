import { type ArrivingSession, ResumeTable } from '@headrace/lasting';
import type { ResumeSession } from '../../src/server/resume-session.ts';

type Open = ResumeTable['open'];
type Take = ResumeTable['take'];

/** Changes each session of a table, wherever it comes from. */
abstract class ChangingTable extends ResumeTable {
  protected abstract change(session: ResumeSession): void;

  override open(...call: Parameters<Open>): ReturnType<Open> {
    const session = super.open(...call);
    this.change(session);
    return session;
  }

  override take(...call: Parameters<Take>): ArrivingSession {
    const taken = super.take(...call);
    for (const session of this['sessions'].values()) this.change(session);
    return taken;
  }
}

/** A channel of which nobody knows whether the other process has it is served on over its link. */
export class CertainTable extends ChangingTable {
  protected override change(session: ResumeSession): void {
    session.contest = () => {};
  }
}

/** The client keeps the secret that both processes know. */
export class SharingTable extends ChangingTable {
  protected override change({ transport }: ResumeSession): void {
    const machine = transport['machine'];
    machine['newSecret'] = () => machine.secrets.last;
  }
}

/** A secret of another process that is unknown here is a wrong one. */
export class StrictTable extends ChangingTable {
  protected override change(session: ResumeSession): void {
    session.hasTraveled = false;
    session.contest = () => session.transport.contest();
  }
}
