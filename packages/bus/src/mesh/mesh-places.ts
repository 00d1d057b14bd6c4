import type { Addresses, AddressFunction, ReconnectingClient } from '@headrace/client';
import {
  type Clock,
  type Context,
  DecodeError,
  type Handler,
  type Logger,
  type PortPlace,
  type Timer,
} from '@headrace/core';
import { Attempt, toError } from '@headrace/core/authoring';
import type { MeshConnections } from './mesh-connections.ts';
import { FRAME } from './mesh-frame.ts';
import type { MeshEnd, MeshGreeting } from './mesh-greeting.ts';
import type { HandshakeOwner, Verdict } from './mesh-handshake.ts';
import { type MeshPlace, placeText, toPlaces } from './mesh-place.ts';

/** Interval at which a function of addresses is called. */
const ASK_EACH_MS = 5000;
/** Number of attempts after which the log has a line about a register that does not answer: some seconds. */
const WARN_AT_LOSS = 6;

/** A source of the addresses of nodes. */
export interface PlaceSource {
  /** The addresses, or undefined before the first answer. */
  readonly places: readonly MeshPlace[] | undefined;
  close(): void;
}

/** Notified by a {@link PlaceSource} of new addresses. */
export interface PlacesOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connectTimeoutMs: number;
  placesChanged(): void;
}

/** Returns the source of the option `peers`. */
export function listedPlaces(peers: Addresses<PortPlace>, owner: PlacesOwner): PlaceSource {
  if (typeof peers === 'function') return new AskedPlaces(peers, owner);
  return { places: toPlaces(peers), close: () => {} };
}

/** The answers of a function that is called again and again. */
class AskedPlaces implements PlaceSource {
  places: readonly MeshPlace[] | undefined = undefined;
  private readonly ask: AddressFunction<PortPlace>;
  private readonly owner: PlacesOwner;
  private attempt: Attempt<readonly PortPlace[]> | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private isFailing = false;

  constructor(ask: AddressFunction<PortPlace>, owner: PlacesOwner) {
    this.ask = ask;
    this.owner = owner;
    this.begin();
  }

  close(): void {
    this.timer?.cancel();
    this.attempt?.drop();
  }

  private begin(): void {
    const { clock, connectTimeoutMs: timeoutMs } = this.owner;
    this.attempt = new Attempt<readonly PortPlace[]>(
      async (signal) => this.ask({ signal }),
      { done: (found) => this.found(found), failed: (error) => this.failed(error) },
      { clock, timeoutMs, error: () => new Error(`no answer within ${timeoutMs} ms`) },
    );
  }

  private found(found: readonly PortPlace[]): void {
    try {
      this.places = toPlaces(found);
      this.isFailing = false;
    } catch (thrown) {
      this.failed(toError(thrown));
      return;
    }
    this.askLater();
    this.owner.placesChanged();
  }

  /** Keeps the last addresses. The first failure in a row is logged. */
  private failed(error: Error): void {
    if (!this.isFailing) {
      this.owner.logger.log('warn', `the addresses of the mesh are not known: ${error.message}`);
    }
    this.isFailing = true;
    this.places ??= [];
    this.askLater();
    this.owner.placesChanged();
  }

  private askLater(): void {
    this.timer = this.owner.clock.schedule(() => this.begin(), ASK_EACH_MS);
  }
}

/** The list of a register. While the register cannot be reached, its last list holds. */
export class RegisteredPlaces implements PlaceSource, HandshakeOwner {
  readonly node: MeshEnd;
  places: readonly MeshPlace[] | undefined = undefined;
  private readonly owner: PlacesOwner;
  private readonly connections: MeshConnections;
  private readonly name: string;
  private readonly client: ReconnectingClient;
  /** Since the last list. */
  private losses = 0;
  /** Why the register was refused last, since the last list. */
  private refusal: string | undefined = undefined;

  constructor(place: MeshPlace, node: MeshEnd, connections: MeshConnections, owner: PlacesOwner) {
    this.node = node;
    this.owner = owner;
    this.connections = connections;
    this.name = placeText(place);
    this.client = connections.client([place], this);
    this.client.on('loss', ({ error }) => {
      this.losses += 1;
      // A register can start after the nodes.
      if (this.losses === WARN_AT_LOSS) this.warn(error.message);
    });
    void this.client.start();
  }

  close(): void {
    void this.client.close();
  }

  decide({ kind }: MeshGreeting): Verdict {
    return kind === 'register' ? 'join' : 'leave';
  }

  done(ctx: Context, _other: MeshGreeting, verdict: Verdict): void {
    if (verdict !== 'join') this.refused(ctx, 'a node listens there, not a register');
    else this.connections.begin(ctx, new PlacesReader((places) => this.listed(places)));
  }

  refused(_ctx: Context, why: string): void {
    if (why === this.refusal) return;
    this.refusal = why;
    this.warn(why);
  }

  private listed(places: readonly MeshPlace[]): void {
    this.losses = 0;
    this.refusal = undefined;
    this.places = places;
    this.owner.placesChanged();
  }

  private warn(why: string): void {
    this.owner.logger.log('warn', `no answer of the register ${this.name}: ${why}`);
  }
}

/** Reads the lists of a register. */
class PlacesReader implements Handler {
  private readonly listed: (places: readonly MeshPlace[]) => void;

  constructor(listed: (places: readonly MeshPlace[]) => void) {
    this.listed = listed;
  }

  channelRead(_ctx: Context, frame: Buffer): void {
    if (frame[0] !== FRAME.places) return;
    let places: readonly MeshPlace[];
    try {
      places = toPlaces(JSON.parse(frame.toString('utf8', 1)));
    } catch (thrown) {
      const text = 'a list of addresses that cannot be read';
      throw new DecodeError('MESSAGE_INVALID', text, {}, toError(thrown));
    }
    this.listed(places);
  }
}
