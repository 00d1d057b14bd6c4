/** Outcomes that are kept for later datagrams; when more are under way, these are made and dropped. */
const MAX_FREE = 64;

/** The sender of a datagram, which gets its outcome. */
export interface OutcomeReceiver {
  came(place: number, host: string | undefined, port: number, error: Error | null): void;
}

/** Knows which datagram it is about. It serves one datagram after the other, so that a send makes no function. */
class Outcome {
  receiver: OutcomeReceiver | undefined = undefined;
  place = 0;
  host: string | undefined = undefined;
  port = 0;
  readonly sent: (error: Error | null) => void;

  constructor(free: Outcome[]) {
    this.sent = (error) => {
      const { receiver, place, host, port } = this;
      this.receiver = undefined;
      if (free.length < MAX_FREE) free.push(this);
      receiver?.came(place, host, port, error);
    };
  }
}

/** The outcomes that one socket owes, for all its senders, in whatever order it reports them. */
export class SendOutcomes {
  private readonly free: Outcome[] = [];

  /** What the socket calls once. */
  of(
    receiver: OutcomeReceiver,
    place: number,
    host: string | undefined,
    port: number,
  ): (error: Error | null) => void {
    const outcome = this.free.pop() ?? new Outcome(this.free);
    outcome.receiver = receiver;
    outcome.place = place;
    outcome.host = host;
    outcome.port = port;
    return outcome.sent;
  }
}
