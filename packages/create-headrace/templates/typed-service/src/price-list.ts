// What the service knows. It has no idea of connections: a database may take its place.
import { EventEmitter, once } from 'node:events';

export class PriceList {
  private readonly prices = new Map<string, number>();
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private hasEnded = false;

  get(symbol: string): number | undefined {
    return this.prices.get(symbol);
  }

  /** Returns the price before. */
  set(symbol: string, price: number): number | undefined {
    const before = this.prices.get(symbol);
    this.prices.set(symbol, price);
    this.changes.emit(symbol);
    return before;
  }

  /**
   * The price now and each that follows, of a symbol that has one, until the signal or `end()`. A reader that is slow misses prices in
   * between: it holds nobody up, and nothing is kept for it.
   */
  async *follow(symbol: string, signal: AbortSignal): AsyncGenerator<number> {
    let told: number | undefined;
    while (!this.hasEnded && !signal.aborted) {
      const price = this.prices.get(symbol);
      if (price === undefined || price === told) {
        await once(this.changes, symbol, { signal }).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      } else {
        told = price;
        yield price;
      }
    }
  }

  /** Ends all that follow: a shutdown would wait for them. */
  end(): void {
    this.hasEnded = true;
    for (const symbol of this.prices.keys()) this.changes.emit(symbol);
  }
}
