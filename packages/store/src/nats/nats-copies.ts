import type { BusSubscription } from '@headrace/bus';
import { NatsSubscription, type NatsSubscriptionParts } from '@headrace/bus/nats';
import type { Msg } from '@nats-io/transport-node';
import type { LogEntry } from '../contract/log.ts';
import type { NatsStore } from './nats-store.ts';

/** Maximum number of live copies that wait until their epoch is known. */
const MAX_HELD = 1024;
/** Minimum time between two questions for a stream's creation time. */
const ASK_EVERY_MS = 1000;

/** The place of a live copy in its stream. */
export interface CopyPlace {
  readonly epoch: string;
  readonly sequence: number;
  /** The message before it on its subject. */
  readonly previous: number;
  /** The id in the header. */
  readonly id: string;
}

/** Puts the entries of live copies in order. */
interface CopyOrder<E> extends BusSubscription {
  take(entry: E): void;
}

/** Makes an entry of a live copy. */
type CopyReader<E> = (place: CopyPlace, message: Msg) => E | undefined;

/** The live copies of streams, over one connection. Notices a stream that was made again. */
export class NatsCopies {
  private readonly parts: NatsSubscriptionParts;
  /** The sequence of the last live copy of each stream. */
  private readonly lastSequences = new Map<NatsStore, number>();
  /** Streams whose creation time was asked for recently. The value is true if the time must be requested again. */
  private readonly suspected = new Map<NatsStore, boolean>();

  constructor(parts: NatsSubscriptionParts) {
    this.parts = parts;
  }

  /** Listens to other nodes that have found that the stream has lost messages. Returns a function that ends it. */
  watch(store: NatsStore, notices: string): () => void {
    const callback = (error: Error | null) => {
      if (error === null) this.suspect(store);
    };
    const subscription = this.parts.connection.subscribe(notices, { callback });
    return () => {
      subscription.unsubscribe();
      this.lastSequences.delete(store);
      this.suspected.delete(store);
    };
  }

  /**
   * Follows the copies on a subject. @param opened - resolves with the store once its epoch is known, because the copies do not
   * contain the epoch
   */
  follow<E extends LogEntry>(
    subject: string,
    opened: Promise<NatsStore>,
    read: CopyReader<E>,
    order: CopyOrder<E>,
  ): BusSubscription {
    let store: NatsStore | undefined;
    let held: Msg[] | undefined = [];
    const deliver = (message: Msg) => {
      const place = store && this.placeOf(store, message);
      const entry = place && read(place, message);
      if (entry !== undefined) order.take(entry);
    };
    const subscription = new NatsSubscription(this.parts, subject, (message) => {
      if (held === undefined) deliver(message);
      else if (held.length < MAX_HELD) held.push(message);
    });
    opened.then(
      (known) => {
        store = known;
        const waiting = held ?? [];
        held = undefined;
        for (const message of waiting) if (!subscription.isClosed) deliver(message);
      },
      // A missing entry is a gap, which the follower finds.
      () => {},
    );
    return {
      close: () => {
        order.close();
        subscription.close();
      },
    };
  }

  /** Ends the link, because its state belongs to the previous stream. */
  madeAnew({ name }: NatsStore): void {
    this.parts.lose(new Error(`the JetStream stream ${name} was made again, or has lost messages`));
  }

  /**
   * Checks whether the stream was made again. Called for a lower number than before, which can also be a late message of another
   * writer.
   */
  suspect(store: NatsStore): void {
    const { suspected } = this;
    const wasAsked = suspected.has(store);
    suspected.set(store, wasAsked);
    if (wasAsked) return;
    this.parts.clock.schedule(() => {
      const isAgain = suspected.get(store);
      suspected.delete(store);
      if (isAgain) this.suspect(store);
    }, ASK_EVERY_MS);
    store.isSame().then(
      (isSame) => {
        if (!isSame) this.madeAnew(store);
      },
      // The link notices a server that does not answer.
      () => {},
    );
  }

  private placeOf(store: NatsStore, { headers }: Msg): CopyPlace | undefined {
    const sequence = Number(headers?.get('Nats-Sequence'));
    const previous = Number(headers?.get('Nats-Last-Sequence'));
    if (headers === undefined || !(sequence > 0) || !(previous >= 0)) return undefined;
    if (sequence <= (this.lastSequences.get(store) ?? 0)) this.suspect(store);
    else this.lastSequences.set(store, sequence);
    const id = headers.get('Nats-Msg-Id');
    store.sawCopy(sequence, id);
    return { epoch: store.epoch!, sequence, previous, id };
  }
}
