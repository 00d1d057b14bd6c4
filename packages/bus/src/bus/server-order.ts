/**
 * The order in which equal servers are tried, as those of a NATS cluster, or several Sentinels. Each attempt begins with the server
 * after the last one, because the last one failed or its connection was lost.
 */
export class ServerOrder {
  private readonly servers: readonly string[];
  /** The index of the next server, or undefined before the first attempt. */
  private next: number | undefined = undefined;

  constructor(servers: readonly string[]) {
    this.servers = servers;
  }

  /**
   * Tries the servers one after the other, each once. A server that does not answer gets only its share of the time. Rejects with
   * the error of the last server.
   *
   * @param tryServer - tries one server within a time in milliseconds
   */
  async try<T>(
    time: { readonly ms: number; readonly now: () => number; readonly random: () => number },
    tryServer: (server: string, ms: number) => Promise<T>,
  ): Promise<T> {
    const { servers } = this;
    // The nodes begin with different servers.
    this.next ??= Math.floor(time.random() * servers.length);
    const end = time.now() + time.ms;
    for (let left = servers.length; ; left -= 1) {
      const server = servers[this.next % servers.length]!;
      this.next = (this.next + 1) % servers.length;
      try {
        return await tryServer(server, Math.max(1, (end - time.now()) / left));
      } catch (error) {
        if (left === 1) throw error;
      }
    }
  }
}
