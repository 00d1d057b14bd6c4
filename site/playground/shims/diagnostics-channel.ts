// `node:diagnostics_channel`: names that one publishes on, and others subscribe to.
type Subscriber = (message: unknown, name: string) => void;

export class Channel {
  readonly name: string;
  private readonly subscribers = new Set<Subscriber>();

  constructor(name: string) {
    this.name = name;
  }

  get hasSubscribers(): boolean {
    return this.subscribers.size > 0;
  }

  subscribe(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber): boolean {
    return this.subscribers.delete(subscriber);
  }

  publish(message: unknown): void {
    for (const subscriber of this.subscribers) subscriber(message, this.name);
  }
}

const channels = new Map<string, Channel>();

export function channel(name: string): Channel {
  let known = channels.get(name);
  if (known === undefined) {
    known = new Channel(name);
    channels.set(name, known);
  }
  return known;
}

export const hasSubscribers = (name: string): boolean => channel(name).hasSubscribers;
export const subscribe = (name: string, subscriber: Subscriber): void =>
  channel(name).subscribe(subscriber);
export const unsubscribe = (name: string, subscriber: Subscriber): boolean =>
  channel(name).unsubscribe(subscriber);
export default { Channel, channel, hasSubscribers, subscribe, unsubscribe };
