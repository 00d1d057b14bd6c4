/** Maximum number of servers that are remembered because another one named them. */
const MAX_LEARNED = 32;

/**
 * The order in which equal servers are tried, as those of a NATS cluster, or several Sentinels. Each attempt begins with the server
 * after the last one, because the last one failed or its connection was lost.
 */
export class ServerOrder {
  private readonly servers: readonly string[];
  /** Servers that one of the servers has named. */
  private learned: readonly string[] = [];
  /** The index of the next server, or undefined before the first attempt. */
  private next: number | undefined = undefined;

  constructor(servers: readonly string[]) {
    this.servers = servers;
  }

  /**
   * Takes the servers that one of the servers names, in place of those that were named before. They are tried after the given ones,
   * because not every client can reach the addresses that servers have among themselves.
   */
  learn(named: readonly string[]): void {
    const known = new Set(this.servers.map(hostOf));
    this.learned = [...new Set(named)]
      .filter((server) => !known.has(hostOf(server)))
      .slice(0, MAX_LEARNED);
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
    const first = this.next ?? Math.floor(time.random() * servers.length);
    const turn = [...servers.slice(first), ...servers.slice(0, first), ...this.learned];
    const end = time.now() + time.ms;
    for (const [index, server] of turn.entries()) {
      const left = turn.length - index;
      if (index < servers.length) this.next = (first + index + 1) % servers.length;
      try {
        return await tryServer(server, Math.max(1, (end - time.now()) / left));
      } catch (error) {
        if (left === 1) throw error;
      }
    }
    throw new Error('there are no servers');
  }
}

/** The host and the port at the end of an address. */
function hostOf(server: string): string {
  return server.replace(/^.*[/@](?=[^/@]+$)/, '');
}
