/** Maximum number of outcome objects that are kept for later datagrams. Further objects are created and dropped. */
const MAX_FREE = 64;

/** The sender of a datagram, which receives the datagram's outcome. */
export interface OutcomeReceiver {
  came(place: number, host: string | undefined, port: number, error: Error | null): void;
}

/** The outcome of a datagram. The object is reused for later datagrams, so that a send creates no function. */
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

/** The pending outcomes of one socket, for all its senders. The socket can report them in any order. */
export class SendOutcomes {
  private readonly free: Outcome[] = [];

  /** Returns a callback that the socket calls once. */
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
